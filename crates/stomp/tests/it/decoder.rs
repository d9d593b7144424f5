//! Frame grammar (1.2 "STOMP Frames", "Augmented BNF"), escaping ("Value Encoding"), and limits ("Size Limits").

use bytes::Bytes;
use chat_stomp::{Command, DecodeError, Decoder, Item, Limits, Version, header};

use crate::{decode, decode_pieces, error_of, one_frame};

const SEND: &[u8] = b"SEND\ndestination:/pub/a\nreceipt:7\n\nhello\0";

#[test]
fn a_frame_has_command_headers_and_body() {
    let frame = one_frame(SEND, Version::V1_2);
    assert_eq!(frame.command, Command::Send);
    assert_eq!(frame.headers.iter().collect::<Vec<_>>(), [("destination", "/pub/a"), ("receipt", "7")]);
    assert_eq!(frame.body, "hello");
    assert_eq!(frame.receipt(), Some("7"));
}

#[test]
fn every_command_is_known_in_upper_case_only() {
    for command in Command::ALL {
        let bytes = format!("{}\n\n\0", command.as_str());
        assert_eq!(one_frame(bytes.as_bytes(), Version::V1_2).command, command);
        let error = error_of(bytes.to_lowercase().as_bytes(), Version::V1_2);
        assert_eq!(error, DecodeError::UnknownCommand);
    }
}

/// 1.2 "STOMP Frames": a line may end with CRLF.
#[test]
fn lines_may_end_with_crlf() {
    let frame = one_frame(b"\r\nSEND\r\ndestination:/a\r\ncontent-length:2\r\n\r\n\r\n\0\r\n", Version::V1_2);
    assert_eq!(frame.header("destination"), Some("/a"));
    assert_eq!(frame.body, "\r\n");
}

/// 1.2 "Heart-beating": an end-of-line between frames; several frames may come in one piece.
#[test]
fn line_ends_around_frames_are_heart_beats() {
    let bytes = [b"\n\r\n".as_slice(), SEND, b"\n", SEND].concat();
    let (items, result) = decode(&bytes, Version::V1_2);
    assert_eq!(result, Ok(()));
    let shape: Vec<bool> = items.iter().map(|item| *item == Item::HeartBeat).collect();
    assert_eq!(shape, [true, true, false, true, false]);
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let mut decoder = Decoder::new(Limits::default(), Version::V1_2);
    let (items, result) = decode_pieces(&mut decoder, SEND.chunks(1));
    assert_eq!(result, Ok(()));
    assert_eq!(items, [Item::Frame(one_frame(SEND, Version::V1_2))]);
    assert_eq!(decoder.buffered(), 0);
}

/// 1.2 "Header content-length": that many octets are read, NULs included.
#[test]
fn a_body_with_content_length_may_hold_nul() {
    let frame = one_frame(b"SEND\ndestination:/a\ncontent-length:3\n\na\0b\0", Version::V1_2);
    assert_eq!(frame.body, b"a\0b".as_slice());
}

/// 1.2 "Repeated Header Entries".
#[test]
fn the_first_of_a_repeated_header_counts() {
    let frame = one_frame(b"SEND\nfoo:World\nfoo:Hello\ncontent-length:1\ncontent-length:9\n\nx\0", Version::V1_2);
    assert_eq!(frame.header("foo"), Some("World"));
    assert_eq!(frame.headers.len(), 4);
    assert_eq!(frame.body, "x");
}

/// 1.2 "Value Encoding": implementations must not trim or pad.
#[test]
fn nothing_is_trimmed_and_a_colon_in_a_value_does_no_harm() {
    let frame = one_frame(b"SEND\n a : b \nurl:http://x:1/\nempty:\n\n\0", Version::V1_2);
    let headers: Vec<_> = frame.headers.iter().collect();
    assert_eq!(headers, [(" a ", " b "), ("url", "http://x:1/"), ("empty", "")]);
}

/// "Value Encoding" of 1.1 and 1.2; 1.0 has none.
#[test]
fn escapes_are_undone_as_the_version_says() {
    let bytes = br"k\cn:a\n\c\\z";
    let frame = |version| one_frame(&[b"SEND\n".as_slice(), bytes, b"\n\n\0"].concat(), version);
    for version in [Version::V1_1, Version::V1_2] {
        assert_eq!(frame(version).headers.iter().next(), Some(("k:n", "a\n:\\z")));
    }
    assert_eq!(frame(Version::V1_0).headers.iter().next(), Some((r"k\cn", r"a\n\c\\z")));
    assert_eq!(one_frame(b"SEND\nk:\\r\n\n\0", Version::V1_2).header("k"), Some("\r"));
}

