//! The header of a token: it names a key, and nothing else in it is believed.

use chat_protocol::Rejection;
use jsonwebtoken::Header;

use super::wrong;

/// Longest token looked at; those of identity providers with many roles are large.
const TOKEN_BYTES: usize = 16_384;
/// Longest name of a key.
pub const KID_BYTES: usize = 128;

/// The name of the key, if the token names one. Addresses and keys in a header are never used; a token that brings some is refused, as is one
/// with extensions that must be understood.
pub fn key_of(token: &str) -> Result<Option<String>, Rejection> {
    if token.len() > TOKEN_BYTES {
        return Err(wrong());
    }
    let Header { kid, jku, jwk, x5u, crit, .. } = jsonwebtoken::decode_header(token).map_err(|_| wrong())?;
    if jku.is_some() || jwk.is_some() || x5u.is_some() || crit.is_some() {
        return Err(wrong());
    }
    match kid {
        Some(kid) if !names_a_key(&kid) => Err(wrong()),
        kid => Ok(kid),
    }
}

/// Whether it can be the name of a key: a short word that is no path and no address. Some providers' hold a `/`, as base64 does.
pub fn names_a_key(kid: &str) -> bool {
    let is_path = kid.starts_with(['/', '.', '~']) || kid.contains("..") || kid.contains("//") || kid.contains('\\');
    (1..=KID_BYTES).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_graphic()) && !is_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_are_short_words() {
        for good in ["a", "2024-05-01", "q+/3J8=", "https-key", &"k".repeat(128)] {
            assert!(names_a_key(good), "{good}");
        }
        let bad = ["", "/etc/passwd", "../../dev/null", "a/../b", "https://evil.example/keys", "C:\\keys", "a b", "é"];
        for bad in bad.into_iter().chain([&*"k".repeat(129), "a\0", "a\n"]) {
            assert!(!names_a_key(bad), "{bad}");
        }
    }
}
