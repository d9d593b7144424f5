-- Edits, deletions and reactions. Each is a row of the timeline with a seq of its own, so that order, idempotency and catch-up are the
-- ones of messages. It has no content: an edit changes the message's row, a deletion empties it. A text that was deleted is nowhere.
ALTER TABLE messages
    ADD COLUMN target_seq BIGINT,           -- of a change (type EDIT, DELETE, REACT): the message it changes; NULL: an entry
    ADD COLUMN emoji      TEXT COLLATE "C", -- of a REACT
    ADD COLUMN removed    BOOLEAN,          -- of a REACT: the reaction was taken back
    ADD COLUMN reply_to   UUID,             -- of a message: the one it answers
    ADD COLUMN edited_at  TIMESTAMPTZ,
    ADD COLUMN deleted_at TIMESTAMPTZ;

-- How changes and answers name a message. Ids are time-ordered: the index grows at its end.
CREATE UNIQUE INDEX IF NOT EXISTS messages_id ON messages (message_id);
-- History and room lists step over any number of changes; catch-up finds them between any number of entries.
CREATE INDEX IF NOT EXISTS messages_entries ON messages (room_id, seq) WHERE target_seq IS NULL;
CREATE INDEX IF NOT EXISTS messages_changes ON messages (room_id, seq) WHERE target_seq IS NOT NULL;

CREATE TABLE reactions (
    room_id    UUID NOT NULL,
    seq        BIGINT NOT NULL,             -- of the message
    emoji      TEXT COLLATE "C" NOT NULL,
    user_id    UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (room_id, seq, emoji, user_id)
);

-- Entries as clients see them: messages and system entries, as they are now.
CREATE VIEW entries AS
SELECT m.room_id, m.seq, m.number, m.message_id, m.sender_id, s.nickname AS sender_nickname, m.client_message_id, m.type, m.content,
       CASE WHEN m.member_ids IS NOT NULL THEN (
           SELECT jsonb_agg(jsonb_build_object('userId', u.id, 'nickname', u.nickname) ORDER BY named.place)
           FROM unnest(m.member_ids) WITH ORDINALITY AS named (id, place) JOIN users u ON u.id = named.id
       ) END AS members,
       m.created_at, m.reply_to, m.edited_at, m.deleted_at,
       (SELECT jsonb_agg(jsonb_build_object('emoji', r.emoji, 'count', r.count, 'userIds', r.user_ids) ORDER BY r.since, r.emoji)
        FROM (SELECT x.emoji, count(*) AS count, min(x.created_at) AS since,
                     (array_agg(x.user_id ORDER BY x.created_at, x.user_id))[1:20] AS user_ids
              FROM reactions x WHERE x.room_id = m.room_id AND x.seq = m.seq GROUP BY x.emoji) r) AS reactions
FROM messages m JOIN users s ON s.id = m.sender_id
WHERE m.target_seq IS NULL;

-- The same without what is new: for processes of the version before, whose prepared statements expect these columns.
CREATE OR REPLACE VIEW timeline AS
SELECT room_id, seq, number, message_id, sender_id, sender_nickname, client_message_id, type, content, members, created_at FROM entries;

-- Changes, with the message as it is now. LIMIT keeps the inner query a look-up by key.
CREATE VIEW message_changes AS
SELECT c.room_id, c.seq AS place, c.type AS change, c.sender_id AS actor_id, a.nickname AS actor_nickname, c.client_message_id AS change_id,
       c.created_at AS changed_at, c.emoji, c.removed,
       e.seq, e.number, e.message_id, e.sender_id, e.sender_nickname, e.client_message_id, e.type, e.content, e.members, e.created_at,
       e.reply_to, e.edited_at, e.deleted_at, e.reactions
FROM messages c
JOIN users a ON a.id = c.sender_id
CROSS JOIN LATERAL (SELECT * FROM entries e WHERE e.room_id = c.room_id AND e.seq = c.target_seq LIMIT 1) e
WHERE c.target_seq IS NOT NULL;

