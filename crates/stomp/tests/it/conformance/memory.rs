//! What a decoder may hold, measured at the allocator.

use bytes::Bytes;
use chat_stomp::{Decoder, Limits, Version};
use proptest::prelude::*;

use crate::properties::stream;

const LIMITS: Limits = Limits { command: 10, headers: 8, header_line: 256, frame: 5_000 };

/// The most a decoder may have allocated at any moment: the unfinished frame and, while its buffer grows, the buffer before; names and
/// values of a head copied out of it; a few words for each header.
const MOST_BYTES: u64 = 2 * 5_000 + 8 * 256;

/// The most bytes allocated at once while `input` is decoded in pieces and the items are dropped. The pieces themselves do not count.
fn most_bytes(input: &[u8], piece: usize) -> u64 {
    let pieces: Vec<Bytes> = input.chunks(piece).map(Bytes::copy_from_slice).collect();
    // Shared already, and freed only afterwards, so that neither is counted.
    let _kept = pieces.clone();
    let mut decoder = Decoder::new(LIMITS, Version::V1_2);
    let measured = allocation_counter::measure(|| {
        for mut piece in pieces {
            while let Ok(Some(_)) = decoder.decode(&mut piece) {}
            assert!(decoder.buffered() <= LIMITS.frame);
        }
    });
    measured.bytes_max
}

#[test]
fn a_dribbled_endless_frame_holds_no_more_than_its_limit() {
    let endless = |start: &str, repeated: &str| [start, &repeated.repeat(20_000)].concat().into_bytes();
    for input in [
        endless("", "X"),
        endless("SEND\n", "x"),
        endless("SEND\na:", "x"),
        endless("SEND\n", "a:b\n"),
        endless("SEND\na:", r"\n"),
        endless("SEND\n\n", "x"),
        endless("SEND\ncontent-length:4900\n\n", "x"),
        endless("SEND\ncontent-length:999999999999\n\n", "x"),
        endless("", "\n"),
        endless("", "SEND\na:b\n\nbody\0"),
    ] {
        for piece in [1, 100, 4_096] {
            let most = most_bytes(&input, piece);
            assert!(most <= MOST_BYTES, "{most} bytes for {} in pieces of {piece}", input[..30].escape_ascii());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_decoded_within_a_constant_of_memory(
        parts in prop::collection::vec((stream(), 1..100_usize), 0..8),
        piece in 1..300_usize,
    ) {
        let input: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
        let most = most_bytes(&input, piece);
        prop_assert!(most <= MOST_BYTES, "{} bytes", most);
    }
}
