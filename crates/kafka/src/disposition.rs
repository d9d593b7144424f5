//! What a consumer does about a failure.

/// The three answers to a failure in a consumer's pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Transient: the same record will succeed when the dependency is back. Retried for ever.
    Retry,
    /// Permanent: this record never will succeed. To the dead-letter topic, then on.
    Reject,
    /// The process cannot go on: it stops, and whoever runs it decides.
    Fatal,
}
