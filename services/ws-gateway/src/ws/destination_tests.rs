use super::*;

/// The default configuration.
pub(crate) fn defaults() -> StompConfig {
    let secret = ("CHAT__AUTH__SECRET".to_owned(), "x".repeat(32));
    chat_service::config::load_from::<crate::Config>(crate::DEFAULTS, None, [secret]).unwrap().service.stomp
}

fn list(templates: &[&str]) -> Vec<String> {
    templates.iter().map(|&template| template.to_owned()).collect()
}

#[test]
fn both_conventions_are_understood() {
    let destinations = Destinations::new(&defaults()).unwrap();
    let room = RoomId::generate();
    for (what, feed) in
        [("", Feed::TIMELINE), ("read", Feed::READ), ("typing", Feed::TYPING), ("presence", Feed::PRESENCE)]
    {
        for (form, separator) in [("/sub/chat/room/", "/"), ("/topic/room.", ".")] {
            let end = if what.is_empty() { String::new() } else { format!("{separator}{what}") };
            let destination = format!("{form}{room}{end}");
            let meaning = destinations.subscribe_to(&destination);
            assert_eq!(meaning, Ok(SubscribeTo::Room(room, feed)), "{destination}");
        }
    }
    for (destination, queue) in [
        ("/user/queue/ack", Queue::Ack),
        ("/user/queue/messages/ack", Queue::Ack),
        ("/user/queue/persisted", Queue::Persisted),
        ("/user/queue/messages/persisted", Queue::Persisted),
        ("/user/queue/errors", Queue::Errors),
        ("/user/queue/messages/error", Queue::Errors),
        ("/user/queue/notifications", Queue::Notifications),
        ("/user/queue/session", Queue::Session),
    ] {
        assert_eq!(destinations.subscribe_to(destination), Ok(SubscribeTo::Queue(queue)), "{destination}");
    }
    for (what, meaning) in [
        ("edit", SendTo::Edit),
        ("delete", SendTo::Delete),
        ("react", SendTo::React),
        ("read", SendTo::Read),
        ("typing", SendTo::Typing),
    ] {
        assert_eq!(destinations.send_to(&format!("/pub/chat/{what}")), Some((meaning, None)), "{what}");
        assert_eq!(destinations.send_to(&format!("/app/chat.{what}")), Some((meaning, None)), "{what}");
    }
    assert_eq!(destinations.send_to("/pub/chat/message"), Some((SendTo::Message, None)));
    assert_eq!(destinations.send_to("/app/chat.send"), Some((SendTo::Message, None)));
    assert_eq!(destinations.send_to("/app/presence.heartbeat"), Some((SendTo::Ignored, None)));
}

#[test]
fn what_is_no_destination_is_refused_with_the_reason() {
    let destinations = Destinations::new(&defaults()).unwrap();
    let room = RoomId::generate();
    for (destination, code) in [
        ("/user/queue/secrets".to_owned(), ErrorCode::NotFound),
        ("/user/someone/queue/ack".to_owned(), ErrorCode::Forbidden),
        ("/sub/chat/room/*".to_owned(), ErrorCode::NotFound),
        ("/topic/room.*".to_owned(), ErrorCode::NotFound),
        (format!("/sub/chat/room/{room}/../x"), ErrorCode::NotFound),
        (format!("/sub/chat/room/{room}/"), ErrorCode::NotFound),
        ("/topic/presence".to_owned(), ErrorCode::NotFound),
    ] {
        assert_eq!(destinations.subscribe_to(&destination).unwrap_err().code, code, "{destination}");
    }
    for broadcast in [format!("/sub/chat/room/{room}"), format!("/topic/room.{room}"), "/user/queue/ack".to_owned()] {
        assert_eq!(destinations.send_to(&broadcast), None, "{broadcast}");
    }
}

/// One row per back end whose front ends are to connect: where they send a message, where they receive.
#[test]
fn destinations_of_other_back_ends_are_a_matter_of_configuration() {
    for (send, receive) in [
        ("/pub/chat/message", "/sub/chat/room/{roomId}"),
        ("/app/chat.send", "/topic/room.{roomId}"),
        ("/pub/chat/message", "/sub/chat/{roomId}"),
        ("/pub/chat/private/message", "/sub/chat/private/{roomId}"),
        ("/publish/{roomId}", "/topic/{roomId}"),
        ("/pub/chats/{roomId}", "/sub/chats/{roomId}"),
        ("/app-ws-method/sendMessage", "/subscribe/{roomId}"),
        ("/app/socket/chat/send", "/topic/chat/{roomId}"),
        ("/app/send", "/topic/message/{roomId}"),
    ] {
        let config = StompConfig { send_message: list(&[send]), room: list(&[receive]), ..defaults() };
        config.validate().unwrap();
        let destinations = Destinations::new(&config).unwrap();
        let room = RoomId::generate();
        let fill = |template: &str| template.replace("{roomId}", &room.to_string());
        let named = send.contains('{').then_some(room);
        assert_eq!(destinations.send_to(&fill(send)), Some((SendTo::Message, named)), "{send}");
        let timeline = SubscribeTo::Room(room, Feed::TIMELINE);
        assert_eq!(destinations.subscribe_to(&fill(receive)), Ok(timeline), "{receive}");
    }
}

#[test]
fn templates_that_cannot_work_are_refused_by_their_key() {
    let with = |change: fn(&mut StompConfig)| {
        let mut config = defaults();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    for (problem, key, why) in [
        (with(|c| c.room = Vec::new()), "stomp.room`", "at least one"),
        (with(|c| c.room = list(&["/sub/chat/room"])), "stomp.room`", "must hold {roomId}"),
        (with(|c| c.room_read = list(&["/sub/{room}/read"])), "stomp.room_read`", "no other hole"),
        (with(|c| c.queue_ack = list(&["/user/queue/{roomId}"])), "stomp.queue_ack`", "must not hold"),
        (with(|c| c.queue_errors = list(&["/user/queue/ack"])), "stomp.queue_errors`", "stomp.queue_ack"),
        (with(|c| c.room_typing = c.room.clone()), "stomp.room_typing`", "stomp.room:"),
        (with(|c| c.send_edit = c.send_message.clone()), "stomp.send_edit`", "stomp.send_message"),
        (with(|c| c.send_message = list(&[""])), "stomp.send_message`", "empty"),
        (with(|c| c.max_headers = 0), "stomp.max_headers`", "1 to"),
        (with(|c| c.max_frame_bytes = 65_537), "stomp.max_frame_bytes`", "1 to 65536"),
        (with(|c| c.max_header_line_bytes = c.max_frame_bytes + 1), "stomp.max_header_line_bytes`", "1 to"),
    ] {
        assert!(problem.contains(key) && problem.contains(why), "{key}: {problem}");
    }
    let mut without = defaults();
    without.send_ignored = Vec::new();
    without.validate().unwrap();
}
