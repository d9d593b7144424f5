//! The STOMP decoder.

use bytes::Bytes;
use chat_stomp::{DecodeError, Decoder, Frame, Item, Limits, Version, encode, header};

use crate::input::Input;

/// Small, so that the fuzzer reaches each of them.
const TIGHT: Limits = Limits { command: 11, headers: 4, header_line: 24, frame: 96 };

/// Cutting the stream into other pieces gives the same items and the same error; no more than a frame is held; what was decoded means the
/// same after it is encoded and decoded again. Options: the version, and 4 for small limits.
pub fn stomp_decoder(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    let version = Version::ALL[usize::from(input.options & 3) % 3];
    let limits = if input.options & 4 == 0 { Limits::default() } else { TIGHT };

    let whole = decode(limits, version, &[input.stream]);
    assert_eq!(decode(limits, version, &input.pieces()), whole, "cut into pieces");
    let octets: Vec<&[u8]> = input.stream.chunks(1).collect();
    assert_eq!(decode(limits, version, &octets), whole, "octet by octet");
    for item in &whole.items {
        if let Item::Frame(frame) = item {
            survives_encoding(frame, version);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    error: Option<DecodeError>,
    failed_receipt: Option<String>,
    buffered: usize,
}

fn decode(limits: Limits, version: Version, pieces: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(limits, version);
    let (mut items, mut error) = (Vec::new(), None);
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(found) => {
                    assert!(error.as_ref().is_none_or(|first| *first == found), "an error stays the same");
                    error = Some(found);
                    break;
                }
            }
        }
        assert!(decoder.buffered() <= limits.frame, "{} bytes held", decoder.buffered());
        assert!(error.is_some() || piece.is_empty(), "nothing is left over");
    }
    let failed_receipt = decoder.failed_receipt().map(str::to_owned);
    Outcome { items, error, failed_receipt, buffered: decoder.buffered() }
}

fn survives_encoding(frame: &Frame, version: Version) {
    // An encoded frame may be longer than what was decoded: its content-length, its escapes.
    let roomy = Limits { command: 16, headers: 64, header_line: 16 * 1024, frame: 256 * 1024 };
    let again = decode(roomy, version, &[&encode(frame, version)]);
    let [Item::Frame(again)] = &again.items[..] else { panic!("{frame:?} became {again:?}") };
    assert_eq!((again.command, &again.body), (frame.command, &frame.body));
    let headers = |frame: &Frame| -> Vec<(String, String)> {
        let told = frame.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
        told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(headers(again), headers(frame));
}
