//! What must hold for any input of the parsers that face clients: one function for each, which panics when it does not hold.
//!
//! `cargo-fuzz/` holds the libFuzzer targets that call them with input of the fuzzer's making (`make fuzz`); it is a workspace of its own,
//! since it needs a nightly compiler. `corpus/` holds the inputs worth keeping; `tests/corpus.rs` replays them with the other tests.
#![warn(missing_docs)]

mod frame_guard;
mod input;
mod json_envelope;
mod sockjs_frame;
mod stomp_decoder;

pub use self::{
    frame_guard::frame_guard, json_envelope::json_envelope, sockjs_frame::sockjs_frame, stomp_decoder::stomp_decoder,
};
