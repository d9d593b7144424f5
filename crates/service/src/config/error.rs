//! Why a configuration was refused, in words for the person who has to correct it.

/// A configuration that cannot be used. The message names the key and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that no default file has.
    #[error("unknown key `{key}` in {origin}; known there: {known}")]
    Unknown {
        /// The key with its sections.
        key: String,
        /// The file or the variable that sets it.
        origin: String,
        /// The keys that exist in that section.
        known: String,
    },
    /// A value, or a combination of values, that cannot work.
    #[error("`{key}` {why}")]
    Invalid {
        /// The key with its sections.
        key: String,
        /// A phrase that follows the key: "must be …".
        why: String,
    },
    /// A layer could not be read, or a value has the wrong type.
    #[error(transparent)]
    Read(#[from] ::config::ConfigError),
}

impl ConfigError {
    /// A wrong value: `invalid("shutdown.deadline_secs", "must be more than shutdown.drain_secs")`.
    pub fn invalid(key: &str, why: impl Into<String>) -> Self {
        Self::Invalid { key: key.to_owned(), why: why.into() }
    }

    pub(super) fn unknown<'k>(key: &str, origin: &str, known: impl Iterator<Item = &'k String>) -> Self {
        let mut known: Vec<_> = known.map(String::as_str).collect();
        known.sort_unstable();
        Self::Unknown { key: key.to_owned(), origin: origin.to_owned(), known: known.join(", ") }
    }
}