/// 1.2 "Value Encoding": an undefined escape is a fatal protocol error.
#[test]
fn an_undefined_escape_is_an_error() {
    for (value, version) in
        [(r"\t", Version::V1_2), (r"\r", Version::V1_1), (r"a\", Version::V1_2), (r"\é", Version::V1_1)]
    {
        let bytes = format!("SEND\nk:{value}\n\n\0");
        assert_eq!(error_of(bytes.as_bytes(), version), DecodeError::UndefinedEscape, "{value}");
    }
}

/// 1.2 "Value Encoding": CONNECT and CONNECTED are not escaped, for 1.0's sake.
#[test]
fn connect_and_connected_are_never_unescaped() {
    for command in ["CONNECT", "STOMP", "CONNECTED"] {
        let frame = one_frame(format!("{command}\npasscode:a\\tb\\c\n\n\0").as_bytes(), Version::V1_2);
        assert_eq!(frame.header("passcode"), Some(r"a\tb\c"));
    }
}

#[test]
fn malformed_frames_have_their_own_errors() {
    let huge = format!("SEND\ncontent-length:{}\n\n", "9".repeat(40));
    let cases: &[(&[u8], DecodeError)] = &[
        (b"GET / HTTP/1.1\r\nhost:x\r\n\r\n", DecodeError::UnknownCommand),
        (b" SEND\n\n\0", DecodeError::UnknownCommand),
        (b"SEND\nno colon\n\n\0", DecodeError::MissingColon),
        (b"SEND\n:v\n\n\0", DecodeError::EmptyHeaderName),
        (b"SEND\nk:\xff\n\n\0", DecodeError::NotUtf8),
        (b"SEND\nk:v\0", DecodeError::NulInHead),
        (b"\0", DecodeError::NulInHead),
        (b"SEND\rk:v\n\n\0", DecodeError::LoneCarriageReturn),
        (b"SEND\nk:a\rb\n\n\0", DecodeError::LoneCarriageReturn),
        (b"\rSEND\n\n\0", DecodeError::LoneCarriageReturn),
        (b"\r\r\n", DecodeError::LoneCarriageReturn),
        (b"SEND\ncontent-length:-1\n\n\0", DecodeError::BadContentLength),
        (b"SEND\ncontent-length:+1\n\nx\0", DecodeError::BadContentLength),
        (b"SEND\ncontent-length: 1\n\nx\0", DecodeError::BadContentLength),
        (b"SEND\ncontent-length:\n\n\0", DecodeError::BadContentLength),
        (b"SEND\ncontent-length:2\n\nabc\0", DecodeError::MissingNul),
        (b"SUBSCRIBE\nid:1\n\nbody\0", DecodeError::BodyNotAllowed),
        (b"DISCONNECT\ncontent-length:4\n\nbody\0", DecodeError::BodyNotAllowed),
        (huge.as_bytes(), DecodeError::FrameTooLong { limit: 65536 }),
    ];
    for (bytes, expected) in cases {
        let error = error_of(bytes, Version::V1_2);
        assert_eq!(&error, expected, "{}", bytes.escape_ascii());
        assert!(!error.to_string().contains(['\n', '\r', ':', '\\', '\0']), "the text needs no escaping");
    }
}

/// 1.2 "Body": only SEND, MESSAGE and ERROR have one; an announced length of 0 is none.
#[test]
fn a_frame_without_body_may_announce_length_zero() {
    assert_eq!(one_frame(b"SUBSCRIBE\ncontent-length:0\n\n\0", Version::V1_2).command, Command::Subscribe);
    for command in ["SEND", "MESSAGE", "ERROR"] {
        assert_eq!(one_frame(format!("{command}\n\nx\0").as_bytes(), Version::V1_2).body, "x");
    }
}

#[test]
fn each_limit_admits_its_value_and_refuses_one_more() {
    let limits = Limits { command: 7, headers: 2, header_line: 9, frame: 40 };
    let check = |limits: Limits, bytes: &str| {
        let run = |piece| decode_pieces(&mut Decoder::new(limits, Version::V1_2), bytes.as_bytes().chunks(piece)).1;
        assert_eq!(run(1), run(bytes.len()), "dribbled and at once");
        run(1)
    };
    let run = |bytes: &str| check(limits, bytes);

    assert_eq!(run("CONNECT\r\n\r\n\0"), Ok(()));
    assert_eq!(run("CONNECTED"), Err(DecodeError::CommandTooLong { limit: 7 }));
    assert_eq!(run("SEND\nabc:56789\r\n\n\0"), Ok(()));
    assert_eq!(run("SEND\nabc:567890"), Err(DecodeError::HeaderTooLong { limit: 9 }));
    assert_eq!(run("SEND\na:1\nb:2\n\n\0"), Ok(()));
    assert_eq!(run("SEND\na:1\nb:2\nc:3\n"), Err(DecodeError::TooManyHeaders { limit: 2 }));

    let too_long = Err(DecodeError::FrameTooLong { limit: 40 });
    let body = |octets| "x".repeat(octets);
    assert_eq!(run(&format!("SEND\n\n{}\0", body(33))), Ok(()), "6 + 33 + NUL = 40");
    assert_eq!(run(&format!("SEND\n\n{}", body(34))), too_long);
    assert_eq!(run("SEND\ncontent-length:17\n\n"), Err(DecodeError::HeaderTooLong { limit: 9 }));
    let wide = Limits { header_line: 40, ..limits };
    let run = |bytes: &str| check(wide, bytes);
    assert_eq!(run("SEND\ncontent-length:15\n\n"), Ok(()), "24 + 15 + NUL = 40");
    assert_eq!(run("SEND\ncontent-length:16\n\n"), too_long, "refused from the announcement alone");
    assert_eq!(run(&format!("SEND\na:{}", body(34))), too_long);
}

#[test]
fn limits_are_told_from_malformed_input() {
    assert!(DecodeError::FrameTooLong { limit: 1 }.is_limit());
    assert!(DecodeError::TooManyHeaders { limit: 1 }.is_limit());
    assert!(!DecodeError::MissingColon.is_limit());
}

#[test]
fn after_an_error_the_decoder_stays_failed_and_holds_nothing() {
    let mut decoder = Decoder::new(Limits::default(), Version::V1_2);
    let error = Err(DecodeError::MissingColon);
    assert_eq!(decoder.decode(&mut Bytes::from_static(b"SEND\nx\n\n\0")), error);
    assert_eq!(decoder.decode(&mut Bytes::from_static(SEND)), error);
    assert_eq!(decoder.decode(&mut Bytes::new()), error);
    assert_eq!(decoder.buffered(), 0);
}

/// 1.2 "ERROR": if the error is about a frame with a receipt, the ERROR should name it.
#[test]
fn the_receipt_of_a_broken_frame_is_known() {
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"SEND\nreceipt:7\nbroken\n\n\0", Some("7")),
        (b"SEND\nreceipt:7\ncontent-length:x\n\n\0", Some("7")),
        (b"SEND\nreceipt:7\ncontent-length:1\n\nxx\0", Some("7")),
        (b"SUBSCRIBE\nreceipt:7\n\nbody\0", Some("7")),
        (b"CONNECT\nreceipt:7\nbroken\n\n\0", None),
        (b"BOGUS\nreceipt:7\n\n\0", None),
    ];
    for (bytes, receipt) in cases {
        let mut decoder = Decoder::new(Limits::default(), Version::V1_2);
        assert!(decode_pieces(&mut decoder, [*bytes]).1.is_err());
        assert_eq!(decoder.failed_receipt(), *receipt, "{}", bytes.escape_ascii());
    }
}

