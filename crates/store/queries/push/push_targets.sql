-- What is true just before the pushes of these jobs are sent: primary keys, index messages_entries. No row: the device is gone. The message is the
-- newest that is still worth telling, because that of the job may have been deleted since; looked for among so many, nearly always the first.
SELECT j.device_id, j.room_id, d.endpoint, d.p256dh, d.auth, d.registered_at, d.user_id, r.type = 'DIRECT' AS direct,
       m.read_seq, m.read_number, m.joined_seq, m.notify_level, m.muted_until,
       e.number, e.content, s.nickname AS sender_nickname
FROM unnest($1::UUID[], $2::UUID[], $3::BIGINT[]) AS j (device_id, room_id, seq)
JOIN devices d ON d.id = j.device_id
JOIN rooms r ON r.id = j.room_id
LEFT JOIN room_members m ON m.room_id = j.room_id AND m.user_id = d.user_id AND m.left_seq IS NULL
LEFT JOIN LATERAL (
    SELECT newest.* FROM (
        SELECT x.seq, x.number, x.sender_id, x.type, x.content, x.deleted_at
        FROM messages x
        WHERE x.room_id = j.room_id AND x.target_seq IS NULL AND x.seq <= j.seq AND x.seq > greatest(m.read_seq, m.joined_seq)
        ORDER BY x.seq DESC
        LIMIT 100
    ) newest
    WHERE newest.type IN ('TEXT', 'IMAGE') AND newest.deleted_at IS NULL AND newest.sender_id <> d.user_id
        AND (m.notify_level <> 'MENTIONS' OR newest.content ILIKE '%<@' || d.user_id || '>%')
    ORDER BY newest.seq DESC
    LIMIT 1
) e ON TRUE
LEFT JOIN users s ON s.id = e.sender_id
