//! The rules of the STOMP 1.0, 1.1 and 1.2 specifications that concern a server, one row each.
//!
//! A row is: the rule with version and section, what the client sends (or what is encoded), and what comes of it as one line of text. Every
//! row of input is decoded at once and octet by octet. A row whose rule says "here" is this server's choice where the specification
//! leaves one.

mod client_frames;
mod connecting;
mod encoding;
mod framing;
mod limits;
mod memory;
mod server_frames;

use std::fmt::Write;

use bytes::Bytes;
use chat_stomp::{Decoder, Frame, Item, Limits, Request, ServerSettings, Session, Version};

/// A rule, what is sent, what comes of it.
type Row = (&'static str, &'static [u8], &'static str);

/// Decodes `rows` in each of the versions.
#[track_caller]
fn decoded(versions: &[Version], rows: &[Row]) {
    for (rule, input, expected) in rows {
        for &version in versions {
            for piece in [input.len().max(1), 1] {
                let outcome = decode(Decoder::new(Limits::default(), version), input, piece);
                assert_eq!(&outcome, expected, "{rule} ({version:?}, pieces of {piece})");
            }
        }
    }
}

/// Decodes `rows` and passes the frames to a session, as a server does.
#[track_caller]
fn served(rows: &[Row]) {
    for (rule, input, expected) in rows {
        for piece in [input.len().max(1), 1] {
            assert_eq!(&serve(input, piece), expected, "{rule} (pieces of {piece})");
        }
    }
}

/// The items in `input`, and the error at its end if there is one: `SEND[a=b]"body" | beat | error: …`.
fn decode(mut decoder: Decoder, input: &[u8], piece: usize) -> String {
    let mut lines = Vec::new();
    each_item(&mut decoder, input, piece, |_, item| {
        lines.push(match item {
            Ok(Item::Frame(frame)) => describe(&frame),
            Ok(Item::HeartBeat) => "beat".to_owned(),
            Err(error) => format!("error: {error}"),
        });
        true
    });
    lines.join(" | ")
}

/// What a session makes of `input`: `connect 1.2 0,0 | send /a "body" receipt=7 | error: …`.
fn serve(input: &[u8], piece: usize) -> String {
    let mut decoder = Decoder::new(Limits::default(), Version::V1_0);
    let mut session = Session::new(ServerSettings::default());
    let mut lines = Vec::new();
    each_item(&mut decoder, input, piece, |decoder, item| {
        let answer = match item {
            Ok(Item::HeartBeat) => Ok("beat".to_owned()),
            Ok(Item::Frame(frame)) => match session.accept(frame) {
                Ok(request) => Ok(request_line(decoder, request)),
                Err(error) => Err(with_receipt(format!("error: {error}"), error.receipt())),
            },
            Err(error) => Err(with_receipt(format!("error: {error}"), decoder.failed_receipt())),
        };
        let goes_on = answer.is_ok();
        lines.push(answer.unwrap_or_else(|line| line));
        goes_on
    });
    lines.join(" | ")
}

/// Passes items to `take` until it answers `false`, an error comes, or the input is used up.
fn each_item(
    decoder: &mut Decoder,
    input: &[u8],
    piece: usize,
    mut take: impl FnMut(&mut Decoder, Result<Item, chat_stomp::DecodeError>) -> bool,
) {
    for piece in input.chunks(piece) {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(item) = decoder.decode(&mut piece).transpose() {
            let failed = item.is_err();
            if !take(decoder, item) || failed {
                return;
            }
        }
    }
}

fn request_line(decoder: &mut Decoder, request: Request) -> String {
    let (line, frame) = match request {
        Request::Connect { negotiated, frame } => {
            decoder.set_version(negotiated.version);
            let beats = negotiated.heart_beat;
            let (sends, expects) = (beats.server_to_client_ms, beats.client_to_server_ms);
            (format!("connect {} {sends},{expects}", negotiated.version.as_str()), frame)
        }
        Request::Send { destination, frame } => {
            (format!("send {destination} \"{}\"", frame.body.escape_ascii()), frame)
        }
        Request::Subscribe { subscription, frame } => {
            (format!("subscribe {} to {}", subscription.header().unwrap_or("-"), subscription.destination), frame)
        }
        Request::Unsubscribe { removed, frame } => {
            (format!("unsubscribe {}", removed.as_ref().map_or("nothing", |entry| &entry.destination)), frame)
        }
        Request::Disconnect { frame } => ("disconnect".to_owned(), frame),
    };
    with_receipt(line, frame.receipt())
}

fn with_receipt(line: String, receipt: Option<&str>) -> String {
    match receipt {
        Some(id) => format!("{line} receipt={id}"),
        None => line,
    }
}

/// `SEND[a=b,c=d]"body"`; no brackets without headers, no quotes without body.
fn describe(frame: &Frame) -> String {
    let mut line = frame.command.as_str().to_owned();
    if !frame.headers.is_empty() {
        let headers: Vec<String> = frame.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(line, "[{}]", headers.join(",").escape_debug()).expect("a string takes everything");
    }
    if !frame.body.is_empty() {
        write!(line, "\"{}\"", frame.body.escape_ascii()).expect("a string takes everything");
    }
    line
}
