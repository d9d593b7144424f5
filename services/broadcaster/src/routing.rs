//! Which event goes to which channel, as bytes. Pure.

use std::collections::HashMap;

use bytes::Bytes;
use chat_kafka::Record;
use chat_protocol::{
    Event, Outcome, SCHEMA_VERSION, header,
    push::{GatewayPush, RoomPush},
    redis_key::Channel,
};
use chat_redis::Outdated;

/// A payload is not made larger than this by putting events together.
const PAYLOAD_BYTES: usize = 256 * 1024;

/// A record, understood.
#[derive(Debug)]
pub struct Routed {
    event: Event,
    outcome: Outcome,
    traceparent: Option<String>,
}

/// Reads a record, or says why it can never be published.
pub fn decode(record: &Record) -> Result<Routed, String> {
    let event: Event = serde_json::from_slice(record.value()).map_err(|error| format!("not an event: {error}"))?;
    if event.v != SCHEMA_VERSION {
        return Err(format!("schema version {} is not supported", event.v));
    }
    if record.key_str() != Some(event.room_id.to_string().as_str()) {
        return Err("the record's key is not the event's room".to_owned());
    }
    if event.entry.is_some() && event.seq < 1 {
        return Err("an entry without seq".to_owned());
    }
    let outcome = serde_json::from_str(event.outcome.get()).map_err(|error| format!("not an outcome: {error}"))?;
    Ok(Routed { event, outcome, traceparent: record.header_str(header::TRACEPARENT).map(ToOwned::to_owned) })
}

/// The parts of room lists that the events make wrong, and the marks of those who left with them.
pub fn outdated(events: &[Routed]) -> Outdated {
    let mut outdated = Outdated::default();
    for routed in events {
        outdated.add_event(&routed.event);
    }
    outdated
}

