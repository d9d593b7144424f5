//! One JSON object a line: timestamp, level, service, target, message, trace and span id, then the fields of the event and
//! of the spans around it, all on one level; the innermost value of a name wins.

use std::fmt::{self, Debug};

use jiff::Timestamp;
use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, dispatcher};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The format of log lines. The fields of spans must be formatted as JSON too.
pub(crate) struct JsonLines {
    pub(crate) service: &'static str,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(text) = span.extensions().get::<FormattedFields<N>>()
                && let Ok(Value::Object(of_span)) = serde_json::from_str(&text.fields)
            {
                fields.0.extend(of_span);
            }
        }
        event.record(&mut fields);
        let Fields(mut fields) = fields;

        // Events of the `log` crate carry their real target as a field.
        let target = fields.remove("log.target").unwrap_or_else(|| event.metadata().target().into());
        fields.retain(|name, _| !name.starts_with("log."));

        let message = fields.remove("message").unwrap_or_default();
        let head = [
            ("timestamp", json!(format!("{:.6}", Timestamp::now()))),
            ("level", json!(event.metadata().level().as_str())),
            ("service", json!(self.service)),
            ("target", target),
            ("message", message),
        ];
        write!(writer, "{{")?;
        for (name, value) in head {
            write!(writer, "{}\"{name}\":{value}", if name == "timestamp" { "" } else { "," })?;
        }
        let otel = context
            .lookup_current()
            .and_then(|span| dispatcher::get_default(|to| tracing_opentelemetry::get_otel_context(&span.id(), to)));
        if let Some(otel) = otel.filter(|otel| otel.span().span_context().is_valid()) {
            let ids = otel.span().span_context().clone();
            write!(writer, ",\"trace.id\":\"{}\",\"span.id\":\"{}\"", ids.trace_id(), ids.span_id())?;
        }
        for (name, value) in fields {
            write!(writer, ",{}:{value}", Value::String(name))?;
        }
        writeln!(writer, "}}")
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, format!("{value:?}"));
    }
}
