//! Logs (structured, never image content or file names), metrics and traces. What is logged of each request is written by
//! `http::middleware::access_log`.

pub mod metrics;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
pub mod trace_context;

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    #[default]
    Pretty,
}

/// How the service is observed.
#[derive(Clone, Debug, Default, Args)]
pub struct TelemetryConfig {
    /// Log format.
    #[arg(long, env = "CLEARSHOT_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// OpenTelemetry collector to export traces to, by OTLP over HTTP: http://collector:4318 [default: none].
    #[cfg(feature = "otlp")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

impl From<LogFormat> for TelemetryConfig {
    /// Logs alone.
    fn from(log_format: LogFormat) -> Self {
        Self {
            log_format,
            #[cfg(feature = "otlp")]
            otlp_endpoint: None,
        }
    }
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint makes no sense.
    #[error("traces cannot be exported: {0}")]
    Exporter(String),
}

/// Running telemetry; what is still to be exported is exported when this is dropped.
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// Starts logging to standard error, where `RUST_LOG` overrides what is logged, and exporting traces.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
        LogFormat::Pretty => {
            lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
        }
    };
    let registry = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "otlp")]
    if let Some(endpoint) = &config.otlp_endpoint {
        let (tracer, provider) = otlp::tracer(endpoint).map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        // Spans of this crate; the exporter's own requests would never end.
        let own = tracing_subscriber::filter::Targets::new().with_target("clearshot", tracing::Level::INFO);
        registry.with(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(own)).init();
        return Ok(Telemetry { provider: Some(provider) });
    }
    registry.init();
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        provider: None,
    })
}
