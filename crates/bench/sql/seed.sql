-- step: people
SELECT setseed(0.42);
CREATE FUNCTION pg_temp.part(p_text TEXT) RETURNS INT LANGUAGE sql IMMUTABLE AS $$ SELECT ('x' || substr(md5(p_text), 1, 4))::BIT(16)::INT $$;
INSERT INTO users (id, email, nickname, password_hash)
SELECT md5('user' || n)::UUID, 'user' || n || '@example.com', CASE WHEN n % 2 = 0 THEN 'user' ELSE '사용자' END || n, 'x'
FROM generate_series(1, 5000) n;
INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
SELECT decode(md5('token' || n), 'hex'), md5('family' || n % 20000)::UUID, md5('user' || 1 + n % 5000)::UUID, now() + INTERVAL '1 day'
FROM generate_series(1, 50000) n;

-- step: words
-- A third English, the others Korean; a word's rank decides how often it is said.
CREATE TABLE vocabulary AS
SELECT n, CASE WHEN n % 3 = 0
    THEN (SELECT string_agg(chr(97 + pg_temp.part(n || 'e' || k) % 26), '') FROM generate_series(1, 3 + n % 6) k)
    ELSE (SELECT string_agg(chr(44032 + 28 * (pg_temp.part(n || 'k' || k) % 399) + (ARRAY[0, 0, 0, 4, 8, 16, 21])[1 + pg_temp.part(n || 'f' || k) % 7]), '')
          FROM generate_series(1, 2 + n % 3) k) END AS word
FROM generate_series(1, 20000) n;
CREATE TABLE sentences (n BIGINT, content TEXT);
DO $$
DECLARE
    v_words TEXT[] := (SELECT array_agg(word ORDER BY n) FROM vocabulary);
    v_text TEXT;
BEGIN
    FOR i IN 1 .. current_setting('bench.messages')::BIGINT LOOP
        v_text := v_words[1 + floor(20000 * power(random(), 4))::INT];
        FOR k IN 1 .. 1 + i % 9 LOOP
            v_text := v_text || ' ' || v_words[1 + floor(20000 * power(random(), 4))::INT];
        END LOOP;
        INSERT INTO sentences VALUES (i, v_text);
    END LOOP;
END $$;

-- step: messages
-- Built at the end, all at once.
DROP INDEX messages_search;
-- A tenth in room 1. Of 40 places in a room one is an edit, one a deletion, one a reaction: of the entry before it.
INSERT INTO messages (room_id, seq, number, message_id, sender_id, client_message_id, type, content, digest, created_at, target_seq, emoji, removed,
                      edited_at, deleted_at)
SELECT md5('room' || room)::UUID, seq,
       seq - (seq + 1) / 40 - (seq + 21) / 40 - (seq + 31) / 40,
       (lpad(to_hex(1700000000000 + n * 1000), 12, '0') || '7' || substr(md5('id' || n), 1, 3) || '8' || substr(md5('id' || n), 4, 15))::UUID,
       md5('user' || 1 + (room * 7 + who * 13) % 4900)::UUID, 'c' || n,
       CASE seq % 40 WHEN 39 THEN 'EDIT' WHEN 19 THEN 'DELETE' WHEN 9 THEN 'REACT' ELSE 'TEXT' END,
       CASE WHEN seq % 40 IN (39, 19, 9) OR (seq % 40 = 18 AND NOT last) THEN '' ELSE content END,
       md5('d' || n)::UUID, at, CASE WHEN seq % 40 IN (39, 19, 9) THEN seq - 1 END,
       CASE WHEN seq % 40 = 9 THEN '👍' END, CASE WHEN seq % 40 = 9 THEN FALSE END,
       CASE WHEN seq % 40 = 38 AND NOT last THEN at END, CASE WHEN seq % 40 = 18 AND NOT last THEN at END
FROM (
    SELECT s.*, row_number() OVER in_room AS seq, lead(n) OVER in_room IS NULL AS last, '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '10 seconds' AS at
    FROM (
        SELECT n, content, CASE WHEN random() < 0.1 THEN 1 ELSE 2 + floor(1999 * random())::INT END AS room, floor(20 * random())::INT AS who
        FROM sentences
    ) s
    WINDOW in_room AS (PARTITION BY room ORDER BY n)
) placed
ORDER BY n;
DROP TABLE sentences;
INSERT INTO reactions (room_id, seq, emoji, user_id, created_at)
SELECT room_id, target_seq, emoji, sender_id, created_at FROM messages WHERE type = 'REACT';

-- step: rooms and members
INSERT INTO rooms (id, type, name, head_seq, last_number, member_count)
SELECT md5('room' || r)::UUID, 'GROUP', 'room ' || r, last.seq, last.number, 20
FROM generate_series(1, 2000) r
CROSS JOIN LATERAL (SELECT seq, number FROM messages WHERE room_id = md5('room' || r)::UUID ORDER BY seq DESC LIMIT 1) last;
-- Users 4901, 4902 and 4903 are in 10, 100 and 500 rooms.
INSERT INTO room_members (room_id, user_id, role, joined_seq, joined_at, read_seq, read_number, read_at)
SELECT r.id, m.user_id, 'MEMBER', 1, now(), read.seq, read.number, now()
FROM (
    SELECT DISTINCT md5('room' || room)::UUID AS room_id, md5('user' || person)::UUID AS user_id FROM (
        SELECT r AS room, 1 + (r * 7 + k * 13) % 4900 AS person FROM generate_series(1, 2000) r, generate_series(0, 19) k
        UNION ALL SELECT r, 4901 FROM generate_series(1, 10) r
        UNION ALL SELECT r, 4902 FROM generate_series(1, 100) r
        UNION ALL SELECT r, 4903 FROM generate_series(1, 500) r) named
) m
JOIN rooms r ON r.id = m.room_id
CROSS JOIN LATERAL (SELECT seq, number FROM messages x WHERE x.room_id = r.id AND x.seq <= 1 + floor(r.head_seq * random()) ORDER BY seq DESC LIMIT 1) read;

-- step: search index
SET maintenance_work_mem = '512MB';
CREATE INDEX messages_search ON messages USING gin (search_terms(room_id, seq, content)) WITH (fastupdate = off)
    WHERE type = 'TEXT' AND deleted_at IS NULL;

-- step: statistics
VACUUM ANALYZE users, refresh_tokens, rooms, room_members, messages, reactions;
