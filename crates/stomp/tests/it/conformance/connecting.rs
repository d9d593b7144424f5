//! "Connecting", "Protocol Negotiation", "Heart-beating".

use super::served;

#[test]
fn a_session_begins_with_connect_or_stomp() {
    served(&[
        ("1.2, Connecting", b"CONNECT\naccept-version:1.2\nhost:x\n\n\0", "connect 1.2 0,0"),
        (
            "1.2, CONNECT or STOMP Frame: STOMP is the same",
            b"STOMP\naccept-version:1.2\nhost:x\n\n\0",
            "connect 1.2 0,0",
        ),
        ("1.1, Future Compatibility: STOMP in 1.1", b"STOMP\naccept-version:1.1\nhost:x\n\n\0", "connect 1.1 0,0"),
        (
            "1.2, CONNECT or STOMP Frame: host; not required here",
            b"CONNECT\naccept-version:1.2\n\n\0",
            "connect 1.2 0,0",
        ),
        (
            "1.2, CONNECT or STOMP Frame: any host is ours",
            b"CONNECT\naccept-version:1.2\nhost:/\n\n\0",
            "connect 1.2 0,0",
        ),
        ("1.0, CONNECT: no header is required", b"CONNECT\n\n\0", "connect 1.0 0,0"),
        ("1.0, CONNECT: login and passcode", b"CONNECT\nlogin:a\npasscode:b\n\n\0", "connect 1.0 0,0"),
        ("1.2, Header receipt: not of CONNECT", b"CONNECT\nreceipt:7\n\n\0", "connect 1.0 0,0"),
        (
            "1.2, Connecting: heart-beats before CONNECT, here",
            b"\n\nCONNECT\n\n\0\n",
            "beat | beat | connect 1.0 0,0 | beat",
        ),
        ("1.2, Connecting: nothing before CONNECT", b"SEND\ndestination:/a\n\n\0", "error: SEND before CONNECT"),
        (
            "1.2, Connecting: nothing before CONNECT",
            b"SUBSCRIBE\nid:0\nreceipt:7\n\n\0",
            "error: SUBSCRIBE before CONNECT receipt=7",
        ),
        ("1.2, Connecting: nothing before CONNECT", b"DISCONNECT\n\n\0", "error: DISCONNECT before CONNECT"),
        ("1.2, Connecting: once", b"CONNECT\n\n\0CONNECT\n\n\0", "connect 1.0 0,0 | error: already connected"),
        (
            "1.2, Connecting: once, by either name",
            b"CONNECT\n\n\0STOMP\n\n\0",
            "connect 1.0 0,0 | error: already connected",
        ),
        (
            "1.2, Server Frames: not a client's",
            b"CONNECTED\nversion:1.2\n\n\0",
            "error: CONNECTED is not a client command",
        ),
        ("1.2, Connecting: HTTP is not STOMP", b"GET / HTTP/1.1\r\nhost:x\r\n\r\n", "error: unknown command"),
    ]);
}

#[test]
fn the_highest_version_of_both_is_spoken() {
    served(&[
        ("1.2, Protocol Negotiation: absent means 1.0", b"CONNECT\nhost:x\n\n\0", "connect 1.0 0,0"),
        ("1.2, Protocol Negotiation: one", b"CONNECT\naccept-version:1.1\n\n\0", "connect 1.1 0,0"),
        (
            "1.2, Protocol Negotiation: the highest in common",
            b"CONNECT\naccept-version:1.0,1.1,2.0\n\n\0",
            "connect 1.1 0,0",
        ),
        ("1.2, Protocol Negotiation: in any order", b"CONNECT\naccept-version:1.2,1.0\n\n\0", "connect 1.2 0,0"),
        (
            "1.2, Protocol Negotiation: spaces between, here",
            b"CONNECT\naccept-version:1.0, 1.2\n\n\0",
            "connect 1.2 0,0",
        ),
        ("1.2, Protocol Negotiation: empty entries, here", b"CONNECT\naccept-version:,1.2,\n\n\0", "connect 1.2 0,0"),
        (
            "1.2, Protocol Negotiation: none in common",
            b"CONNECT\naccept-version:2.0\n\n\0",
            "error: no common version; supported are 1.0,1.1,1.2",
        ),
        (
            "1.2, Protocol Negotiation: no numbers, but names",
            b"CONNECT\naccept-version:1.10,01.2,1\n\n\0",
            "error: no common version; supported are 1.0,1.1,1.2",
        ),
        (
            "1.2, Protocol Negotiation: empty",
            b"CONNECT\naccept-version:\n\n\0",
            "error: no common version; supported are 1.0,1.1,1.2",
        ),
        (
            "1.2, Repeated Header Entries: the first",
            b"CONNECT\naccept-version:1.1\naccept-version:1.2\n\n\0",
            "connect 1.1 0,0",
        ),
    ]);
}

