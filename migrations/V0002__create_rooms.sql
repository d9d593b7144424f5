-- One row per room; whoever changes the room's timeline holds its lock. Updated by every message, hence the room for HOT updates.
CREATE TABLE rooms (
    id           UUID PRIMARY KEY,
    type         TEXT NOT NULL CHECK (type IN ('DIRECT', 'GROUP')),
    name         TEXT NOT NULL,             -- empty for direct rooms
    head_seq     BIGINT NOT NULL DEFAULT 0, -- last seq of the timeline
    last_number  BIGINT NOT NULL DEFAULT 0, -- ordinal of the last message; system entries do not count
    member_count INTEGER NOT NULL DEFAULT 0,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- One row per member and room, for ever; left_seq ends a membership, an invitation starts the next one in the same row.
CREATE TABLE room_members (
    room_id     UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id     UUID NOT NULL REFERENCES users (id),
    role        TEXT NOT NULL CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
    joined_seq  BIGINT NOT NULL,            -- the entry by which the member came: history starts here
    joined_at   TIMESTAMPTZ NOT NULL,
    left_seq    BIGINT,                     -- the entry by which the member went
    read_seq    BIGINT NOT NULL,            -- read up to and including this entry; moves forward only
    read_number BIGINT NOT NULL,            -- number of that entry: unread = rooms.last_number - read_number
    read_at     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX room_members_of_user ON room_members (user_id) WHERE left_seq IS NULL;
