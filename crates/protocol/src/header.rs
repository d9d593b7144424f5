//! Names of the Kafka record headers.

/// Type of the value, as in its `type` field.
pub const TYPE: &str = "type";
/// Schema version, decimal.
pub const VERSION: &str = "version";
/// W3C trace context (<https://www.w3.org/TR/trace-context/#traceparent-header>).
pub const TRACEPARENT: &str = "traceparent";
