//! Checks of what people type. The gateway applies them before anything reaches Kafka, the persister again before the database.

use crate::{
    error_code::{ErrorCode, Rejection},
    limits,
};

/// Message content: not blank, within the limits, storable.
pub fn content(text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::new(ErrorCode::ContentEmpty, "content is empty: send at least one visible character"));
    }
    if text.len() > limits::CONTENT_BYTES || text.chars().count() > limits::CONTENT_CHARS {
        let message = format!(
            "content is too long: at most {} characters and {} bytes",
            limits::CONTENT_CHARS,
            limits::CONTENT_BYTES
        );
        return Err(Rejection::new(ErrorCode::ContentTooLong, message));
    }
    storable("content", text)
}

/// A short single-line text such as a name: 1 to `max_chars` characters, not blank.
pub fn line(field: &str, text: &str, max_chars: usize) -> Result<(), Rejection> {
    let chars = text.chars().count();
    if text.trim().is_empty() || chars > max_chars {
        return Err(Rejection::new(ErrorCode::BadRequest, format!("{field} must have 1 to {max_chars} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Rejection::new(ErrorCode::InvalidCharacter, format!("{field} must not hold control characters")));
    }
    Ok(())
}

/// The emoji of a reaction: any short text without white space or control characters. Which of them are emojis, Unicode decides anew every year.
pub fn emoji(text: &str) -> Result<(), Rejection> {
    if text.is_empty() || text.len() > limits::EMOJI_BYTES {
        let message = format!("emoji must have 1 to {} bytes", limits::EMOJI_BYTES);
        return Err(Rejection::new(ErrorCode::BadRequest, message));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let message = "emoji must not hold white space or control characters";
        return Err(Rejection::new(ErrorCode::InvalidCharacter, message));
    }
    Ok(())
}

/// PostgreSQL text cannot hold U+0000.
pub fn storable(field: &str, text: &str) -> Result<(), Rejection> {
    if text.contains('\0') {
        return Err(Rejection::new(ErrorCode::InvalidCharacter, format!("{field} must not hold the character U+0000")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_checked_for_emptiness_length_and_nul() {
        let code = |text: &str| content(text).map_err(|rejection| rejection.code);
        assert_eq!(code("hi"), Ok(()));
        assert_eq!(code(" \n\t"), Err(ErrorCode::ContentEmpty));
        assert_eq!(code(&"가".repeat(5_000)), Ok(()));
        assert_eq!(code(&"x".repeat(5_001)), Err(ErrorCode::ContentTooLong));
        assert_eq!(code("a\0b"), Err(ErrorCode::InvalidCharacter));
        assert_eq!(code("<b>\u{202e}html and bidi are data</b>"), Ok(()));
    }

    #[test]
    fn an_emoji_is_one_short_word() {
        for good in ["👍", "❤️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", ":custom:"] {
            assert!(emoji(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\nb", "\0", &"x".repeat(65)] {
            assert!(emoji(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert!(line("name", "team", 100).is_ok());
        assert_eq!(line("name", "", 100).unwrap_err().message, "name must have 1 to 100 characters");
        assert!(line("name", &"x".repeat(101), 100).is_err());
        assert!(line("name", "a\nb", 100).is_err());
    }
}
