//! Logs to standard output, spans to an OTLP collector when one is set, trace ids in both cases.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Common, LogFormat, TracingConfig};
use crate::log_format::JsonLines;

/// A collector that hangs must not hold up the end of the process for longer.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter refused its settings.
    #[error("start the trace exporter")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The log filter cannot be read.
    #[error("read log.filter")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Another subscriber is installed in this process.
    #[error("install the log subscriber")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// Exports what is pending when it is dropped. Drop it outside the runtime: the exporter blocks.
#[derive(Debug)]
#[must_use = "dropping the guard ends the export of spans"]
pub struct TelemetryGuard(SdkTracerProvider);

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "spans were not flushed");
        }
    }
}

/// Installs logging, tracing, W3C propagation and the panic hook of the process. Call it outside a runtime, once.
pub fn init(service: &'static str, common: &Common) -> Result<TelemetryGuard, TelemetryError> {
    let provider = tracer_provider(service, &common.tracing)?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

    let lines = match common.log.format {
        LogFormat::Json => {
            let format = JsonLines { service };
            tracing_subscriber::fmt::layer().event_format(format).fmt_fields(JsonFields::new()).boxed()
        }
        LogFormat::Text => tracing_subscriber::fmt::layer().with_ansi(stdout().is_terminal()).boxed(),
    };
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_threads(false);
    tracing_subscriber::registry().with(filter(&common.log.filter)?).with(lines).with(spans).try_init()?;

    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.message = message, panic.location = location, "panicked");
    }));
    Ok(TelemetryGuard(provider))
}

/// The filter that was asked for. The PostgreSQL driver logs the parameters of statements, messages and e-mail addresses among them, at
/// `debug`: it stays above that unless it is asked for by its name.
fn filter(asked: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(format!("tokio_postgres=info,{asked}"))
}

fn tracer_provider(service: &'static str, config: &TracingConfig) -> Result<SdkTracerProvider, TelemetryError> {
    let exported = !config.otlp_endpoint.is_empty();
    // Without a collector new traces are not recorded, but their ids still reach the logs and the next service.
    let ratio = if exported { config.sample_ratio } else { 0.0 };
    let mut builder = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))));
    if exported {
        let endpoint = format!("{}/v1/traces", config.otlp_endpoint.trim_end_matches('/'));
        builder = builder.with_batch_exporter(SpanExporter::builder().with_http().with_endpoint(endpoint).build()?);
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn shows_statements(asked: &str) -> bool {
        let subscriber = tracing_subscriber::registry().with(filter(asked).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(tracing::enabled!(target: "persister::writer", Level::DEBUG), asked.contains("debug"));
            tracing::enabled!(target: "tokio_postgres::query", Level::DEBUG)
        })
    }

    #[test]
    fn parameters_of_statements_are_not_logged_unless_the_driver_is_named() {
        assert!(!shows_statements("info"));
        assert!(!shows_statements("debug"));
        assert!(shows_statements("debug,tokio_postgres=debug"));
    }
}