/// The server of these rows offers and wants 10,000 ms; the outcome is what the server sends, then what it expects.
#[test]
fn heart_beats_are_agreed_in_each_direction() {
    let bad = "error: heart-beat is not two numbers of milliseconds";
    served(&[
        ("1.2, Heart-beating: absent is 0,0", b"CONNECT\naccept-version:1.2\n\n\0", "connect 1.2 0,0"),
        ("1.2, Heart-beating: 0 is none", b"CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0", "connect 1.2 0,0"),
        (
            "1.2, Heart-beating: the slower of both",
            b"CONNECT\naccept-version:1.2\nheart-beat:20000,30000\n\n\0",
            "connect 1.2 30000,20000",
        ),
        (
            "1.2, Heart-beating: the server's if slower",
            b"CONNECT\naccept-version:1.1\nheart-beat:1,1\n\n\0",
            "connect 1.1 10000,10000",
        ),
        (
            "1.2, Heart-beating: from the client only",
            b"CONNECT\naccept-version:1.2\nheart-beat:5000,0\n\n\0",
            "connect 1.2 0,10000",
        ),
        (
            "1.2, Heart-beating: from the server only",
            b"CONNECT\naccept-version:1.2\nheart-beat:0,5000\n\n\0",
            "connect 1.2 10000,0",
        ),
        ("1.0: has none, whatever the header says", b"CONNECT\nheart-beat:1,1\n\n\0", "connect 1.0 0,0"),
        ("1.0: has none, whatever the header says", b"CONNECT\nheart-beat:nonsense\n\n\0", "connect 1.0 0,0"),
        ("1.2, Heart-beating: two numbers", b"CONNECT\naccept-version:1.2\nheart-beat:1\n\n\0", bad),
        ("1.2, Heart-beating: two numbers", b"CONNECT\naccept-version:1.2\nheart-beat:1,2,3\n\n\0", bad),
        ("1.2, Heart-beating: two numbers", b"CONNECT\naccept-version:1.2\nheart-beat:\n\n\0", bad),
        ("1.2, Heart-beating: positive", b"CONNECT\naccept-version:1.2\nheart-beat:-1,0\n\n\0", bad),
        ("1.2, Heart-beating: integers", b"CONNECT\naccept-version:1.2\nheart-beat:1.5,0\n\n\0", bad),
        ("1.2, Heart-beating: of 32 bits, here", b"CONNECT\naccept-version:1.2\nheart-beat:0,4294967296\n\n\0", bad),
        ("1.2, Heart-beating: LF or CRLF, in any phase", b"CONNECT\n\n\0\n\r\n", "connect 1.0 0,0 | beat | beat"),
    ]);
}

#[test]
fn the_version_holds_for_the_next_frame() {
    served(&[
        (
            "1.2, Protocol Negotiation: 1.2 unescapes CR",
            b"CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:a\\rb\n\n\0",
            "connect 1.2 0,0 | send a\rb \"\"",
        ),
        (
            "1.2, Protocol Negotiation: 1.1 does not",
            b"CONNECT\naccept-version:1.1\n\n\0SEND\ndestination:a\\rb\nreceipt:7\n\n\0",
            "connect 1.1 0,0 | error: undefined escape sequence in a header",
        ),
        (
            "1.2, Protocol Negotiation: 1.0 takes it for text",
            b"CONNECT\n\n\0SEND\ndestination:a\\rb\n\n\0",
            "connect 1.0 0,0 | send a\\rb \"\"",
        ),
    ]);
}
