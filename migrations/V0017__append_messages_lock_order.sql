-- append_messages as in V0007, but that it locks the members whose marks it moves in the order of apply_read_marks. Both move many rows in one
-- call, and waited for each other in a circle before: PostgreSQL ends that after a second, by failing one of them.
CREATE OR REPLACE FUNCTION append_messages(
    p_room_id UUID[], p_sender_id UUID[], p_client_message_id TEXT[], p_message_id UUID[], p_type TEXT[], p_content TEXT[], p_digest UUID[],
    p_reply_to UUID[]
) RETURNS TABLE (ord BIGINT, status TEXT, seq BIGINT, number BIGINT, message_id UUID, created_at TIMESTAMPTZ, sender_nickname TEXT)
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_now TIMESTAMPTZ;
BEGIN
    PERFORM 1 FROM rooms WHERE id = ANY (p_room_id) ORDER BY id FOR UPDATE;
    -- In the order of apply_read_marks, which moves the same rows.
    PERFORM 1 FROM room_members m
    JOIN (SELECT DISTINCT * FROM unnest(p_room_id, p_sender_id) AS u (room_id, user_id)) i
        ON m.room_id = i.room_id AND m.user_id = i.user_id
    ORDER BY m.room_id, m.user_id FOR UPDATE OF m;
    v_now := clock_timestamp();
    RETURN QUERY
    WITH input AS (
        SELECT * FROM unnest(p_room_id, p_sender_id, p_client_message_id, p_message_id, p_type, p_content, p_digest, p_reply_to)
            WITH ORDINALITY AS i (room_id, sender_id, client_message_id, message_id, type, content, digest, reply_to, ord)
    ), judged AS MATERIALIZED (
        SELECT i.*, old.seq AS old_seq, old.number AS old_number, old.message_id AS old_message_id, old.digest AS old_digest,
               old.created_at AS old_created_at, member.user_id IS NOT NULL AS is_member,
               -- Joined by the id alone: without one, the look-up ends before it begins.
               i.reply_to IS NULL OR coalesce(
                   target.room_id = i.room_id AND target.seq >= member.joined_seq AND target.type IN ('TEXT', 'IMAGE')
                   AND target.deleted_at IS NULL, FALSE) AS reply_found
        FROM input i
        LEFT JOIN messages old
            ON old.room_id = i.room_id AND old.sender_id = i.sender_id AND old.client_message_id = i.client_message_id
        LEFT JOIN room_members member
            ON member.room_id = i.room_id AND member.user_id = i.sender_id AND member.left_seq IS NULL
        LEFT JOIN messages target ON target.message_id = i.reply_to
    ), known AS MATERIALIZED (
        SELECT j.*, first_value(j.ord) OVER same_id AS first_ord, first_value(j.digest) OVER same_id AS first_digest
        FROM judged j
        WINDOW same_id AS (PARTITION BY j.room_id, j.sender_id, j.client_message_id ORDER BY j.reply_found DESC, j.ord)
    ), fresh AS MATERIALIZED (
        SELECT k.*, r.head_seq + row_number() OVER in_room AS seq, r.last_number + row_number() OVER in_room AS number
        FROM known k JOIN rooms r ON r.id = k.room_id
        WHERE k.is_member AND k.reply_found AND k.old_seq IS NULL AND k.first_ord = k.ord
        WINDOW in_room AS (PARTITION BY k.room_id ORDER BY k.ord)
    ), stored AS (
        INSERT INTO messages (room_id, seq, number, message_id, sender_id, client_message_id, type, content, digest, created_at, reply_to)
        SELECT f.room_id, f.seq, f.number, f.message_id, f.sender_id, f.client_message_id, f.type, f.content, f.digest, v_now, f.reply_to
        FROM fresh f
    ), heads AS (
        UPDATE rooms r SET head_seq = last.seq, last_number = last.number
        FROM (SELECT room_id, max(seq) AS seq, max(number) AS number FROM fresh GROUP BY room_id) last
        WHERE r.id = last.room_id
    ), own_marks AS (
        UPDATE room_members m SET read_seq = last.seq, read_number = last.number, read_at = v_now
        FROM (SELECT room_id, sender_id, max(seq) AS seq, max(number) AS number FROM fresh GROUP BY room_id, sender_id) last
        WHERE m.room_id = last.room_id AND m.user_id = last.sender_id AND m.read_seq < last.seq
    )
    SELECT k.ord,
           CASE
               WHEN k.old_seq IS NOT NULL AND k.old_digest = k.digest THEN 'duplicate'
               WHEN k.old_seq IS NOT NULL THEN 'id_conflict'
               WHEN NOT k.is_member THEN 'not_member'
               WHEN NOT k.reply_found THEN 'message_not_found'
               WHEN k.first_ord = k.ord THEN 'committed'
               WHEN k.first_digest = k.digest THEN 'duplicate'
               ELSE 'id_conflict'
           END,
           coalesce(k.old_seq, f.seq), coalesce(k.old_number, f.number), coalesce(k.old_message_id, f.message_id),
           coalesce(k.old_created_at, v_now), u.nickname
    FROM known k
    LEFT JOIN fresh f ON f.ord = k.first_ord
    LEFT JOIN users u ON u.id = k.sender_id
    ORDER BY k.ord;
END $$;