-- append_messages with the messages answered. The version without them stays for persisters of the version before.
-- One more status: message_not_found, when reply_to is no message that the sender can see.
CREATE FUNCTION append_messages(
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

-- Edits, deletes, or reacts to a message: one row under the room's lock, and the message's own row changed with it. Returns the change and
-- the message after it, with a status: committed | duplicate | unchanged | id_conflict | not_member | message_not_found | system_entry |
-- not_own_text | not_deletable | too_many_emojis.
CREATE FUNCTION change_message(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_change TEXT, p_target_id UUID,
    p_content TEXT, p_emoji TEXT, p_remove BOOLEAN, p_emojis_max BIGINT
) RETURNS TABLE (status TEXT, head BIGINT, item message_changes)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_now TIMESTAMPTZ;
    v_head BIGINT;
    v_number BIGINT;
    v_room_type TEXT;
    v_seq BIGINT;
    v_digest UUID;
    v_joined_seq BIGINT;
    v_role TEXT;
    v_target messages%ROWTYPE;
    v_status TEXT;
BEGIN
    SELECT r.type, r.head_seq, r.last_number INTO v_room_type, v_head, v_number FROM rooms r WHERE r.id = p_room_id FOR UPDATE;
    v_now := clock_timestamp();
    SELECT m.seq, m.digest INTO v_seq, v_digest FROM messages m
    WHERE m.room_id = p_room_id AND m.sender_id = p_actor_id AND m.client_message_id = p_client_message_id;
    SELECT m.joined_seq, m.role INTO v_joined_seq, v_role FROM room_members m
    WHERE m.room_id = p_room_id AND m.user_id = p_actor_id AND m.left_seq IS NULL;
    SELECT * INTO v_target FROM messages m WHERE m.message_id = p_target_id;
    v_status := CASE
        WHEN v_seq IS NOT NULL AND v_digest = p_digest THEN 'duplicate'
        WHEN v_seq IS NOT NULL THEN 'id_conflict'
        WHEN v_joined_seq IS NULL THEN 'not_member'
        WHEN v_target.room_id IS DISTINCT FROM p_room_id OR v_target.seq < v_joined_seq OR v_target.target_seq IS NOT NULL
            THEN 'message_not_found'
        WHEN v_target.type NOT IN ('TEXT', 'IMAGE') THEN 'system_entry'
        WHEN p_change = 'DELETE' AND v_target.sender_id <> p_actor_id AND (v_room_type <> 'GROUP' OR v_role NOT IN ('OWNER', 'ADMIN'))
            THEN 'not_deletable'
        WHEN p_change = 'DELETE' AND v_target.deleted_at IS NOT NULL THEN 'unchanged'
        WHEN v_target.deleted_at IS NOT NULL THEN 'message_not_found'
        WHEN p_change = 'EDIT' AND (v_target.sender_id <> p_actor_id OR v_target.type <> 'TEXT') THEN 'not_own_text'
        WHEN p_change = 'EDIT' AND v_target.content = p_content THEN 'unchanged'
        -- To take back what is not there, or to add what is.
        WHEN p_change = 'REACT' AND p_remove <> EXISTS (
            SELECT 1 FROM reactions x
            WHERE x.room_id = p_room_id AND x.seq = v_target.seq AND x.emoji = p_emoji AND x.user_id = p_actor_id) THEN 'unchanged'
        WHEN p_change = 'REACT' AND NOT p_remove
            AND NOT EXISTS (SELECT 1 FROM reactions x WHERE x.room_id = p_room_id AND x.seq = v_target.seq AND x.emoji = p_emoji)
            AND (SELECT count(DISTINCT x.emoji) FROM reactions x WHERE x.room_id = p_room_id AND x.seq = v_target.seq) >= p_emojis_max
            THEN 'too_many_emojis'
        ELSE 'committed'
    END;
    IF v_status = 'committed' THEN
        v_seq := v_head + 1;
        v_head := v_seq;
        UPDATE rooms r SET head_seq = v_seq WHERE r.id = p_room_id;
        INSERT INTO messages (room_id, seq, number, message_id, sender_id, client_message_id, type, content, digest, created_at, target_seq,
                              emoji, removed)
        VALUES (p_room_id, v_seq, v_number, p_message_id, p_actor_id, p_client_message_id, p_change, '', p_digest, v_now, v_target.seq,
                p_emoji, p_remove);
        IF p_change = 'EDIT' THEN
            UPDATE messages m SET content = p_content, edited_at = v_now WHERE m.room_id = p_room_id AND m.seq = v_target.seq;
        ELSIF p_change = 'DELETE' THEN
            UPDATE messages m SET content = '', deleted_at = v_now WHERE m.room_id = p_room_id AND m.seq = v_target.seq;
            DELETE FROM reactions x WHERE x.room_id = p_room_id AND x.seq = v_target.seq;
        ELSIF p_remove THEN
            DELETE FROM reactions x
            WHERE x.room_id = p_room_id AND x.seq = v_target.seq AND x.emoji = p_emoji AND x.user_id = p_actor_id;
        ELSE
            INSERT INTO reactions (room_id, seq, emoji, user_id, created_at) VALUES (p_room_id, v_target.seq, p_emoji, p_actor_id, v_now);
        END IF;
    END IF;
    RETURN QUERY
    SELECT v_status, v_head, i
    FROM (SELECT 1) AS one LEFT JOIN message_changes i
        ON v_status IN ('committed', 'duplicate') AND i.room_id = p_room_id AND i.place = v_seq;
END $$;
