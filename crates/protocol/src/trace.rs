//! W3C trace context, carried from the client's frame through Kafka headers and Redis to the receiving gateway.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A `traceparent` (<https://www.w3.org/TR/trace-context/#traceparent-header>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes, not all zero.
    pub trace_id: u128,
    /// 8 bytes, not all zero.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Starts a trace that nobody records: the ids are still in logs and headers.
    pub fn generate() -> Self {
        let random = Uuid::new_v4().as_u128();
        Self { trace_id: random, span_id: random_u64(), sampled: false }
    }

    /// The same trace, one step further.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: random_u64(), ..self }
    }
}

fn random_u64() -> u64 {
    // The low half of a v4 UUID holds 62 random bits under its fixed variant bits, so it is never zero.
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Not a `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceParent;

impl FromStr for TraceContext {
    type Err = InvalidTraceParent;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = s.split('-').collect();
        let [version, trace_id, span_id, flags] = parts[..] else { return Err(InvalidTraceParent) };
        let hex = |text: &str, digits: usize| {
            let lower = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if lower { u128::from_str_radix(text, 16).map_err(|_| InvalidTraceParent) } else { Err(InvalidTraceParent) }
        };
        let (trace_id, span_id, flags) = (hex(trace_id, 32)?, hex(span_id, 16)?, hex(flags, 2)?);
        if version != "00" || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceParent);
        }
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceParent)?;
        Ok(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_its_text() {
        let context = TraceContext { sampled: true, ..TraceContext::generate() };
        assert_eq!(context.to_string().parse(), Ok(context));
        assert_eq!(context.child().trace_id, context.trace_id);
        assert_ne!(context.child().span_id, context.span_id);
    }

    #[test]
    fn malformed_traceparents_are_refused() {
        for text in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceParent), "{text}");
        }
    }
}
