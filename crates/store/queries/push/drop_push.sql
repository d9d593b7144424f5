DELETE FROM push_jobs WHERE device_id = $1 AND room_id = $2 AND claim = $3 AND seq = $4 AND state = $5
