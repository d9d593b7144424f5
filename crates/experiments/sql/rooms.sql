-- People, rooms and timelines to read in, all with ids that follow from a number: one room with all people and a long timeline, and a room
-- for each of them with a short one. Nobody has read anything.

-- What the optimistic strategy compares.
ALTER TABLE room_members ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

INSERT INTO users (id, email, nickname, password_hash)
SELECT md5('reader' || n)::UUID, 'reader' || n || '@example.com', 'reader ' || n, '-'
FROM generate_series(1, current_setting('experiment.people')::INTEGER) AS n;

INSERT INTO rooms (id, type, name, head_seq, last_number, member_count)
SELECT md5('room' || n)::UUID, 'GROUP', 'room ' || n, head, head - 1, CASE n WHEN 0 THEN current_setting('experiment.people')::INTEGER ELSE 1 END
FROM generate_series(0, current_setting('experiment.people')::INTEGER) AS n
CROSS JOIN LATERAL (SELECT current_setting(CASE n WHEN 0 THEN 'experiment.long' ELSE 'experiment.short' END)::BIGINT AS head) h;

INSERT INTO room_members (room_id, user_id, role, joined_seq, joined_at, read_seq, read_number, read_at)
SELECT md5('room' || room)::UUID, md5('reader' || n)::UUID, 'MEMBER', 1, now(), 1, 0, now()
FROM generate_series(1, current_setting('experiment.people')::INTEGER) AS n CROSS JOIN LATERAL (VALUES (0), (n)) AS r (room);

-- No text: nobody searches here.
INSERT INTO messages (room_id, seq, number, message_id, sender_id, client_message_id, type, content, digest, created_at)
SELECT r.id, seq, seq - 1, gen_random_uuid(), md5('reader1')::UUID, seq::TEXT, CASE seq WHEN 1 THEN 'SYSTEM_CREATE' ELSE 'IMAGE' END, '',
       md5('')::UUID, now()
FROM rooms r CROSS JOIN LATERAL generate_series(1, r.head_seq) AS seq;

-- Every write that takes a mark back, whoever makes it. The condition is looked at by PostgreSQL itself: where nothing goes back, the
-- function is not called.
CREATE TABLE taken_back (room_id UUID NOT NULL, user_id UUID NOT NULL, from_seq BIGINT NOT NULL, to_seq BIGINT NOT NULL);
CREATE FUNCTION remember_taken_back() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO taken_back VALUES (OLD.room_id, OLD.user_id, OLD.read_seq, NEW.read_seq);
    RETURN NEW;
END $$;
CREATE TRIGGER taken_back BEFORE UPDATE ON room_members
FOR EACH ROW WHEN (NEW.read_seq < OLD.read_seq) EXECUTE FUNCTION remember_taken_back();
