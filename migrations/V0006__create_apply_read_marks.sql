-- Moves read marks forward: one call per batch, each (room, user) at most once in it. A mark beyond the head is clamped to it, a mark that
-- is not ahead of the stored one changes nothing. Rows are locked in key order, so that two callers cannot deadlock. Returns what moved.
CREATE FUNCTION apply_read_marks(p_room_id UUID[], p_user_id UUID[], p_seq BIGINT[], p_at TIMESTAMPTZ[])
RETURNS TABLE (room_id UUID, user_id UUID, read_seq BIGINT, read_at TIMESTAMPTZ)
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = off SET enable_mergejoin = off
-- Planning takes longer than executing, and no plan depends on the values: plan once per connection.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM room_members m
    JOIN unnest(p_room_id, p_user_id) AS i (room_id, user_id) ON m.room_id = i.room_id AND m.user_id = i.user_id
    ORDER BY m.room_id, m.user_id FOR UPDATE OF m;
    RETURN QUERY
    UPDATE room_members m SET read_seq = target.seq, read_number = target.number, read_at = greatest(m.read_at, target.at)
    FROM (
        SELECT i.room_id, i.user_id, e.seq, e.number, i.at
        FROM unnest(p_room_id, p_user_id, p_seq, p_at) AS i (room_id, user_id, seq, at)
        JOIN rooms r ON r.id = i.room_id
        JOIN messages e ON e.room_id = i.room_id AND e.seq = least(i.seq, r.head_seq)
    ) target
    WHERE m.room_id = target.room_id AND m.user_id = target.user_id AND m.left_seq IS NULL AND m.read_seq < target.seq
    RETURNING m.room_id, m.user_id, m.read_seq, m.read_at;
END $$;
