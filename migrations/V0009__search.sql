-- Full-text search in any language: a message is found by any part of its words, so what is indexed is every pair of neighbouring
-- characters. Why, and what it costs: docs/adr/0015-search.md.

-- One spelling for what looks the same: composed, compatibility forms (full width) replaced, lower case, one kind of space.
CREATE FUNCTION search_fold(p_text TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT translate(lower(left(normalize(left(p_text, 500), NFKC), 500)), U&'\0009\000A\000B\000C\000D\0085\1680\2028\2029', '         ')
$$;

-- The pairs of a message; a word's last character is paired with a space, so that every character begins one. Each pair carries a digest
-- of the room and the 1,024 seqs the message is among: a look-up reads what one stretch of one room says, however much is said elsewhere.
-- Every character may be an index entry, and a batch of messages has a limit of time: the first 500 count, here and in the comparison.
CREATE FUNCTION search_terms(p_room_id UUID, p_seq BIGINT, p_content TEXT) RETURNS TSVECTOR
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    v_stretch TEXT := left(md5(p_room_id::TEXT || (p_seq >> 10)), 8);
    v_chars TEXT[] := string_to_array(search_fold(p_content), NULL);
BEGIN
    RETURN array_to_tsvector(ARRAY(
        SELECT v_stretch || first || coalesce(second, ' ') FROM unnest(v_chars, v_chars[2:]) AS pair (first, second) WHERE first <> ' '
    ));
END $$;

-- Nothing to find in system entries, pictures and deleted messages. Without a pending list: a look-up would read all of it each time.
CREATE INDEX IF NOT EXISTS messages_search ON messages USING gin (search_terms(room_id, seq, content)) WITH (fastupdate = off)
    WHERE type = 'TEXT' AND deleted_at IS NULL;

-- Whether all the words are in the text.
CREATE FUNCTION search_matches(p_content TEXT, p_words TEXT[]) RETURNS BOOLEAN
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    v_text TEXT := search_fold(p_content);
    v_word TEXT;
BEGIN
    FOREACH v_word IN ARRAY p_words LOOP
        IF strpos(v_text, v_word) = 0 THEN
            RETURN FALSE;
        END IF;
    END LOOP;
    RETURN TRUE;
END $$;

-- Messages with all the words of p_query in the user's rooms, since the user joined, before the message p_before: the p_limit newest, and
-- some more. One look-up per room and 1,024 seqs, newest first, until the page is full; a room whose last entry is older than a full page
-- is not looked into. SQLSTATE CH001: p_before is no message; CH002: it would take longer than p_budget.
CREATE FUNCTION search_messages(p_user_id UUID, p_room_id UUID, p_query TEXT, p_before UUID, p_limit BIGINT, p_budget INTERVAL)
RETURNS TABLE (room_id UUID, seq BIGINT, created_at TIMESTAMPTZ)
LANGUAGE plpgsql STABLE
-- There is one way to do it, whatever the statistics say, and to start workers or to compile would take longer than a look-up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET max_parallel_workers_per_gather = 0 SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_until TIMESTAMPTZ := clock_timestamp() + p_budget;
    v_words TEXT[] := array_remove(string_to_array(search_fold(p_query), ' '), '');
    v_pairs TEXT[];
    v_digest TEXT;
    v_terms TSQUERY;
    v_room RECORD;
    v_match RECORD;
    v_before messages%ROWTYPE;
    v_stretch BIGINT;
    v_found BIGINT;
    v_times TIMESTAMPTZ[] := '{}';              -- of the newest found so far, at most a page after each room
    v_oldest TIMESTAMPTZ := '-infinity';        -- of a full page: what is older is not on it
BEGIN
    IF p_before IS NOT NULL THEN
        SELECT * INTO v_before FROM messages m WHERE m.message_id = p_before;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such message' USING ERRCODE = 'CH001';
        END IF;
    END IF;
    -- A word of one character is looked for as the beginning of pairs. A dozen pairs tell enough: what they find is compared anyway.
    v_pairs := ARRAY(
        SELECT quoted || CASE WHEN length(word) = 1 THEN ''':*' ELSE '''' END
        FROM (SELECT DISTINCT word, replace(replace(substr(word, place, 2), '\', '\\'), '''', '''''') AS quoted
              FROM unnest(v_words) AS word, generate_series(1, greatest(length(word) - 1, 1)) AS place) AS pair
        LIMIT 12);
    IF cardinality(v_pairs) = 0 THEN
        RETURN;
    END IF;
    FOR v_room IN
        SELECT m.room_id, m.joined_seq, r.head_seq, head.created_at
        FROM room_members m
        JOIN rooms r ON r.id = m.room_id
        JOIN messages head ON head.room_id = m.room_id AND head.seq = r.head_seq
        WHERE m.user_id = p_user_id AND m.left_seq IS NULL AND (p_room_id IS NULL OR m.room_id = p_room_id)
        ORDER BY head.created_at DESC
    LOOP
        EXIT WHEN v_room.created_at < v_oldest;
        v_found := 0;
        v_stretch := CASE WHEN v_room.room_id = v_before.room_id THEN v_before.seq ELSE v_room.head_seq END >> 10;
        WHILE v_stretch >= v_room.joined_seq >> 10 AND v_found < p_limit LOOP
            IF clock_timestamp() > v_until THEN
                RAISE EXCEPTION 'not finished in time' USING ERRCODE = 'CH002';
            END IF;
            v_digest := '''' || left(md5(v_room.room_id::TEXT || v_stretch), 8);
            v_terms := (v_digest || array_to_string(v_pairs, '&' || v_digest))::TSQUERY;
            FOR v_match IN
                SELECT m.seq, m.created_at FROM messages m
                WHERE m.type = 'TEXT' AND m.deleted_at IS NULL AND search_terms(m.room_id, m.seq, m.content) @@ v_terms
                    -- Digests may collide. Written so that no other index offers itself.
                    AND m.room_id IS NOT DISTINCT FROM v_room.room_id AND m.seq >> 10 = v_stretch
                    AND m.seq >= v_room.joined_seq
                    AND m.created_at >= v_oldest
                    AND (p_before IS NULL
                         OR (m.created_at, m.room_id, m.seq) < (v_before.created_at, v_before.room_id, v_before.seq))
                    AND search_matches(m.content, v_words)
                ORDER BY m.seq DESC LIMIT p_limit - v_found
            LOOP
                v_found := v_found + 1;
                v_times := v_times || v_match.created_at;
                room_id := v_room.room_id;
                seq := v_match.seq;
                created_at := v_match.created_at;
                RETURN NEXT;
            END LOOP;
            v_stretch := v_stretch - 1;
        END LOOP;
        IF cardinality(v_times) >= p_limit THEN
            v_times := ARRAY(SELECT t FROM unnest(v_times) AS t ORDER BY t DESC LIMIT p_limit);
            v_oldest := v_times[p_limit];
        END IF;
    END LOOP;
END $$;
