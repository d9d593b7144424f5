-- Roles: renaming, opening, joining, kicking, changing roles. Who may do what is not written here: the policy of the sources comes as a
-- parameter, in rows such as 'GROUP ADMIN', or 'GROUP ADMIN MEMBER' where the role of the member concerned counts.
-- More statuses: not_allowed | target_not_member | last_owner.

-- Everybody who knows the id of an open group may join it.
ALTER TABLE rooms ADD COLUMN open BOOLEAN NOT NULL DEFAULT FALSE;

-- What a command on an existing room meets, under the room's lock: NULL = go ahead, else the status to answer; the original's seq; and the
-- role of the member concerned. A repeat is told its original whatever has become of the roles since. To learn that somebody is no member
-- takes the right to do it to members.
CREATE FUNCTION permit_room_command(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_digest UUID, p_allowed TEXT[], p_target_id UUID,
    OUT status TEXT, OUT original_seq BIGINT, OUT target_role TEXT
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_type TEXT;
    v_role TEXT;
    v_asked TEXT;
BEGIN
    SELECT f.status, f.original_seq INTO status, original_seq
    FROM open_group_command(p_room_id, p_actor_id, p_client_message_id, p_digest) f;
    IF status IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT r.type, m.role INTO v_type, v_role FROM rooms r JOIN room_members m ON m.room_id = r.id
    WHERE r.id = p_room_id AND m.user_id = p_actor_id AND m.left_seq IS NULL;
    v_asked := concat_ws(' ', v_type, v_role);
    IF p_target_id IS NOT NULL THEN
        SELECT m.role INTO target_role FROM room_members m WHERE m.room_id = p_room_id AND m.user_id = p_target_id AND m.left_seq IS NULL;
        v_asked := concat_ws(' ', v_asked, coalesce(target_role, 'MEMBER'));
    END IF;
    status := CASE
        WHEN NOT v_asked = ANY (p_allowed) THEN 'not_allowed'
        WHEN p_target_id IS NOT NULL AND target_role IS NULL THEN 'target_not_member'
    END;
END $$;

-- The functions of the version before, with the policy; those without it stay for persisters of that version.
CREATE FUNCTION create_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_type TEXT, p_name TEXT, p_user_ids UUID[],
    p_open BOOLEAN
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_result room_command_result;
BEGIN
    SELECT * INTO v_result
    FROM create_room(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, p_type, p_name, p_user_ids);
    IF p_open AND v_result.status = 'committed' THEN
        UPDATE rooms SET open = TRUE WHERE id = p_room_id;
    END IF;
    RETURN NEXT v_result;
END $$;

CREATE FUNCTION invite_members(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_user_ids UUID[], p_room_limit INTEGER,
    p_allowed TEXT[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
BEGIN
    SELECT * INTO v_found FROM permit_room_command(p_room_id, p_actor_id, p_client_message_id, p_digest, p_allowed, NULL);
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM invite_members(
        p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, p_user_ids, p_room_limit);
END $$;

CREATE FUNCTION leave_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_allowed TEXT[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
BEGIN
    SELECT * INTO v_found FROM permit_room_command(p_room_id, p_actor_id, p_client_message_id, p_digest, p_allowed, NULL);
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM leave_room(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest);
END $$;

-- Into an open group comes whoever is no member and was not kicked. Where nobody is left, whoever comes owns it.
CREATE FUNCTION join_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_room_limit INTEGER
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_room rooms%ROWTYPE;
    v_seq BIGINT;
BEGIN
    -- Takes the lock. Not being a member is what it is about here.
    SELECT * INTO v_found FROM open_group_command(p_room_id, p_actor_id, p_client_message_id, p_digest);
    SELECT * INTO v_room FROM rooms WHERE id = p_room_id;
    v_found.status := CASE
        WHEN v_found.status IS NULL THEN 'unchanged'
        WHEN v_found.status <> 'not_member' THEN v_found.status
        WHEN v_room.open IS NOT TRUE THEN 'not_member'
        WHEN EXISTS (SELECT 1 FROM room_members m JOIN messages e ON e.room_id = m.room_id AND e.seq = m.left_seq
                     WHERE m.room_id = p_room_id AND m.user_id = p_actor_id AND e.type = 'SYSTEM_KICK') THEN 'not_member'
        WHEN NOT EXISTS (SELECT 1 FROM users WHERE id = p_actor_id) THEN 'user_not_found'
        WHEN v_room.member_count >= p_room_limit THEN 'room_full'
    END;
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_JOIN', '', ARRAY[p_actor_id]);
    INSERT INTO room_members (room_id, user_id, role, joined_seq, joined_at, read_seq, read_number, read_at)
    VALUES (p_room_id, p_actor_id, CASE WHEN v_room.member_count = 0 THEN 'OWNER' ELSE 'MEMBER' END, v_seq, clock_timestamp(), v_seq,
            v_room.last_number, clock_timestamp())
    ON CONFLICT (room_id, user_id) DO UPDATE
        SET role = excluded.role, joined_seq = excluded.joined_seq, joined_at = excluded.joined_at, left_seq = NULL,
            read_seq = excluded.read_seq, read_number = excluded.read_number, read_at = excluded.read_at;
    UPDATE rooms SET member_count = member_count + 1 WHERE id = p_room_id;
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;

-- NULL leaves the name, or who may join, as it is.
CREATE FUNCTION update_room(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_name TEXT, p_open BOOLEAN, p_allowed TEXT[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_room rooms%ROWTYPE;
    v_seq BIGINT;
BEGIN
    SELECT * INTO v_found FROM permit_room_command(p_room_id, p_actor_id, p_client_message_id, p_digest, p_allowed, NULL);
    SELECT * INTO v_room FROM rooms WHERE id = p_room_id;
    IF v_found.status IS NULL AND (coalesce(p_name, v_room.name), coalesce(p_open, v_room.open)) = (v_room.name, v_room.open) THEN
        v_found.status := 'unchanged';
    END IF;
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    UPDATE rooms SET name = coalesce(p_name, name), open = coalesce(p_open, open) WHERE id = p_room_id;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_RENAME',
                                 coalesce(p_name, v_room.name), NULL);
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;

CREATE FUNCTION kick_member(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_user_id UUID, p_allowed TEXT[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_seq BIGINT;
BEGIN
    SELECT * INTO v_found FROM permit_room_command(p_room_id, p_actor_id, p_client_message_id, p_digest, p_allowed, p_user_id);
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_KICK', '', ARRAY[p_user_id]);
    UPDATE room_members SET left_seq = v_seq WHERE room_id = p_room_id AND user_id = p_user_id;
    UPDATE rooms SET member_count = member_count - 1 WHERE id = p_room_id;
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;

-- A new owner is one instead of the old one, never beside: the old one becomes admin.
CREATE FUNCTION change_role(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_user_id UUID, p_role TEXT, p_allowed TEXT[]
) RETURNS SETOF room_command_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_found RECORD;
    v_seq BIGINT;
BEGIN
    SELECT * INTO v_found FROM permit_room_command(p_room_id, p_actor_id, p_client_message_id, p_digest, p_allowed, p_user_id);
    IF v_found.status IS NULL AND v_found.target_role = p_role THEN
        v_found.status := 'unchanged';
    ELSIF v_found.status IS NULL AND v_found.target_role = 'OWNER' THEN
        v_found.status := 'last_owner';
    END IF;
    IF v_found.status IS NOT NULL THEN
        RETURN QUERY SELECT * FROM room_command_entry(v_found.status, p_room_id, v_found.original_seq);
        RETURN;
    END IF;
    IF p_role = 'OWNER' THEN
        UPDATE room_members SET role = 'ADMIN' WHERE room_id = p_room_id AND role = 'OWNER' AND left_seq IS NULL;
    END IF;
    UPDATE room_members SET role = p_role WHERE room_id = p_room_id AND user_id = p_user_id;
    v_seq := append_system_entry(p_room_id, p_actor_id, p_client_message_id, p_message_id, p_digest, 'SYSTEM_ROLE', p_role, ARRAY[p_user_id]);
    RETURN QUERY SELECT * FROM room_command_entry('committed', p_room_id, v_seq);
END $$;

-- change_message with the policy: who may delete the messages of others.
CREATE FUNCTION change_message(
    p_room_id UUID, p_actor_id UUID, p_client_message_id TEXT, p_message_id UUID, p_digest UUID, p_change TEXT, p_target_id UUID,
    p_content TEXT, p_emoji TEXT, p_remove BOOLEAN, p_emojis_max BIGINT, p_may_delete TEXT[]
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
        WHEN p_change = 'DELETE' AND v_target.sender_id <> p_actor_id AND NOT concat_ws(' ', v_room_type, v_role) = ANY (p_may_delete)
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
