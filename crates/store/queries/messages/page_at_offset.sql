-- index messages_entries, backwards: $3 entries are passed over in the index, before any is looked up; $2 is the first seq the reader may see
SELECT * FROM entries WHERE room_id = $1 AND seq >= $2
    AND seq <= (
        SELECT seq FROM messages WHERE room_id = $1 AND seq >= $2 AND target_seq IS NULL ORDER BY seq DESC OFFSET $3 LIMIT 1
    )
ORDER BY seq DESC LIMIT $4
