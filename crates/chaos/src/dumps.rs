//! What the stores hold when the run is over.

use std::collections::HashMap;

use anyhow::Context as _;
use chat_checker::history::{
    BodyHash, DeadLetter, Gauge, Key, Kind, Mark, Membership, Offset, Record as Line, Row, Section, Stored, TopicRecord,
};
use chat_kafka::{KafkaError, Reader, Record};
use chat_protocol::{
    ClientMessageId, Command, CommandBody, Event, MarkRead, RoomId, UserId,
    event::{Outcome, OutcomeStatus},
    header,
    topic::{DEAD_LETTER_SUFFIX, dead_letter},
};
use serde_json::{Value, from_slice, from_value};

use crate::{history::History, world::World};

/// Everything that is not read by clients.
#[derive(Debug, Default)]
pub struct Collected {
    pub offsets: Vec<Offset>,
    pub stored: Vec<Stored>,
    pub gauges: Vec<Gauge>,
    pub unread: HashMap<(RoomId, UserId), i64>,
}

/// Writes all dumps.
pub async fn dump(world: &World, collected: Collected, history: &History) -> anyhow::Result<()> {
    let items = world.store.dump_timeline().await.context("dump of the timelines")?;
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let kind: Kind = from_value(Value::String(item.kind.clone())).with_context(|| format!("type {}", item.kind))?;
        rows.push(Line::Row(Row {
            room: item.room_id,
            seq: item.seq,
            number: item.number,
            sender: item.sender_id,
            client_message_id: item.client_message_id,
            kind,
            hash: kind.is_message().then(|| BodyHash::of(&item.content)),
            target: item.target_seq,
            members: item.member_ids,
        }));
    }
    history.put_dump(Section::Rows, rows);

    let members = world.store.dump_members().await.context("dump of the memberships")?;
    let membership = |it: &chat_store::StoredMember| {
        let (room, user, joined_seq, left_seq) = (it.room_id, it.user_id, it.joined_seq, it.left_seq);
        Line::Membership(Membership { room, user, joined_seq, left_seq, muted: false })
    };
    history.put_dump(Section::Memberships, members.iter().map(membership));
    let mark = |it: &chat_store::StoredMember| {
        let unread = collected.unread.get(&(it.room_id, it.user_id)).copied();
        Line::Mark(Mark { room: it.room_id, user: it.user_id, seq: it.read_seq, unread })
    };
    history.put_dump(Section::Marks, members.iter().map(mark));
    // Marks are never in Redis: they go from Kafka to PostgreSQL.
    history.put_dump(Section::RedisMarks, []);
    history.put_dump(Section::Offsets, collected.offsets.into_iter().map(Line::Offset));
    history.put_dump(Section::Stored, collected.stored.into_iter().map(Line::Stored));
    history.put_dump(Section::Gauges, collected.gauges.into_iter().map(Line::Gauge));

    let (mut records, mut letters, mut asked) = (Vec::new(), Vec::new(), HashMap::new());
    let topics = world.kafka.topics();
    for topic in [topics.messages(), topics.events(), topics.read_events()] {
        let read = async |topic: &str| read(world, topic).await.with_context(|| format!("dump of {topic}"));
        records.extend(read(&topic).await?.iter().map(|record| Line::Topic(topic_record(record, &mut asked))));
        letters.extend(read(&dead_letter(&topic)).await?.iter().map(|record| Line::DeadLetter(letter(record))));
    }
    history.put_dump(Section::Topics, records);
    history.put_dump(Section::DeadLetters, letters);
    Ok(())
}

async fn read(world: &World, topic: &str) -> Result<Vec<Record>, KafkaError> {
    let (mut reader, mut records) = (Reader::all(&world.kafka, topic).await?, Vec::new());
    while let Some(record) = reader.next().await? {
        if !is_canary(&record) {
            records.push(record);
        }
    }
    Ok(records)
}

/// A gateway's canary or its answer: nobody's send, stored nowhere. One that became a dead letter is none any more.
fn is_canary(record: &Record) -> bool {
    let of_type = |name| record.header_str(header::TYPE) == Some(name);
    (of_type(CommandBody::PROBE) || of_type(Event::PROBE_ANSWERED)) && !record.topic.ends_with(DEAD_LETTER_SUFFIX)
}

/// Who asked for a command: its outcome does not name them.
type Asked = HashMap<(RoomId, ClientMessageId), UserId>;