#[test]
fn the_version_may_change_between_two_frames_of_one_piece() {
    let mut decoder = Decoder::new(Limits::default(), Version::V1_0);
    let mut input = Bytes::from_static(b"CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:a\\cb\n\n\0");
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Item::Frame(_)))));
    decoder.set_version(Version::V1_2);
    let Ok(Some(Item::Frame(frame))) = decoder.decode(&mut input) else { panic!("a frame") };
    assert_eq!(frame.header(header::DESTINATION), Some("a:b"));
}

#[test]
fn a_whole_frame_is_not_copied() {
    let mut input = Bytes::copy_from_slice(SEND);
    let memory = input.as_ptr_range();
    let mut decoder = Decoder::new(Limits::default(), Version::V1_2);
    let Ok(Some(Item::Frame(frame))) = decoder.decode(&mut input) else { panic!("a frame") };
    assert!(memory.contains(&frame.body.as_ptr()));
}

#[test]
fn a_frame_that_waits_for_its_body_does_not_keep_the_input_alive() {
    let mut decoder = Decoder::new(Limits::default(), Version::V1_2);
    let mut input = Bytes::copy_from_slice(b"SEND\ndestination:/a\n\nhal");
    let keep = input.clone();
    assert_eq!(decoder.decode(&mut input), Ok(None));
    drop(input);
    assert!(keep.is_unique());
    let Ok(Some(Item::Frame(frame))) = decoder.decode(&mut Bytes::from_static(b"f\0")) else { panic!("a frame") };
    assert_eq!((frame.header("destination"), &*frame.body), (Some("/a"), b"half".as_slice()));
}
