//! Traces for an OpenTelemetry collector (feature `otlp`): a span for each request and one below it for each stage of a photo.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::trace_context::TraceContext;
use crate::crypto;

/// Set once spans are exported.
static EXPORTING: OnceLock<()> = OnceLock::new();

/// A tracer that exports to a collector, and its provider, which has to be shut down at the end for the last spans to arrive.
pub(super) fn tracer(endpoint: &str) -> Result<(SdkTracer, SdkTracerProvider), ExporterBuildError> {
    // The exporter's client takes its TLS from here.
    crypto::ensure_provider();
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before these.
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "clearshot".to_owned());
    let resource = Resource::builder().with_service_name(name).with_attribute(version).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let _ = EXPORTING.set(());
    Ok((provider.tracer("clearshot"), provider))
}

/// Makes a request's span a part of its trace, under the caller's span; the context then names the exported span.
pub(crate) fn join(span: &Span, context: &mut TraceContext, method: &str, route: &str) {
    // Else it would only make the log longer.
    if EXPORTING.get().is_none() {
        return;
    }
    span.record("otel.name", format!("{method} {route}"));
    span.record("otel.kind", "server");
    let ids = (
        TraceId::from_hex(&context.trace_id),
        context.parent_id.as_deref().and_then(|parent| SpanId::from_hex(parent).ok()),
    );
    if let (Ok(trace), Some(parent)) = ids {
        let caller = SpanContext::new(trace, parent, TraceFlags::new(context.flags), true, TraceState::default());
        // Fails where spans are not exported; they have no parents then.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(caller));
    }
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("http.route", route.to_owned());
    let exported = span.context().span().span_context().clone();
    if exported.is_valid() {
        context.trace_id = exported.trace_id().to_string();
        context.span_id = exported.span_id().to_string();
        context.flags = exported.trace_flags().to_u8();
    }
}

/// Notes how a request was answered.
pub(crate) fn answered(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
}
