//! One reader on several devices.

use chat_e2e::{StompClient, System};
use chat_protocol::frame::ClientCommand;

use super::{group_with_messages, next_mark};

#[tokio::test]
async fn what_is_read_on_one_device_is_told_once_to_each_of_the_others_and_their_lists_have_it() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = group_with_messages(&system, &[alice.clone(), bob.clone()], 4).await;
    let mut devices = vec![
        system.connect(0, &bob, &[(room, None)]).await,
        system.connect(0, &bob, &[]).await,
        system.connect(1, &bob, &[]).await,
    ];
    let mut queue = StompClient::connect(system.gateway(1).addr, &bob).await;
    queue.subscribe("read", "/user/queue/read", None).await;
    let mut opened = StompClient::connect(system.gateway(0).addr, &bob).await;
    opened.subscribe("read", "/user/queue/read", None).await;
    opened.subscribe("room", &format!("/sub/chat/room/{room}/read"), None).await;
    let mut at_alice = system.connect(1, &alice, &[(room, None)]).await;
    let unread = async || [0, 1].map(|gateway| system.rest(gateway, &bob));
    for rest in unread().await {
        assert_eq!(rest.rooms().await.unwrap()[0].unread_count, 4);
    }
    for (turn, (seq, left)) in [(3, 2), (5, 0)].into_iter().enumerate() {
        let reader = if turn == 0 { 0 } else { 2 };
        devices[reader].call(ClientCommand::Read { room_id: room, seq }).await.unwrap();
        for device in &mut devices {
            // Nothing else in between: the second mark is the next one that each hears.
            assert_eq!(next_mark(device).await, (seq, Some(seq - 1)));
        }
        for rest in unread().await {
            let listed = rest.rooms().await.unwrap().remove(0);
            assert_eq!((listed.read_seq, listed.unread_count), (seq, left));
            let shown = rest.room(room).await.unwrap();
            assert_eq!((shown.read_seq, shown.unread_count), (seq, left));
        }
        assert_eq!(queue.next_of("read").await.1["lastReadSeq"], seq);
        assert_eq!(opened.next_of("room").await.1["lastReadSeq"], seq, "as the room's, not as its own");
        assert_eq!(next_mark(&mut at_alice).await.0, seq);
    }
}
