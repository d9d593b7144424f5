//! Everything about one dead letter.

use std::fmt::Write as _;

use chat_kafka::Record;
use chat_protocol::header::{DEAD_LETTER_ORIGINAL, REPLAYED_FROM};

use super::{
    advice::Fault,
    handled::Handled,
    letter::{Letter, big_endian, shortened, timestamp},
    table::original,
};
use crate::terminal;

/// Most characters of a header or key.
const TEXT_CHARS: usize = 4_000;
/// Most characters of a value that is JSON.
const JSON_CHARS: usize = 65_536;
/// Most bytes of a value that is not.
const DUMP_BYTES: usize = 1_024;

/// The text of `chatctl dlt show`.
pub fn detail(letter: &Letter, record: &Record, handled: Option<&Handled>) -> String {
    let at = |at: Option<jiff::Timestamp>| at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
    let group = letter.group.as_deref().map_or("an unknown service", |group| group);
    let state = handled.map_or_else(|| "open".to_owned(), Handled::sentence);
    let mut lines = vec![
        ("failed", format!("{}, in {}", at(letter.failed_at), terminal::line(group))),
        ("reason", format!("{} ({})", terminal::line(&letter.reason), terminal::line(&letter.code))),
        ("original", original(letter)),
        ("state", terminal::line(&state)),
        ("key", record.key.as_ref().map_or_else(|| "none".to_owned(), |key| bytes(key))),
    ];
    lines.extend(record.headers.iter().map(|(name, value)| ("header", header(name, value))));
    let mut text = format!("{}\n", letter.place);
    for (name, line) in lines {
        writeln!(text, "  {name:9} {line}").expect("a string takes everything");
    }
    let advice = Fault::of(&letter.reason).advice();
    text + &value(letter, record) + "\nWhat to do: " + advice + "\n" + &commands(letter, handled)
}

fn header(name: &str, value: &[u8]) -> String {
    let number = match name.strip_prefix(DEAD_LETTER_ORIGINAL) {
        Some("partition" | "offset") => big_endian(value).map(|number| number.to_string()),
        Some("timestamp") => big_endian(value).map(|number| match timestamp(Some(number)) {
            Some(at) => format!("{number} ({at})"),
            None => number.to_string(),
        }),
        _ => None,
    };
    let note = if name == REPLAYED_FROM { " (a replay of that letter, which failed again)" } else { "" };
    format!("{}: {}{note}", terminal::line(&shortened(name, TEXT_CHARS)), number.unwrap_or_else(|| bytes(value)))
}

/// Text if it is, else hexadecimal.
fn bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => terminal::line(&shortened(text, TEXT_CHARS)),
        Err(_) => shortened(&hexadecimal(bytes, ""), TEXT_CHARS),
    }
}

fn value(letter: &Letter, record: &Record) -> String {
    let Some(payload) = &record.payload else { return "  value     none\n".to_owned() };
    let size = payload.len();
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(payload) {
        let pretty = format!("{json:#}");
        let mut text = format!("  value     {size} bytes of JSON\n");
        for line in shortened(&pretty, JSON_CHARS).lines() {
            text = text + "    " + &terminal::line(line) + "\n";
        }
        return text + &rest(letter, pretty.chars().count() > JSON_CHARS);
    }
    format!("  value     {size} bytes, not JSON\n{}{}", dump(payload), rest(letter, size > DUMP_BYTES))
}

/// How to get what is not shown.
fn rest(letter: &Letter, cut: bool) -> String {
    let (topic, spot) = (&letter.place.topic, letter.place.spot);
    let read = format!("kcat -b BROKERS -C -t {topic} -p {} -o {} -c 1 -f %s", spot.partition, spot.offset);
    if cut { format!("    … cut here; the whole value: {read}\n") } else { String::new() }
}

/// Sixteen bytes a line, as numbers and as ASCII.
fn dump(payload: &[u8]) -> String {
    let mut text = String::new();
    for (index, chunk) in payload.chunks(16).take(DUMP_BYTES / 16).enumerate() {
        let numbers = hexadecimal(chunk, " ");
        let visible = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let ascii: String = chunk.iter().map(visible).collect();
        writeln!(text, "    {:06x}  {numbers:48} {ascii}", index * 16).expect("a string takes everything");
    }
    text
}

fn hexadecimal(bytes: &[u8], separator: &str) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(TEXT_CHARS) {
        write!(text, "{byte:02x}{separator}").expect("a string takes everything");
    }
    text
}

fn commands(letter: &Letter, handled: Option<&Handled>) -> String {
    let again = if handled.is_some() { " --again" } else { "" };
    format!("  chatctl dlt replay {place}{again}\n  chatctl dlt discard {place} --reason \"…\"\n", place = letter.place)
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::dead, *};

    fn shown(record: &Record) -> String {
        detail(&Letter::read(record), record, None)
    }

    #[test]
    fn numbers_of_the_headers_are_decoded_and_json_is_indented() {
        let text = shown(&dead("schema version 9 is not supported", r#"{"v":9,"data":{"content":"hi \u001b[2J"}}"#));
        for part in [
            "chat-messages-dlt 2:17\n",
            "failed    2026-11-21T11:05:30Z, in persister\n",
            "reason    schema version 9 is not supported (poison)\n",
            "original  chat-messages 2:1042\n",
            "state     open\n",
            "header    kafka_dlt-original-offset: 1042\n",
            "header    kafka_dlt-original-timestamp: 1795259129718 (2026-11-21T11:05:29.718Z)\n",
            "      \"content\": \"hi \\u001b[2J\"\n",
            "Upgrade the service, then replay.\n",
            "chatctl dlt replay chat-messages-dlt 2:17\n",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_is_not_json_is_dumped_up_to_a_limit() {
        let text = shown(&dead("not a command: key must be a string at line 1 column 2", "{broken\u{1b}[2J"));
        assert!(text.contains("    000000  7b 62 72 6f 6b 65 6e 1b 5b 32 4a                 {broken.[2J\n"), "{text}");
        assert!(!text.contains("cut here"));
        let long = shown(&dead("x", &"y".repeat(DUMP_BYTES + 1)));
        assert_eq!(long.matches("yyyyyyyyyyyyyyyy\n").count(), DUMP_BYTES / 16);
        assert!(long.contains("kcat -b BROKERS -C -t chat-messages-dlt -p 2 -o 17 -c 1"), "{long}");
        let none = Record { payload: None, key: None, ..dead("x", "") };
        assert!(shown(&none).contains("value     none\n"));
    }
}
