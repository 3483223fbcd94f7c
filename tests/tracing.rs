//! Traces: a caller's trace goes on through the service, in its answers, its log and what it exports to a collector.

mod support;

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, command};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

async fn score(server: &Server, path: &str) -> String {
    let request = server.client.post(format!("{}{path}", server.url)).body(pavilion());
    let response = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).send().await.expect("it answers");
    assert_eq!(response.status(), 200);
    response.headers()["traceresponse"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_trace_goes_on_in_answer_and_log() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut command = command(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("RUST_LOG", "info").stderr(Stdio::from(File::create(log.path()).expect("a file")));
    let mut server = Server::start_as(command);
    let told = score(&server, "/score").await;
    let fields: Vec<&str> = told.split('-').collect();
    assert_eq!((fields.len(), fields[0], fields[1], fields[3]), (4, "00", TRACE, "01"), "{told}");
    assert_ne!(fields[2], CALLER);
    server.signal("INT");
    server.wait(Duration::from_secs(10));
    let log = std::fs::read_to_string(log.path()).expect("text");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    let answered: Vec<Value> = lines.filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.len(), 1, "{log}");
    assert_eq!((&answered[0]["span"]["trace_id"], &answered[0]["status"]), (&TRACE.into(), &200.into()), "{log}");
}

#[cfg(feature = "otlp")]
mod export {
    use std::sync::{Arc, Mutex};

    use axum::body::Bytes;
    use axum::routing::post;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
    use prost::Message;

    use super::*;

    /// A collector as the protocol defines it: takes spans over HTTP in protobuf.
    async fn collector() -> (String, Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let take = async move |body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).expect("it is the protocol's message");
            kept.lock().expect("no test has panicked").push(request);
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = axum::Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (url, received)
    }

    fn hex(id: &[u8]) -> String {
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_of_a_request_reach_the_collector() {
        let (url, received) = collector().await;
        let mut server = Server::start(&["--otlp-endpoint", &url]);
        let told = score(&server, "/score").await;
        // The last spans are sent when the service stops.
        server.signal("INT");
        server.wait(Duration::from_secs(10));
        let received = received.lock().expect("no thread has panicked").clone();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        for resource in resources.clone().filter_map(|spans| spans.resource.as_ref()) {
            assert!(format!("{resource:?}").contains("clearshot"), "{resource:?}");
        }
        let spans: Vec<&Span> = resources.flat_map(|spans| &spans.scope_spans).flat_map(|scope| &scope.spans).collect();
        let named = |name: &str| {
            let found: Vec<&&Span> = spans.iter().filter(|span| span.name == name).collect();
            assert_eq!(found.len(), 1, "{name}: {spans:?}");
            *found[0]
        };
        let request = named("POST /score");
        assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), CALLER.to_owned()));
        assert_eq!((request.kind(), told), (SpanKind::Server, format!("00-{TRACE}-{}-01", hex(&request.span_id))));
        let attributes = format!("{:?}", request.attributes);
        assert!(
            attributes.contains("http.response.status_code") && attributes.contains("IntValue(200)"),
            "{attributes}"
        );
        for stage in ["read", "wait", "decode", "run"] {
            let stage = named(stage);
            assert_eq!((&stage.trace_id, &stage.parent_span_id), (&request.trace_id, &request.span_id));
            assert!(stage.start_time_unix_nano >= request.start_time_unix_nano);
            assert!(stage.end_time_unix_nano <= request.end_time_unix_nano);
        }
        assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "the export itself is not traced: {spans:?}");
    }
}
