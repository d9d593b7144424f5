//! Conformance of the codec and the session rules; each test names the section of the STOMP specification it checks.

mod conformance;
mod decoder;
mod encoder;
mod properties;
mod session;

use bytes::Bytes;
use chat_stomp::{DecodeError, Decoder, Frame, Item, Limits, Version};

/// Decodes `pieces` one after the other until they are used up or wrong.
fn decode_pieces<'a>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Item>, Result<(), DecodeError>) {
    let mut items = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Err(error)),
            }
        }
        assert!(input.is_empty(), "decode answers None only after taking all of its input");
    }
    (items, Ok(()))
}

fn decode(bytes: &[u8], version: Version) -> (Vec<Item>, Result<(), DecodeError>) {
    decode_pieces(&mut Decoder::new(Limits::default(), version), [bytes])
}

/// The only frame in `bytes`, heart-beats around it left out.
fn one_frame(bytes: &[u8], version: Version) -> Frame {
    let (items, result) = decode(bytes, version);
    result.expect("valid STOMP");
    let mut frames = items.into_iter().filter_map(|item| match item {
        Item::Frame(frame) => Some(frame),
        Item::HeartBeat => None,
    });
    let frame = frames.next().expect("a frame");
    assert_eq!(frames.next(), None);
    frame
}

fn error_of(bytes: &[u8], version: Version) -> DecodeError {
    decode(bytes, version).1.expect_err("not STOMP")
}
