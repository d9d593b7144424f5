//! Negotiation and the order of frames (1.2 "Connecting", "Protocol Negotiation", "Heart-beating", "Client Frames").

use chat_stomp::{Command, Frame, HeartBeat, Phase, Request, Rule, ServerSettings, Session, Version};

fn settings() -> ServerSettings {
    ServerSettings { max_subscriptions: 2, max_name_bytes: 8, ..ServerSettings::default() }
}

fn connect(headers: &[(&'static str, &'static str)]) -> Frame {
    headers.iter().fold(Frame::new(Command::Connect), |frame, (name, value)| frame.with(*name, *value))
}

fn connected(accept_version: &'static str) -> Session {
    let mut session = Session::new(settings());
    session.accept(connect(&[("accept-version", accept_version)])).expect("a common version");
    session
}

fn subscribe(id: &'static str, destination: &'static str) -> Frame {
    Frame::new(Command::Subscribe).with("id", id).with("destination", destination)
}

fn rule(session: &mut Session, frame: Frame) -> Rule {
    session.accept(frame).expect_err("an error").rule
}

/// 1.2 "Protocol Negotiation"; `host` may be absent, since client libraries omit it.
#[test]
fn the_highest_common_version_is_chosen() {
    let cases = [
        (None, Ok(Version::V1_0)),
        (Some("1.0"), Ok(Version::V1_0)),
        (Some("1.0,1.1,2.0"), Ok(Version::V1_1)),
        (Some("1.2,1.1, 1.0"), Ok(Version::V1_2)),
        (Some("2.0"), Err(Rule::NoCommonVersion)),
        (Some(""), Err(Rule::NoCommonVersion)),
        (Some("1.20"), Err(Rule::NoCommonVersion)),
    ];
    for (accept, expected) in cases {
        let frame = accept.map_or_else(|| connect(&[]), |accept| connect(&[("accept-version", accept)]));
        let mut session = Session::new(settings());
        let result = session.accept(frame).map(|_| session.version()).map_err(|error| error.rule);
        assert_eq!(result, expected, "{accept:?}");
    }
}

#[test]
fn without_a_common_version_the_error_names_the_servers() {
    let mut session = Session::new(settings());
    let error = session.accept(connect(&[("accept-version", "3.0")])).expect_err("an error");
    let frame = error.to_frame("bad_request");
    assert_eq!(frame.command, Command::Error);
    assert_eq!(frame.header("version"), Some("1.0,1.1,1.2"));
    assert_eq!(frame.header("code"), Some("bad_request"));
    assert_eq!(session.phase(), Phase::Closed);
}

/// 1.2 "Heart-beating": 0 if either side declines, else the larger of the two.
#[test]
fn heart_beats_are_agreed_per_direction() {
    let cases = [
        (Some("20000,5000"), Ok((10_000, 20_000))),
        (Some("0,25000"), Ok((25_000, 0))),
        (Some("1,0"), Ok((0, 10_000))),
        (None, Ok((0, 0))),
        (Some("10000"), Err(Rule::BadHeartBeat)),
        (Some("1,2,3"), Err(Rule::BadHeartBeat)),
        (Some("-1,0"), Err(Rule::BadHeartBeat)),
        (Some("+1,0"), Err(Rule::BadHeartBeat)),
        (Some("a,b"), Err(Rule::BadHeartBeat)),
        (Some(",0"), Err(Rule::BadHeartBeat)),
        (Some("4294967296,0"), Err(Rule::BadHeartBeat)),
    ];
    for (offer, expected) in cases {
        let mut frame = connect(&[("accept-version", "1.2")]);
        if let Some(offer) = offer {
            frame = frame.with("heart-beat", offer);
        }
        let agreed = match Session::new(settings()).accept(frame) {
            Ok(Request::Connect { negotiated, .. }) => Ok(negotiated.heart_beat),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.rule),
        };
        let expected = expected
            .map(|(server_to_client_ms, client_to_server_ms)| HeartBeat { server_to_client_ms, client_to_server_ms });
        assert_eq!(agreed, expected, "{offer:?}");
    }
}

/// 1.2 "CONNECTED".
#[test]
fn connected_names_version_heart_beat_server_and_session() {
    let frame = connected("1.1").connected("s-1");
    let headers: Vec<_> = frame.headers.iter().collect();
    let expected = [("version", "1.1"), ("heart-beat", "10000,10000"), ("server", "chat"), ("session", "s-1")];
    assert_eq!(headers, expected);
}

/// 1.2 "Connecting": CONNECT or STOMP comes first, and once.
#[test]
fn nothing_is_legal_before_connect_and_connect_only_once() {
    for command in Command::ALL.into_iter().filter(|command| command.is_client()) {
        let mut session = Session::new(settings());
        match command {
            Command::Connect | Command::Stomp => {
                session.accept(Frame::new(command)).expect("legal");
                assert_eq!(rule(&mut session, Frame::new(command)), Rule::AlreadyConnected);
            }
            _ => assert_eq!(rule(&mut session, Frame::new(command)), Rule::NotConnected(command)),
        }
        assert_eq!(session.phase(), Phase::Closed);
        assert_eq!(rule(&mut session, connect(&[])), Rule::Closed);
    }
}

