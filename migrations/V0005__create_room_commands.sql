-- Room commands. Each appends one system entry under the room's lock and returns it, with a status:
-- committed | duplicate | unchanged | id_conflict | not_member | user_not_found | forbidden | room_full.

CREATE TYPE room_command_result AS (
    status TEXT, head BIGINT, seq BIGINT, number BIGINT, message_id UUID, sender_id UUID, sender_nickname TEXT, client_message_id TEXT,
    type TEXT, content TEXT, members JSONB, created_at TIMESTAMPTZ
);

-- The stored entry with a status; only the status when there is no entry.
CREATE FUNCTION room_command_entry(p_status TEXT, p_room_id UUID, p_seq BIGINT) RETURNS SETOF room_command_result
LANGUAGE sql VOLATILE AS $$
    SELECT p_status, r.head_seq, t.seq, t.number, t.message_id, t.sender_id, t.sender_nickname, t.client_message_id, t.type, t.content,
           t.members, t.created_at
    FROM (SELECT 1) one LEFT JOIN rooms r ON r.id = p_room_id LEFT JOIN timeline t ON t.room_id = p_room_id AND t.seq = p_seq
$$;

-- Appends a system entry; the caller holds the room's lock. Returns its seq.
CREATE FUNCTION append_system_entry(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_type TEXT, p_content TEXT, p_user_ids UUID[]
) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_seq BIGINT;
    v_number BIGINT;
BEGIN
    UPDATE rooms SET head_seq = head_seq + 1 WHERE id = p_room_id RETURNING head_seq, last_number INTO v_seq, v_number;
    INSERT INTO messages (room_id, seq, number, message_id, sender_id, client_message_id, type, content, member_ids, digest, created_at)
    VALUES (p_room_id, v_seq, v_number, p_message_id, p_actor_id, p_client_message_id, p_type, p_content, p_user_ids[1:20], p_digest,
            clock_timestamp());
    RETURN v_seq;
END $$;

