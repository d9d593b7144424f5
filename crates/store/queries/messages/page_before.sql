-- index messages_entries, backwards; $3 is the first seq the reader may see
SELECT * FROM entries WHERE room_id = $1 AND seq < $2 AND seq >= $3 ORDER BY seq DESC LIMIT $4
