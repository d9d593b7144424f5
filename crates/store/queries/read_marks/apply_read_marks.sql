-- The last entry up to the mark, by index messages_entries. NULL when it was committed after this statement began: nobody has read such an entry yet.
SELECT moved.*, (
    SELECT e.message_id FROM messages e
    WHERE e.room_id = moved.room_id AND e.seq <= moved.read_seq AND e.target_seq IS NULL ORDER BY e.seq DESC LIMIT 1
) AS message_id
FROM apply_read_marks($1, $2, $3, $4) moved
