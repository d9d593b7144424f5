//! Names of the Kafka record headers.

/// Type of the value, as in its `type` field.
pub const TYPE: &str = "type";
/// Schema version, decimal.
pub const VERSION: &str = "version";
/// W3C trace context (<https://www.w3.org/TR/trace-context/#traceparent-header>).
pub const TRACEPARENT: &str = "traceparent";
/// Start of the names that tell where a dead letter came from, as Spring Kafka has them.
pub const DEAD_LETTER_ORIGINAL: &str = "kafka_dlt-original-";
/// Start of the names that tell why it is one.
pub const DEAD_LETTER_EXCEPTION: &str = "kafka_dlt-exception-";
/// Start of both.
pub const DEAD_LETTER: &str = "kafka_dlt-";
/// On a record that `chatctl dlt replay` produced: the dead letter, `topic:partition:offset`.
pub const REPLAYED_FROM: &str = "chat-replayed-from";
