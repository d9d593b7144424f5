DELETE FROM devices WHERE id = $1 AND user_id = $2