/// One payload per channel and batch, of one JSON document per line, in the order of the events; only very large ones are split.
pub fn route(events: Vec<Routed>) -> Result<Vec<(Channel, Bytes)>, serde_json::Error> {
    let mut payloads: Vec<(Channel, Vec<u8>)> = Vec::new();
    let mut open: HashMap<Channel, usize> = HashMap::new();
    let mut add = |channel: Channel, mut document: Vec<u8>| {
        document.push(b'\n');
        match open.get(&channel).map(|place| &mut payloads[*place].1) {
            Some(payload) if payload.len() + document.len() <= PAYLOAD_BYTES => payload.append(&mut document),
            _ => {
                open.insert(channel, payloads.len());
                payloads.push((channel, document));
            }
        }
    };
    for Routed { event, outcome, traceparent } in events {
        if let Some(data) = event.entry {
            let (seq, removed) = (event.seq, event.removed);
            let push = RoomPush { event: event.kind.into(), seq, removed, traceparent, data };
            add(Channel::Room(event.room_id), serde_json::to_vec(&push)?);
        }
        add(Channel::Gateway(event.gateway_id), serde_json::to_vec(&GatewayPush::Outcome(outcome))?);
    }
    Ok(payloads.into_iter().map(|(channel, payload)| (channel, payload.into())).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_protocol::{
        Change, ClientMessageId, Entry, EntryType, GatewayId, Member, MessageId, Origin, OutcomeStatus, RoomId,
        SessionId, TimelineKind, UserId,
        push::{self, RoomPushKind},
    };
    use jiff::Timestamp;

    use super::*;

    fn entry(room_id: RoomId, seq: i64, content: &str) -> Entry {
        Entry {
            message_id: MessageId::generate(),
            room_id,
            seq,
            number: seq,
            sender_id: UserId::generate(),
            sender_nickname: "ann".into(),
            client_message_id: ClientMessageId::generate(),
            entry_type: EntryType::Text,
            content: content.into(),
            members: Vec::new(),
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        }
    }

    fn outcome(room_id: RoomId, gateway_id: GatewayId) -> Outcome {
        Outcome {
            origin: Origin { gateway_id, session_id: SessionId::generate() },
            room_id,
            client_message_id: ClientMessageId::generate(),
            status: OutcomeStatus::Persisted,
            message_id: None,
            seq: None,
            duplicate: false,
            persisted_at: None,
            code: None,
            reason: None,
        }
    }

    fn record(event: &Event) -> Record {
        Record {
            topic: Arc::from("t"),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            broker_timestamp: false,
            key: Some(event.room_id.to_string().into()),
            payload: Some(serde_json::to_vec(event).unwrap().into()),
            headers: vec![(header::TRACEPARENT.to_owned(), Bytes::from_static(b"00-1-2-01"))],
        }
    }

    fn committed(entry: &Entry, gateway: GatewayId) -> Routed {
        decode(&record(&Event::committed(entry, &outcome(entry.room_id, gateway)).unwrap())).unwrap()
    }

    #[test]
    fn a_batch_is_one_payload_per_room_and_gateway_in_order() {
        let (red, blue) = (RoomId::generate(), RoomId::generate());
        let (east, west) = (GatewayId::generate(), GatewayId::generate());
        let events = vec![
            committed(&entry(red, 1, "a\nb"), east),
            committed(&entry(blue, 7, "c"), west),
            committed(&entry(red, 2, "d"), west),
        ];
        let payloads: HashMap<Channel, Bytes> = route(events).unwrap().into_iter().collect();
        assert_eq!(payloads.len(), 4);
        let seqs = |room| -> Vec<i64> {
            push::documents::<RoomPush>(&payloads[&Channel::Room(room)]).map(|push| push.unwrap().seq).collect()
        };
        assert_eq!((seqs(red), seqs(blue)), (vec![1, 2], vec![7]));
        let outcomes =
            |gateway| push::documents::<GatewayPush>(&payloads[&Channel::Gateway(gateway)]).map(Result::unwrap).count();
        assert_eq!((outcomes(east), outcomes(west)), (1, 2));
        let first = push::documents::<RoomPush>(&payloads[&Channel::Room(red)]).next().unwrap().unwrap();
        assert_eq!(first.traceparent.as_deref(), Some("00-1-2-01"));
        assert_eq!(serde_json::from_str::<Entry>(first.data.get()).unwrap().content, "a\nb");
    }

    #[test]
    fn a_change_is_told_as_what_it_is() {
        let (room, gateway) = (RoomId::generate(), GatewayId::generate());
        let change = Change {
            room_id: room,
            seq: 9,
            actor_id: UserId::generate(),
            actor_nickname: "ann".into(),
            client_message_id: ClientMessageId::generate(),
            changed_at: Timestamp::UNIX_EPOCH,
            emoji: None,
            removed: false,
            message: entry(room, 3, "new"),
        };
        let kinds = [TimelineKind::Edit, TimelineKind::Delete, TimelineKind::React];
        for (kind, push_kind) in kinds.into_iter().zip([RoomPushKind::Edit, RoomPushKind::Delete, RoomPushKind::React])
        {
            let event = Event::changed(kind, &change, &outcome(room, gateway)).unwrap();
            let payloads = route(vec![decode(&record(&event)).unwrap()]).unwrap();
            let push = push::documents::<RoomPush>(&payloads[0].1).next().unwrap().unwrap();
            assert_eq!((push.event, push.seq), (push_kind, 9));
            assert_eq!(serde_json::from_str::<Change>(push.data.get()).unwrap(), change);
        }
    }

    #[test]
    fn an_entry_makes_its_rooms_line_wrong_and_the_lists_of_those_it_concerns() {
        let (room, gateway) = (RoomId::generate(), GatewayId::generate());
        let [ann, ben, cem, dan] = std::array::from_fn(|_| UserId::generate());
        let members = vec![Member { user_id: ben, nickname: "ben".into() }];
        let invite = Entry { entry_type: EntryType::SystemInvite, sender_id: ann, members, ..entry(room, 3, "") };
        // An entry names only the first of many: the command knows the others.
        let event = Event::committed(&invite, &outcome(room, gateway)).unwrap().concerning(&[ben, cem]);
        let refused = Event::rejected(&outcome(RoomId::generate(), gateway)).unwrap().concerning(&[dan]);
        let events: Vec<Routed> = [event, refused].iter().map(|event| decode(&record(event)).unwrap()).collect();
        let mut expected = Outdated::default();
        expected.add_rooms([room]);
        expected.add_users([ann, ben, cem]);
        assert_eq!(outdated(&events), expected);
    }

    #[test]
    fn a_refusal_and_a_probes_answer_go_to_their_gateway_alone_and_a_leave_names_who_left() {
        let (room, gateway, ann) = (RoomId::generate(), GatewayId::generate(), UserId::generate());
        for event in [Event::rejected, Event::probe_answered] {
            let event = decode(&record(&event(&outcome(room, gateway)).unwrap())).unwrap();
            let channels: Vec<Channel> = route(vec![event]).unwrap().into_iter().map(|(channel, _)| channel).collect();
            assert_eq!(channels, [Channel::Gateway(gateway)]);
        }

        let members = vec![Member { user_id: ann, nickname: "ann".into() }];
        let leave = Entry { entry_type: EntryType::SystemLeave, members, ..entry(room, 3, "") };
        let payloads = route(vec![committed(&leave, gateway)]).unwrap();
        let push = push::documents::<RoomPush>(&payloads[0].1).next().unwrap().unwrap();
        assert_eq!((push.seq, push.removed), (3, vec![ann]));
    }

    #[test]
    fn with_a_kick_goes_the_mark_of_whoever_was_kicked() {
        let (room, [ann, ben]) = (RoomId::generate(), std::array::from_fn(|_| UserId::generate()));
        let members = vec![Member { user_id: ben, nickname: "ben".into() }];
        let kick = Entry { entry_type: EntryType::SystemKick, sender_id: ann, members, ..entry(room, 3, "") };
        let mut expected = Outdated::default();
        expected.add_rooms([room]);
        expected.add_users([ann, ben]);
        expected.add_left(room, [ben]);
        assert_eq!(outdated(&[committed(&kick, GatewayId::generate())]), expected);
    }

    #[test]
    fn very_large_payloads_are_split_and_stay_in_order() {
        let (room, gateway) = (RoomId::generate(), GatewayId::generate());
        let events = (1..=40).map(|seq| committed(&entry(room, seq, &"x".repeat(20_000)), gateway)).collect();
        let payloads: Vec<Bytes> = route(events)
            .unwrap()
            .into_iter()
            .filter_map(|(channel, payload)| (channel == Channel::Room(room)).then_some(payload))
            .collect();
        assert!(payloads.len() > 1 && payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES));
        let seqs: Vec<i64> = payloads
            .iter()
            .flat_map(|payload| push::documents::<RoomPush>(payload))
            .map(|push| push.unwrap().seq)
            .collect();
        assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_event_is_poison() {
        let (room, gateway) = (RoomId::generate(), GatewayId::generate());
        let good = record(&Event::committed(&entry(room, 1, "a"), &outcome(room, gateway)).unwrap());
        let reason = |change: &dyn Fn(&mut Record)| {
            let mut record = good.clone();
            change(&mut record);
            decode(&record).unwrap_err()
        };
        let replaced = |from: &str, to: &str| {
            let json = String::from_utf8(good.value().to_vec()).unwrap().replace(from, to);
            move |record: &mut Record| record.payload = Some(json.clone().into())
        };
        assert!(reason(&|record| record.payload = None).starts_with("not an event"));
        assert_eq!(reason(&|record| record.key = None), "the record's key is not the event's room");
        assert_eq!(reason(&replaced("\"v\":1", "\"v\":2")), "schema version 2 is not supported");
        assert!(reason(&replaced("PERSISTED", "MAYBE")).starts_with("not an outcome"));
        assert_eq!(reason(&replaced("\"seq\":1,\"concerned\"", "\"seq\":0,\"concerned\"")), "an entry without seq");
    }
}
