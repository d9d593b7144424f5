//! JSON strings as SockJS servers write them: characters that browsers and proxies are known to change or drop are sent as `\uXXXX`.

use std::fmt::Write;

/// Whether the protocol wants it escaped: control characters, joiners and direction marks, line and paragraph separators, invisible
/// operators, specials, and everything beyond the basic plane (as its two surrogates).
fn is_escaped(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{10ffff}'
    )
}

/// Appends `text` as a JSON string.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c| is_escaped(c) || c == '"' || c == '\\') {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    write!(out, "\\u{unit:04x}").ok();
                }
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        push_string(&mut out, text);
        out
    }

    #[test]
    fn the_borders_of_each_escaped_range_are_escaped_and_their_neighbours_are_not() {
        let ranges = [
            ('\u{200b}', '\u{200c}', '\u{200f}', '\u{2010}'),
            ('\u{2027}', '\u{2028}', '\u{202f}', '\u{2030}'),
            ('\u{205f}', '\u{2060}', '\u{206f}', '\u{2070}'),
            ('\u{ffef}', '\u{fff0}', '\u{ffff}', '\u{feff}'),
            (' ', '\u{0}', '\u{1f}', '\u{7f}'),
        ];
        for (before, first, last, after) in ranges {
            assert_eq!(escaped(&format!("{before}{after}")), format!("\"{before}{after}\""));
            for c in [first, last] {
                assert_eq!(escaped(&c.to_string()), format!("\"\\u{:04x}\"", u32::from(c)));
            }
        }
    }

    #[test]
    fn beyond_the_basic_plane_both_surrogates_are_written() {
        assert_eq!(escaped("\u{1f600}"), r#""\ud83d\ude00""#);
        assert_eq!(escaped("\u{10ffff}"), r#""\udbff\udfff""#);
    }

    proptest! {
        #[test]
        fn any_text_survives_and_no_fragile_character_is_left(text in any::<String>()) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(is_escaped));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), text);
        }
    }
}
