//! Every kept input of every fuzz target still passes its check.

use std::{fs, panic, path::Path};

fn replay(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&directory).expect("a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{} inputs in {}", paths.len(), directory.display());
    for path in paths {
        let input = fs::read(&path).expect("a file");
        let passed = panic::catch_unwind(|| check(&input)).is_ok();
        assert!(passed, "the check of {target} fails for {}", path.display());
    }
}

#[test]
fn the_kept_corpus_of_the_stomp_decoder_passes() {
    replay("stomp_decoder", chat_fuzz::stomp_decoder);
}

#[test]
fn the_kept_corpus_of_the_json_envelope_passes() {
    replay("json_envelope", chat_fuzz::json_envelope);
}

#[test]
fn the_kept_corpus_of_the_frame_guard_passes() {
    replay("frame_guard", chat_fuzz::frame_guard);
}

#[test]
fn the_kept_corpus_of_the_sockjs_frame_passes() {
    replay("sockjs_frame", chat_fuzz::sockjs_frame);
}
