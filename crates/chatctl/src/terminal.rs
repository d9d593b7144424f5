//! Text of other people on one's own terminal: control characters are shown, never obeyed.

use std::io::IsTerminal;

use chat_protocol::UserId;

/// A name or other short text: everything on one line.
pub fn line(text: &str) -> String {
    visible(text, "␊")
}

/// A message: its lines are kept, but indented, so that none can pass for another message.
pub fn paragraph(text: &str) -> String {
    visible(&text.replace("\r\n", "\n"), "\n        ")
}

fn visible(text: &str, newline: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str(newline),
            '\t' => out.push_str("    "),
            // U+2400 and following picture the control characters.
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => out.push('␡'),
            // C1 controls, which some terminals obey; line separators; marks that reorder what is read.
            '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

/// Colours, if they are wanted: only on a terminal, and not with NO_COLOR (<https://no-color.org>).
#[derive(Debug, Clone, Copy)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// As the process's standard output has it.
    pub fn detect() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colours: std::io::stdout().is_terminal() && !forbidden }
    }

    /// None, for tests and files.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { colours: false }
    }

    /// A user's name, always in the same colour.
    pub fn name(self, user: UserId, name: &str) -> String {
        const COLOURS: [u8; 6] = [31, 32, 33, 34, 35, 36];
        let byte = user.0.as_bytes().iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        self.paint(COLOURS[usize::from(byte) % COLOURS.len()], &line(name))
    }

    /// Something less important.
    pub fn dim(self, text: &str) -> String {
        self.paint(2, text)
    }

    fn paint(self, code: u8, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(line("a\x1b[2Jb\r\x07\x7f"), "a␛[2Jb␍␇␡");
        assert_eq!(line("x\u{9b}31m"), "x\\u{9b}31m");
        assert_eq!(line("evil\u{202e}gnp.exe"), "evil\\u{202e}gnp.exe");
        assert_eq!(line("two\nlines"), "two␊lines");
        assert_eq!(paragraph("two\r\n[12:00] bob: lines"), "two\n        [12:00] bob: lines");
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_as_it_is() {
        for text in ["안녕하세요", "👩‍👩‍👧 ok", "שלום", "é\u{301}", "می‌خواهم"] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn no_escape_sequence_without_colours() {
        let style = Style::plain();
        assert_eq!(style.name(UserId::generate(), "bob\x1b"), "bob␛");
        assert_eq!(style.dim("x"), "x");
    }
}