/// A record of any topic, as far as it can be read; commands before their outcomes.
fn topic_record(record: &Record, asked: &mut Asked) -> TopicRecord {
    let mut line = TopicRecord {
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.offset,
        hash: BodyHash::of(record.value()),
        key: None,
        room: None,
        user: None,
        seq: None,
        refused: false,
        unchanged: false,
    };
    if let Ok(command) = from_slice::<Command>(record.value()) {
        asked.insert((command.room_id, command.client_message_id.clone()), command.actor_id);
        line.key = Some(key_of(command));
    } else if let Ok(event) = from_slice::<Event>(record.value()) {
        line.room = Some(event.room_id);
        line.seq = (event.seq > 0).then_some(event.seq);
        if let Ok(outcome) = serde_json::from_str::<Outcome>(event.outcome.get()) {
            line.refused = outcome.status == OutcomeStatus::Rejected;
            line.unchanged = changed_nothing(&event, &outcome);
            let (room, client_message_id) = (outcome.room_id, outcome.client_message_id);
            let sender = asked.get(&(room, client_message_id.clone())).copied();
            line.key = sender.map(|sender| Key { room, sender, client_message_id });
        }
    } else if let Ok(mark) = from_slice::<MarkRead>(record.value()) {
        (line.room, line.user, line.seq) = (Some(mark.room_id), Some(mark.user_id), Some(mark.seq));
    }
    line
}

/// A command that was executed, and left no entry: its outcome names the room's head as its place, which is another one's.
fn changed_nothing(event: &Event, outcome: &Outcome) -> bool {
    outcome.status == OutcomeStatus::Persisted && event.entry.is_none()
}

fn key_of(command: Command) -> Key {
    Key { room: command.room_id, sender: command.actor_id, client_message_id: command.client_message_id }
}

fn letter(record: &Record) -> DeadLetter {
    let number = |name: &str| -> i64 {
        // Big-endian, as Spring writes them.
        let bytes = record.header(name).unwrap_or_default();
        bytes.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte))
    };
    DeadLetter {
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.offset,
        original_topic: record.header_str("kafka_dlt-original-topic").unwrap_or_default().to_owned(),
        original_partition: i32::try_from(number("kafka_dlt-original-partition")).unwrap_or(-1),
        original_offset: number("kafka_dlt-original-offset"),
        headers: record.headers.iter().map(|(name, _)| name.clone()).collect(),
        hash: BodyHash::of(record.value()),
        key: from_slice::<Command>(record.value()).ok().map(key_of),
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::{GatewayId, SessionId, command::Origin};

    use super::*;

    #[test]
    fn a_command_that_changed_nothing_has_no_entry_though_its_answer_names_a_place() {
        let origin = Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() };
        let outcome = Outcome {
            origin,
            room_id: RoomId::generate(),
            client_message_id: ClientMessageId::generate(),
            status: OutcomeStatus::Persisted,
            message_id: None,
            seq: Some(17),
            duplicate: true,
            persisted_at: None,
            code: None,
            reason: None,
        };
        let unchanged = Event::without_entry("CommandUnchanged", &outcome).unwrap();
        let entry = Some(serde_json::value::to_raw_value("an entry").unwrap());
        let changed = Event { entry, seq: 17, ..unchanged.clone() };
        let read = |event: &Event| {
            let value = serde_json::to_vec(event).unwrap();
            let record = record("chat-events", Some(value), &[]);
            let line = topic_record(&record, &mut Asked::new());
            (line.unchanged, line.refused, line.seq)
        };
        assert_eq!(read(&unchanged), (true, false, None));
        assert_eq!(read(&changed), (false, false, Some(17)));
        let refused = Outcome { status: OutcomeStatus::Rejected, seq: None, ..outcome };
        assert_eq!(read(&Event::rejected(&refused).unwrap()), (false, true, None));
    }

    fn record(topic: &str, payload: Option<Vec<u8>>, headers: &[(&str, &[u8])]) -> Record {
        let (partition, offset, payload) = (0, 1, payload.map(Into::into));
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec().into())).collect();
        let (timestamp_ms, broker_timestamp, key) = (None, false, None);
        Record { topic: topic.into(), partition, offset, timestamp_ms, broker_timestamp, key, payload, headers }
    }

    #[test]
    fn numbers_in_headers_are_big_endian() {
        let headers: [(&str, &[u8]); 3] = [
            ("kafka_dlt-original-topic", b"t"),
            ("kafka_dlt-original-partition", &[0, 0, 0, 3]),
            ("kafka_dlt-original-offset", &[0, 0, 0, 0, 0, 0, 1, 2]),
        ];
        let record = record("t-dlt", None, &headers);
        let letter = letter(&record);
        assert_eq!((letter.original_topic.as_str(), letter.original_partition, letter.original_offset), ("t", 3, 258));
        assert_eq!(letter.key, None);
    }
}
