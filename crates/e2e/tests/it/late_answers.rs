//! Kafka answers later than a client is made to wait.

use std::time::Duration;

use chat_e2e::{Gateway, PATIENCE, StompClient, System, Talk, deadline, frame_error};
use chat_protocol::{
    ClientMessageId, ErrorCode, RoomId,
    frame::{ClientCommand, ServerPush},
};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use serde_json::json;

/// Longer than the 5 s after which a send is `unknown`, shorter than a request's own limit.
const LATE: Duration = Duration::from_secs(7);

/// A broker of the client library's own that can be slow; and a gateway with it, on the system's other stores. Nobody executes its commands.
fn slow_kafka(system: &System) -> (MockCluster<'static, DefaultProducerContext>, Gateway) {
    let broker = MockCluster::new(1).unwrap();
    for topic in [system.isolation.topics().messages(), system.isolation.topics().read_events()] {
        broker.create_topic(&topic, 1, 1).unwrap();
    }
    let gateway = system.add_unready_gateway(&[("CHAT__KAFKA__BROKERS", &broker.bootstrap_servers())]);
    (broker, gateway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_after_unknown_is_told_all_the_same() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room: RoomId = system.group(&[&alice]).await;
    let (broker, gateway) = slow_kafka(&system);
    let mut native = gateway.connect(&alice, &[]).await;
    let mut stomp = StompClient::connect(gateway.addr, &alice).await;
    for queue in ["ack", "errors"] {
        stomp.subscribe(queue, &format!("/user/queue/{queue}"), None).await;
    }
    native.say(room, "in time").await;
    let mark = |seq| ClientCommand::Read { room_id: room, seq };
    native.call(mark(1)).await.unwrap();

    broker.broker_round_trip_time(1, LATE).unwrap();
    let (by_native, by_stomp) = (ClientMessageId::generate(), ClientMessageId::generate());
    let body = json!({"roomId": room, "content": "late", "clientMessageId": by_stomp});
    stomp.put(&StompClient::message("/pub/chat/message", &body)).await;
    let (sent, marked) = tokio::join!(native.say_as(room, &by_native, "late"), native.call(mark(2)));
    assert_eq!(frame_error(sent).code, ErrorCode::Unknown);
    assert_eq!(frame_error(marked).code, ErrorCode::Unknown);
    let (_, refused) = deadline("unknown", PATIENCE, stomp.next_of("errors")).await;
    assert_eq!((&refused["code"], &refused["clientMessageId"]), (&json!("unknown"), &json!(by_stomp)));

    // The id may be another command's by now: what is late comes as a push.
    let accepted = native
        .hear("accepted late", |push| match push {
            ServerPush::Accepted { client_message_id, .. } => Some(client_message_id),
            _ => None,
        })
        .await;
    assert_eq!(accepted, by_native);
    let (_, acknowledged) = deadline("accepted late", PATIENCE, stomp.next_of("ack")).await;
    assert_eq!((&acknowledged["status"], &acknowledged["clientMessageId"]), (&json!("ACCEPTED"), &json!(by_stomp)));
    broker.broker_round_trip_time(1, Duration::ZERO).unwrap();
    native.say(room, "in time again").await;
}
