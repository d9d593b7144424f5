//! What a gateway finds out about a mark before Kafka has it.

use chat_e2e::{PATIENCE, System};
use chat_protocol::{MarkRead, frame::ClientCommand};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};

use super::group_with_messages;
use crate::kafka_records::records;

#[tokio::test]
async fn a_mark_carries_its_place_and_goes_out_without_when_the_database_is_away() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__POSTGRES__URL", &through_proxy)]).await;
    let (alice, bob, carol) = (system.person("alice").await, system.person("bob").await, system.person("carol").await);
    let room = group_with_messages(&system, &[alice, bob.clone(), carol.clone()], 2).await;
    let (at_bob, at_carol) = (gateway.connect(&bob, &[]).await, gateway.connect(&carol, &[]).await);
    let mark = |seq| ClientCommand::Read { room_id: room, seq };
    at_bob.call(mark(2)).await.unwrap();
    at_carol.call(mark(1)).await.unwrap();
    at_bob.call(mark(i64::MAX)).await.unwrap();
    proxy.cut();
    // Another reader of the same message costs no query, and one of another message does not fail.
    at_carol.call(mark(2)).await.unwrap();
    at_carol.call(mark(3)).await.unwrap();
    at_bob.call(mark(i64::MAX)).await.unwrap();

    let given = async || -> Vec<MarkRead> {
        let records = records(&system, system.isolation.topics().read_events(), room, "MarkRead").await;
        records.iter().map(|record| serde_json::from_slice(record.value()).unwrap()).collect()
    };
    assert_eventually!(given().await.len() == 6, within = PATIENCE * 2, "all marks");
    let marks = given().await;
    let place = |mark: &MarkRead| (mark.seq, mark.place.map(|place| (place.number, place.message_id.is_some())));
    let expected = [
        (2, Some((1, true))),
        (1, Some((0, true))),
        (3, Some((2, true))),
        (2, Some((1, true))),
        (3, None),
        (i64::MAX, None),
    ];
    assert_eq!(marks.iter().map(place).collect::<Vec<_>>(), expected);
    let rest = system.rest(0, &bob);
    assert_eventually!(rest.rooms().await.unwrap()[0].read_seq == 3, within = PATIENCE, "stored all the same");
    proxy.heal();
}
