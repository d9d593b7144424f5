//! Dead letters in columns.

use super::{
    handled::Handled,
    letter::{Letter, shortened},
};
use crate::terminal;

const REASON_CHARS: usize = 80;
const CELL_CHARS: usize = 60;

/// A letter, and what was done about it.
pub type Line = (Letter, Option<Handled>);

/// One line a letter; the last column is as long as it is.
pub fn table(letters: &[Line]) -> String {
    let mut rows = vec![["LETTER", "ORIGINAL", "FAILED", "ROOM", "TYPE", "REASON"].map(str::to_owned)];
    rows.extend(letters.iter().map(|(letter, handled)| row(letter, handled.as_ref())));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row[..5].iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}{}\n", cells.collect::<String>(), row[5])
    };
    rows.iter().map(line).collect()
}

fn row(letter: &Letter, handled: Option<&Handled>) -> [String; 6] {
    let cell = |text: &str| terminal::line(&shortened(text, CELL_CHARS));
    let or_dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| cell(text));
    let mut reason = terminal::line(&shortened(&letter.reason, REASON_CHARS));
    if let Some(handled) = handled {
        reason = format!("{reason} [{}]", terminal::line(&handled.sentence()));
    }
    [
        letter.place.to_string(),
        original(letter),
        letter.failed_at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}")),
        or_dash(letter.room.as_ref()),
        or_dash(letter.record_type.as_ref()),
        reason,
    ]
}

/// Where it was before.
pub fn original(letter: &Letter) -> String {
    let topic = letter.original_topic.as_deref().map(|topic| terminal::line(&shortened(topic, CELL_CHARS)));
    match (topic, letter.original_spot) {
        (Some(topic), Some(spot)) => format!("{topic} {spot}"),
        (Some(topic), None) => topic,
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::dead, *};

    #[test]
    fn every_letter_is_a_line_and_none_can_pass_for_two() {
        let letter = Letter::read(&dead("two\nlines \u{1b}[2J", "{}"));
        let bare = Letter::read(&chat_kafka::Record { headers: Vec::new(), key: None, ..dead("", "") });
        let text = table(&[(letter, None), (bare, None)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("LETTER                  ORIGINAL "));
        assert_eq!(
            lines[1],
            "chat-messages-dlt 2:17  chat-messages 2:1042  2026-11-21T11:05:30Z  \
             0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11  SendMessage  two␊lines ␛[2J"
        );
        assert!(lines[2].starts_with("chat-messages-dlt 2:17  -                     2026"), "{}", lines[2]);
    }
}
