//! "Size Limits": each limit admits its value, and is noticed at the first octet beyond it.

use chat_stomp::{Decoder, Limits, Version};

use super::decode;

const LIMITS: Limits = Limits { command: 10, headers: 3, header_line: 20, frame: 80 };

/// The least input that is refused, and how; the same input without its last octet is not.
fn refused_at_its_last_octet(input: &str, error: &str) {
    let run = |octets: &[u8], piece| decode(Decoder::new(LIMITS, Version::V1_2), octets, piece);
    let without_last = &input.as_bytes()[..input.len() - 1];
    for piece in [1, 7, input.len()] {
        assert!(run(input.as_bytes(), piece).ends_with(&format!("error: {error}")), "{input:?} in pieces of {piece}");
        assert!(!run(without_last, piece).contains("error"), "{input:?} without its last octet, in pieces of {piece}");
    }
}

#[test]
fn a_command_is_refused_at_its_first_octet_too_many() {
    refused_at_its_last_octet("SUBSCRIBERS", "command longer than 10 bytes");
}

#[test]
fn a_header_line_is_refused_at_its_first_octet_too_many() {
    refused_at_its_last_octet("SEND\na:3456789012345678901", "header line longer than 20 bytes");
    refused_at_its_last_octet("SEND\nname-without-colon-x1", "header line longer than 20 bytes");
    refused_at_its_last_octet(
        r"SEND
a:\c\c\c\c\c\c\c\c\c1",
        "header line longer than 20 bytes",
    );
}

#[test]
fn a_header_too_many_is_refused_at_its_first_octet() {
    refused_at_its_last_octet("SEND\na:1\nb:2\nc:3\nd", "more than 3 headers");
    refused_at_its_last_octet("SEND\r\na:1\r\na:1\r\na:1\r\na", "more than 3 headers");
    refused_at_its_last_octet("SEND\na:1\nb:2\nc:3\n\n\0SEND\na:1\nb:2\nc:3\n:", "more than 3 headers");
}

#[test]
fn a_frame_is_refused_at_its_first_octet_too_many() {
    let body = |octets| "x".repeat(octets);
    refused_at_its_last_octet(&format!("SEND\n\n{}", body(74)), "frame longer than 80 bytes");
    let head = "SEND\na:345678901234567890\nb:345678901234567890\nc:345678901234567890\n";
    assert_eq!(head.len(), 68);
    refused_at_its_last_octet(&format!("{head}\n{}", body(11)), "frame longer than 80 bytes");
}

#[test]
fn a_frame_is_refused_from_its_announcement() {
    // 5 + 18 + 1 octets of head and the NUL leave 55.
    refused_at_its_last_octet("SEND\ncontent-length:56\n\n", "frame longer than 80 bytes");
    refused_at_its_last_octet("SEND\ncontent-length:9999\n\n", "frame longer than 80 bytes");
    let huge = format!("SEND\ncontent-length:{}\n\n", "9".repeat(30));
    let limits = Limits { header_line: 60, ..LIMITS };
    assert_eq!(decode(Decoder::new(limits, Version::V1_2), huge.as_bytes(), 1), "error: frame longer than 80 bytes");
}

#[test]
fn limits_are_of_one_frame_and_not_of_the_stream() {
    let frame = format!("SEND\na:1\nb:2\nc:3\n\n{}\0", "x".repeat(60));
    assert_eq!(frame.len(), 79);
    let outcome = decode(Decoder::new(LIMITS, Version::V1_2), frame.repeat(100).as_bytes(), 33);
    assert_eq!(outcome.matches("SEND[a=1,b=2,c=3]").count(), 100);
    assert!(!outcome.contains("error"));
    let beats = decode(Decoder::new(LIMITS, Version::V1_2), "\r\n".repeat(1_000).as_bytes(), 33);
    assert_eq!(beats.matches("beat").count(), 1_000, "heart-beats are of no frame");
}

#[test]
fn the_limits_by_default_are_the_documented_ones() {
    let expected = Limits { command: 16, headers: 32, header_line: 4_096, frame: 65_536 };
    assert_eq!(Limits::default(), expected);
    let headers = |count: usize| format!("SEND\n{}\n\0", "a:b\n".repeat(count));
    let run = |input: &str| decode(Decoder::new(Limits::default(), Version::V1_2), input.as_bytes(), 1_000);
    assert!(!run(&headers(32)).contains("error"));
    assert_eq!(run(&headers(33)), "error: more than 32 headers");
    assert_eq!(run(&format!("SEND\na:{}\n\n\0", "x".repeat(4_095))), "error: header line longer than 4096 bytes");
    assert_eq!(run(&format!("SEND\n\n{}\0", "x".repeat(65_530))), "error: frame longer than 65536 bytes");
    assert!(!run(&format!("SEND\n\n{}\0", "x".repeat(65_529))).contains("error"));
}
