-- What is true just before the pushes of these jobs are sent: primary keys, index messages_entries. No row: the device is gone.
SELECT j.device_id, j.room_id, d.endpoint, d.p256dh, d.auth, d.user_id, r.type = 'DIRECT' AS direct,
       m.read_seq, m.read_number, m.joined_seq, m.notify_level, m.muted_until,
       e.number, e.content, e.deleted_at, s.nickname AS sender_nickname
FROM unnest($1::UUID[], $2::UUID[], $3::BIGINT[]) AS j (device_id, room_id, seq)
JOIN devices d ON d.id = j.device_id
JOIN rooms r ON r.id = j.room_id
LEFT JOIN room_members m ON m.room_id = j.room_id AND m.user_id = d.user_id AND m.left_seq IS NULL
LEFT JOIN messages e ON e.room_id = j.room_id AND e.seq = j.seq AND e.target_seq IS NULL
LEFT JOIN users s ON s.id = e.sender_id
