-- primary key, forwards
SELECT * FROM timeline WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
