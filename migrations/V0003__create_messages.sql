-- The timeline. seq is assigned under the room's lock: 1, 2, 3 … without a gap.
CREATE TABLE messages (
    room_id           UUID NOT NULL,
    seq               BIGINT NOT NULL,
    number            BIGINT NOT NULL,
    message_id        UUID NOT NULL,
    sender_id         UUID NOT NULL,
    client_message_id TEXT COLLATE "C" NOT NULL,
    type              TEXT NOT NULL,
    content           TEXT NOT NULL,
    member_ids        UUID[],               -- whom a system entry names, at most 20
    digest            UUID NOT NULL,        -- of the command: tells a repeat from a conflict
    created_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (room_id, seq)
);
-- Idempotency, for ever: a retry finds its original.
CREATE UNIQUE INDEX messages_idempotency ON messages (room_id, sender_id, client_message_id);

-- Entries as clients see them.
CREATE VIEW timeline AS
SELECT m.room_id, m.seq, m.number, m.message_id, m.sender_id, s.nickname AS sender_nickname, m.client_message_id, m.type, m.content,
       CASE WHEN m.member_ids IS NOT NULL THEN (
           SELECT jsonb_agg(jsonb_build_object('userId', u.id, 'nickname', u.nickname) ORDER BY named.place)
           FROM unnest(m.member_ids) WITH ORDINALITY AS named (id, place) JOIN users u ON u.id = named.id
       ) END AS members,
       m.created_at
FROM messages m JOIN users s ON s.id = m.sender_id;
