//! Properties over generated input: round trip, independence of the cutting, and bounds under arbitrary bytes.

use bytes::Bytes;
use chat_stomp::{Command, Decoder, Frame, Item, Limits, Version, encode, header};
use proptest::prelude::*;

use crate::{decode_pieces, one_frame};

fn version() -> impl Strategy<Value = Version> {
    proptest::sample::select(Version::ALL.to_vec())
}

/// Text that the version can express in a header of this command.
fn text(version: Version, escaped: bool, name: bool) -> BoxedStrategy<String> {
    let octets = match (escaped, version) {
        (true, Version::V1_2) => r"[a:\\\n\ré ]",
        (true, Version::V1_1) => r"[a:\\\né ]",
        _ if name => r"[a\\é ]",
        _ => r"[a:\\é ]",
    };
    proptest::string::string_regex(&format!("{octets}{{{},6}}", u8::from(name))).expect("a valid pattern").boxed()
}

fn frame(version: Version) -> impl Strategy<Value = Frame> {
    proptest::sample::select(Command::ALL.to_vec()).prop_flat_map(move |command| {
        let escaped =
            version != Version::V1_0 && !matches!(command, Command::Connect | Command::Stomp | Command::Connected);
        let headers = prop::collection::vec((text(version, escaped, true), text(version, escaped, false)), 0..5);
        let body = prop::collection::vec(any::<u8>(), 0..if command.may_have_body() { 20 } else { 1 });
        (headers, body).prop_map(move |(headers, body)| {
            let frame = headers.into_iter().fold(Frame::new(command), |frame, (name, value)| frame.with(name, value));
            frame.with_body(body)
        })
    })
}

/// Bytes that look like STOMP: tokens of the grammar, valid and not, in any order.
fn stomp_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"SEND\n".to_vec()),
        Just(b"SUBSCRIBE\r\n".to_vec()),
        Just(b"CONNECT\n".to_vec()),
        Just(b"k:v\n".to_vec()),
        Just(b"receipt:1\r\n".to_vec()),
        Just(b"content-length:3\n".to_vec()),
        Just(b"content-length:99\n".to_vec()),
        Just(br"e\n\c\\:\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\0".to_vec()),
        Just(b"\n\n\0".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"abc".to_vec()),
        Just(b"SEND\nk:v\n\n".to_vec()),
        Just(vec![b'x'; 30]),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// Valid streams and arbitrary ones.
pub fn stream() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop::collection::vec(frame(Version::V1_2), 1..4)
        .prop_map(|frames| frames.iter().flat_map(|frame| encode(frame, Version::V1_2)).collect());
    prop_oneof![stomp_like(), valid, prop::collection::vec(any::<u8>(), 0..200)]
}

/// Small, so that generated input passes each of them.
const TIGHT: Limits = Limits { command: 10, headers: 3, header_line: 18, frame: 64 };

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_undoes_encoding((version, frame) in version().prop_flat_map(|v| (Just(v), frame(v)))) {
        let mut expected = frame.clone();
        if frame.command.may_have_body() {
            expected = expected.with(header::CONTENT_LENGTH, frame.body.len().to_string());
        } else {
            expected.body = Bytes::new();
        }
        prop_assert_eq!(one_frame(&encode(&frame, version), version), expected);
    }

    #[test]
    fn any_cutting_gives_the_same_items(
        bytes in stream(),
        version in version(),
        tight in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let limits = if tight { TIGHT } else { Limits::default() };
        let run = |pieces: Vec<&[u8]>| {
            let mut decoder = Decoder::new(limits, version);
            let (items, result) = decode_pieces(&mut decoder, pieces);
            (items, result, decoder.failed_receipt().map(str::to_owned), decoder.buffered())
        };
        let whole = run(vec![&bytes]);
        prop_assert_eq!(&run(cut(&bytes, &cuts)), &whole);
        prop_assert_eq!(&run(bytes.chunks(1).collect()), &whole);
    }

    #[test]
    fn arbitrary_bytes_never_pass_the_limit(pieces in prop::collection::vec(stream(), 0..6), version in version()) {
        let mut decoder = Decoder::new(TIGHT, version);
        for octet in pieces.concat().chunks(1) {
            let mut input = Bytes::copy_from_slice(octet);
            while let Ok(Some(_)) = decoder.decode(&mut input) {}
            prop_assert!(decoder.buffered() <= TIGHT.frame);
        }
    }

    #[test]
    fn what_was_decoded_can_be_encoded_again(bytes in stream(), version in version()) {
        let (items, _) = decode_pieces(&mut Decoder::new(Limits::default(), version), [&*bytes]);
        for item in items {
            let Item::Frame(frame) = item else { continue };
            let again = one_frame(&encode(&frame, version), version);
            let meaning = |frame: &Frame| -> Vec<(String, String)> {
                let headers = frame.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
                headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            };
            prop_assert_eq!(meaning(&again), meaning(&frame));
            prop_assert_eq!((again.command, again.body), (frame.command, frame.body));
        }
    }
}