#[test]
fn a_client_may_not_send_the_servers_commands() {
    for command in Command::ALL.into_iter().filter(|command| !command.is_client()) {
        assert_eq!(rule(&mut connected("1.2"), Frame::new(command)), Rule::ServerCommand(command));
    }
}

#[test]
fn acknowledgements_and_transactions_are_refused() {
    for command in [Command::Ack, Command::Nack, Command::Begin, Command::Commit, Command::Abort] {
        let frame = Frame::new(command).with("receipt", "9");
        let error = connected("1.2").accept(frame).expect_err("an error");
        assert_eq!(error.to_string(), format!("{} is not supported", command.as_str()));
        assert_eq!(error.to_frame("bad_request").header("receipt-id"), Some("9"));
    }
    let send = Frame::new(Command::Send).with("destination", "/a").with("transaction", "t");
    assert_eq!(rule(&mut connected("1.2"), send), Rule::TransactionNotSupported);
    for ack in ["client", "client-individual", "bogus"] {
        assert_eq!(rule(&mut connected("1.2"), subscribe("1", "/a").with("ack", ack)), Rule::AckNotSupported);
    }
    connected("1.2").accept(subscribe("1", "/a").with("ack", "auto")).expect("legal");
}

/// 1.2 "SEND", "SUBSCRIBE", "SUBSCRIBE id Header".
#[test]
fn required_headers_are_required() {
    let send = Frame::new(Command::Send);
    assert_eq!(rule(&mut connected("1.2"), send), Rule::MissingHeader("destination"));
    assert_eq!(rule(&mut connected("1.2"), subscribe("1", "")), Rule::MissingHeader("destination"));
    assert_eq!(rule(&mut connected("1.2"), subscribe("", "/a")), Rule::MissingHeader("id"));
    for version in ["1.1", "1.2"] {
        let frame = Frame::new(Command::Subscribe).with("destination", "/a");
        assert_eq!(rule(&mut connected(version), frame), Rule::MissingHeader("id"));
        assert_eq!(rule(&mut connected(version), Frame::new(Command::Unsubscribe)), Rule::MissingHeader("id"));
    }
}

#[test]
fn subscriptions_are_unique_by_id_and_bounded() {
    let mut session = connected("1.2");
    session.accept(subscribe("1", "/a")).expect("legal");
    session.accept(subscribe("2", "/a")).expect("the same destination twice is legal");
    assert_eq!(session.subscriptions().get("2").map(|entry| &*entry.destination), Some("/a"));
    assert_eq!(rule(&mut session, subscribe("3", "/a")), Rule::TooManySubscriptions(2));

    let mut session = connected("1.2");
    session.accept(subscribe("1", "/a")).expect("legal");
    assert_eq!(rule(&mut session, subscribe("1", "/b")), Rule::DuplicateSubscription);
    assert_eq!(rule(&mut connected("1.2"), subscribe("123456789", "/a")), Rule::HeaderTooLong("id"));
    assert_eq!(rule(&mut connected("1.2"), subscribe("1", "/23456789")), Rule::HeaderTooLong("destination"));
}

#[test]
fn unsubscribing_frees_the_id_and_may_come_too_late() {
    let mut session = connected("1.2");
    let unsubscribe = Frame::new(Command::Unsubscribe).with("id", "1");
    session.accept(subscribe("1", "/a")).expect("legal");
    for known in [true, false] {
        let Ok(Request::Unsubscribe { removed, .. }) = session.accept(unsubscribe.clone()) else { panic!("legal") };
        assert_eq!(removed.is_some(), known);
    }
    session.accept(subscribe("1", "/b")).expect("the id is free");
}

/// 1.0 "SUBSCRIBE": the id is optional, and MESSAGE names it only if it was given.
#[test]
fn in_1_0_the_destination_stands_in_for_the_id() {
    let mut session = connected("1.0");
    let frame = Frame::new(Command::Subscribe).with("destination", "/a");
    let Ok(Request::Subscribe { subscription, .. }) = session.accept(frame.clone()) else { panic!("legal") };
    assert_eq!((&*subscription.id, subscription.header()), ("/a", None));
    session.accept(Frame::new(Command::Unsubscribe).with("destination", "/a")).expect("legal");
    assert!(session.subscriptions().is_empty());

    session.accept(frame.clone()).expect("legal again");
    assert_eq!(rule(&mut session, frame), Rule::DuplicateSubscription);
}

/// 1.2 "DISCONNECT": the client must not send any more frames after it.
#[test]
fn nothing_follows_disconnect() {
    let mut session = connected("1.2");
    let frame = Frame::new(Command::Disconnect).with("receipt", "77");
    let Ok(Request::Disconnect { frame }) = session.accept(frame) else { panic!("legal") };
    assert_eq!(frame.receipt(), Some("77"));
    assert_eq!(rule(&mut session, subscribe("1", "/a")), Rule::Closed);
}