-- p_type DIRECT: p_user_ids is the other user, and finding the room is as good as creating it.
CREATE FUNCTION create_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_type TEXT, p_name TEXT, p_user_ids UUID[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_others UUID[] := ARRAY(SELECT DISTINCT u FROM unnest(p_user_ids) AS u WHERE u <> p_actor_id ORDER BY u);
    v_everyone UUID[] := p_actor_id || v_others;
    v_first messages%ROWTYPE;
BEGIN
    IF (SELECT count(*) FROM users WHERE id = ANY (v_everyone)) < cardinality(v_everyone) THEN
        RETURN QUERY SELECT * FROM room_command_entry('user_not_found', p_room_id, NULL);
        RETURN;
    END IF;
    INSERT INTO rooms (id, type, name) VALUES (p_room_id, p_type, p_name) ON CONFLICT (id) DO NOTHING;
    PERFORM 1 FROM rooms WHERE id = p_room_id FOR UPDATE;
    SELECT * INTO v_first FROM messages WHERE room_id = p_room_id AND seq = 1;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM room_command_entry(
            CASE WHEN p_type = 'DIRECT' OR (v_first.sender_id = p_actor_id AND v_first.digest = p_digest) THEN 'duplicate' ELSE 'id_conflict' END,
            p_room_id, 1);
        RETURN;
    END IF;
    INSERT INTO room_members (room_id, user_id, role, joined_seq, joined_at, read_seq, read_number, read_at)
    SELECT p_room_id, u, CASE WHEN u = p_actor_id AND p_type = 'GROUP' THEN 'OWNER' ELSE 'MEMBER' END, 1, clock_timestamp(), 1, 0, clock_timestamp()
    FROM unnest(v_everyone) AS u;
    UPDATE rooms SET member_count = cardinality(v_everyone) WHERE id = p_room_id;
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, append_system_entry(
        p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_CREATE', p_name, v_everyone));
END $$;

-- What a command on an existing group meets, under the room's lock: NULL = go ahead, else the status to answer; and the original's seq.
CREATE FUNCTION open_group_command(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_digest UUID, OUT status TEXT, OUT original_seq BIGINT
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_type TEXT;
    v_digest UUID;
BEGIN
    SELECT type INTO v_type FROM rooms WHERE id = p_room_id FOR UPDATE;
    SELECT seq, digest INTO original_seq, v_digest FROM messages
    WHERE room_id = p_room_id AND sender_id = p_actor_id AND client_message_id = p_client_message_id;
    IF original_seq IS NOT NULL THEN
        status := CASE WHEN v_digest = p_digest THEN 'duplicate' ELSE 'id_conflict' END;
    ELSIF NOT EXISTS (SELECT 1 FROM room_members WHERE room_id = p_room_id AND user_id = p_actor_id AND left_seq IS NULL) THEN
        status := 'not_member';
    ELSIF v_type <> 'GROUP' THEN
        status := 'forbidden';
    END IF;
END $$;

CREATE FUNCTION invite_members(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_user_ids UUID[], p_room_limit INTEGER
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_new UUID[];
    v_seq BIGINT;
BEGIN
    SELECT * INTO v_found FROM open_group_command(p_room_id, p_actor_id, p_client_message_id, p_digest);
    v_new := ARRAY(SELECT DISTINCT u FROM unnest(p_user_ids) AS u WHERE NOT EXISTS (
        SELECT 1 FROM room_members m WHERE m.room_id = p_room_id AND m.user_id = u AND m.left_seq IS NULL) ORDER BY u);
    IF v_found.status IS NULL AND (SELECT count(*) FROM users WHERE id = ANY (v_new)) < cardinality(v_new) THEN
        v_found.status := 'user_not_found';
    ELSIF v_found.status IS NULL AND cardinality(v_new) = 0 THEN
        v_found.status := 'unchanged';
    ELSIF v_found.status IS NULL AND (SELECT member_count FROM rooms WHERE id = p_room_id) + cardinality(v_new) > p_room_limit THEN
        v_found.status := 'room_full';
    END IF;
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_INVITE', '', v_new);
    INSERT INTO room_members (room_id, user_id, role, joined_seq, joined_at, read_seq, read_number, read_at)
    SELECT p_room_id, u, 'MEMBER', v_seq, clock_timestamp(), v_seq, r.last_number, clock_timestamp()
    FROM unnest(v_new) AS u, rooms r WHERE r.id = p_room_id
    ON CONFLICT (room_id, user_id) DO UPDATE
        SET role = 'MEMBER', joined_seq = excluded.joined_seq, joined_at = excluded.joined_at, left_seq = NULL,
            read_seq = excluded.read_seq, read_number = excluded.read_number, read_at = excluded.read_at;
    UPDATE rooms SET member_count = member_count + cardinality(v_new) WHERE id = p_room_id;
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;

-- When the owner leaves, the member of longest standing (admins first) becomes owner: a group is never ownerless.
CREATE FUNCTION leave_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_seq BIGINT;
    v_role TEXT;
BEGIN
    SELECT * INTO v_found FROM open_group_command(p_room_id, p_actor_id, p_client_message_id, p_digest);
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_LEAVE', '', ARRAY[p_actor_id]);
    UPDATE room_members SET left_seq = v_seq WHERE room_id = p_room_id AND user_id = p_actor_id RETURNING role INTO v_role;
    IF v_role = 'OWNER' THEN
        UPDATE room_members SET role = 'OWNER' WHERE room_id = p_room_id AND user_id = (
            SELECT user_id FROM room_members WHERE room_id = p_room_id AND left_seq IS NULL ORDER BY role, joined_seq, user_id LIMIT 1);
    END IF;
    UPDATE rooms SET member_count = member_count - 1 WHERE id = p_room_id;
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;
