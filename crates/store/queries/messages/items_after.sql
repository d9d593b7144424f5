-- primary key, forwards
SELECT * FROM timeline_items WHERE room_id = $1 AND place > $2 ORDER BY place LIMIT $3
