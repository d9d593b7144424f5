//! "Client Frames": SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK, BEGIN, COMMIT, ABORT, DISCONNECT, and their receipts.

use super::{Row, served};

/// Puts CONNECT with `accept` before each row's input, and what comes of it before the row's outcome.
fn connected(accept: &str, rows: &[Row]) {
    for (rule, input, expected) in rows {
        let input = [b"CONNECT\naccept-version:", accept.as_bytes(), b"\n\n\0", input].concat();
        served(&[(rule, input.leak(), format!("connect {accept} 0,0 | {expected}").leak())]);
    }
}

const VERSIONS: [&str; 3] = ["1.0", "1.1", "1.2"];

#[test]
fn send_needs_a_destination_and_no_more() {
    for version in VERSIONS {
        connected(
            version,
            &[
                ("1.2, SEND", b"SEND\ndestination:/a\n\nhi\0", r#"send /a "hi""#),
                ("1.2, SEND: without body", b"SEND\ndestination:/a\n\n\0", r#"send /a """#),
                ("1.2, SEND: a destination is opaque", b"SEND\ndestination:a b?c=d\n\n\0", r#"send a b?c=d """#),
                ("1.2, SEND: any headers", b"SEND\ndestination:/a\nx:y\ncontent-type:a/b\n\n\0", r#"send /a """#),
                (
                    "1.2, SEND: NULs in the body",
                    b"SEND\ndestination:/a\ncontent-length:3\n\na\0b\0",
                    r#"send /a "a\x00b""#,
                ),
                (
                    "1.2, SEND: destination is required",
                    b"SEND\nreceipt:7\n\nhi\0",
                    "error: header destination is missing receipt=7",
                ),
                (
                    "1.2, SEND: destination is not empty, here",
                    b"SEND\ndestination:\n\nhi\0",
                    "error: header destination is missing",
                ),
                (
                    "1.2, SEND: transaction, not served here",
                    b"SEND\ndestination:/a\ntransaction:t\nreceipt:7\n\n\0",
                    "error: transactions are not supported receipt=7",
                ),
                ("1.2, Repeated Header Entries", b"SEND\ndestination:/a\ndestination:/b\n\n\0", r#"send /a """#),
            ],
        );
    }
}

#[test]
fn subscriptions_have_ids() {
    for version in ["1.1", "1.2"] {
        connected(
            version,
            &[
                ("1.2, SUBSCRIBE", b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0", "subscribe 0 to /a"),
                ("1.2, SUBSCRIBE id Header: any text", b"SUBSCRIBE\nid:sub 0\\c\ndestination:/a\n\n\0", "subscribe sub 0: to /a"),
                ("1.2, SUBSCRIBE id Header: required", b"SUBSCRIBE\ndestination:/a\nreceipt:7\n\n\0", "error: header id is missing receipt=7"),
                ("1.2, SUBSCRIBE id Header: not empty, here", b"SUBSCRIBE\nid:\ndestination:/a\n\n\0", "error: header id is missing"),
                ("1.2, SUBSCRIBE: destination is required", b"SUBSCRIBE\nid:0\n\n\0", "error: header destination is missing"),
                (
                    "1.2, SUBSCRIBE id Header: several, of one destination too",
                    b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0SUBSCRIBE\nid:1\ndestination:/a\n\n\0",
                    "subscribe 0 to /a | subscribe 1 to /a",
                ),
                (
                    "1.2, SUBSCRIBE id Header: different ids",
                    b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0SUBSCRIBE\nid:0\ndestination:/b\nreceipt:7\n\n\0",
                    "subscribe 0 to /a | error: subscription id is in use receipt=7",
                ),
                ("1.2, SUBSCRIBE ack Header: auto", b"SUBSCRIBE\nid:0\ndestination:/a\nack:auto\n\n\0", "subscribe 0 to /a"),
                ("1.2, SUBSCRIBE ack Header: client, not served here", b"SUBSCRIBE\nid:0\ndestination:/a\nack:client\n\n\0", "error: only ack:auto is supported"),
                ("1.2, SUBSCRIBE ack Header: client-individual, not served here", b"SUBSCRIBE\nid:0\ndestination:/a\nack:client-individual\n\n\0", "error: only ack:auto is supported"),
                ("1.2, SUBSCRIBE ack Header: no other value", b"SUBSCRIBE\nid:0\ndestination:/a\nack:Auto\n\n\0", "error: only ack:auto is supported"),
                ("1.1, SUBSCRIBE: selector may be ignored", b"SUBSCRIBE\nid:0\ndestination:/a\nselector:1=1\n\n\0", "subscribe 0 to /a"),
                ("1.2, UNSUBSCRIBE", b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0UNSUBSCRIBE\nid:0\n\n\0", "subscribe 0 to /a | unsubscribe /a"),
                ("1.2, UNSUBSCRIBE: an existing id; an ended one is no error here", b"UNSUBSCRIBE\nid:0\n\n\0", "unsubscribe nothing"),
                ("1.2, UNSUBSCRIBE: id is required", b"UNSUBSCRIBE\ndestination:/a\n\n\0", "error: header id is missing"),
                (
                    "1.2, UNSUBSCRIBE: the id is free afterwards",
                    b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0UNSUBSCRIBE\nid:0\n\n\0SUBSCRIBE\nid:0\ndestination:/b\n\n\0",
                    "subscribe 0 to /a | unsubscribe /a | subscribe 0 to /b",
                ),
            ],
        );
    }
}

#[test]
fn in_1_0_ids_are_optional() {
    connected(
        "1.0",
        &[
            ("1.0, SUBSCRIBE: without id", b"SUBSCRIBE\ndestination:/a\n\n\0", "subscribe - to /a"),
            ("1.0, SUBSCRIBE: with id", b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0", "subscribe 0 to /a"),
            ("1.0, SUBSCRIBE: its body is ignored", b"SUBSCRIBE\ndestination:/a\n\nhi\0", "subscribe - to /a"),
            (
                "1.0, UNSUBSCRIBE: by destination",
                b"SUBSCRIBE\ndestination:/a\n\n\0UNSUBSCRIBE\ndestination:/a\n\n\0",
                "subscribe - to /a | unsubscribe /a",
            ),
            (
                "1.0, UNSUBSCRIBE: by id if it had one",
                b"SUBSCRIBE\nid:0\ndestination:/a\n\n\0UNSUBSCRIBE\nid:0\n\n\0",
                "subscribe 0 to /a | unsubscribe /a",
            ),
            (
                "1.0, UNSUBSCRIBE: destination or id",
                b"UNSUBSCRIBE\nreceipt:7\n\n\0",
                "error: header destination is missing receipt=7",
            ),
            (
                "1.0, SUBSCRIBE: destination is required",
                b"SUBSCRIBE\nid:0\n\n\0",
                "error: header destination is missing",
            ),
        ],
    );
}

#[test]
fn acknowledgements_and_transactions_are_answered_with_an_error() {
    for version in VERSIONS {
        connected(
            version,
            &[
                ("1.2, ACK: not served here", b"ACK\nid:1\nreceipt:7\n\n\0", "error: ACK is not supported receipt=7"),
                ("1.2, NACK: not served here", b"NACK\nid:1\n\n\0", "error: NACK is not supported"),
                ("1.2, BEGIN: not served here", b"BEGIN\ntransaction:t\n\n\0", "error: BEGIN is not supported"),
                ("1.2, COMMIT: not served here", b"COMMIT\ntransaction:t\n\n\0", "error: COMMIT is not supported"),
                ("1.2, ABORT: not served here", b"ABORT\ntransaction:t\n\n\0", "error: ABORT is not supported"),
            ],
        );
    }
}

#[test]
fn a_session_ends_with_disconnect_or_an_error() {
    for version in VERSIONS {
        connected(
            version,
            &[
                ("1.2, DISCONNECT", b"DISCONNECT\n\n\0", "disconnect"),
                ("1.2, DISCONNECT: its receipt", b"DISCONNECT\nreceipt:77\n\n\0", "disconnect receipt=77"),
                (
                    "1.2, DISCONNECT: no frame after it",
                    b"DISCONNECT\n\n\0SEND\ndestination:/a\n\n\0",
                    "disconnect | error: session is closed",
                ),
                (
                    "1.2, DISCONNECT: not even another",
                    b"DISCONNECT\n\n\0DISCONNECT\n\n\0",
                    "disconnect | error: session is closed",
                ),
                ("1.2, Once Connected: no other frame", b"NOOP\nreceipt:7\n\n\0", "error: unknown command"),
                (
                    "1.2, Server Frames: MESSAGE is the server's",
                    b"MESSAGE\nreceipt:7\n\n\0",
                    "error: MESSAGE is not a client command receipt=7",
                ),
                (
                    "1.2, Server Frames: RECEIPT is the server's",
                    b"RECEIPT\nreceipt-id:7\n\n\0",
                    "error: RECEIPT is not a client command",
                ),
                ("1.2, Server Frames: ERROR is the server's", b"ERROR\n\n\0", "error: ERROR is not a client command"),
            ],
        );
    }
}

#[test]
fn every_frame_but_connect_may_ask_for_a_receipt() {
    connected(
        "1.2",
        &[
            ("1.2, Header receipt: SEND", b"SEND\ndestination:/a\nreceipt:1\n\n\0", "send /a \"\" receipt=1"),
            (
                "1.2, Header receipt: SUBSCRIBE",
                b"SUBSCRIBE\nid:0\ndestination:/a\nreceipt:2\n\n\0",
                "subscribe 0 to /a receipt=2",
            ),
            (
                "1.2, Header receipt: UNSUBSCRIBE",
                b"UNSUBSCRIBE\nid:0\nreceipt:3\n\n\0",
                "unsubscribe nothing receipt=3",
            ),
            (
                "1.2, Header receipt: an arbitrary value",
                b"SEND\ndestination:/a\nreceipt:\\c \\\\\n\n\0",
                "send /a \"\" receipt=: \\",
            ),
            (
                "1.2, ERROR: names it if the frame can be read so far",
                b"SEND\nreceipt:4\nbroken\n\n\0",
                "error: header without colon receipt=4",
            ),
            (
                "1.2, ERROR: names it for a body that is wrong",
                b"SEND\nreceipt:5\ncontent-length:1\n\nhi\0",
                "error: no NUL after content-length bytes of body receipt=5",
            ),
        ],
    );
}
