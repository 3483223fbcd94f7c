//! The committed OpenAPI documents are the code's, and their examples are answers that the service really gives. With
//! CLEARSHOT_UPDATE=1 the examples are written anew (`make openapi`).

mod support;

use std::collections::BTreeSet;
use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Response, header};
use serde_json::{Value, json};
use support::photos::{blurred, jpeg, pavilion, turned, with_claimed_size};
use support::room::room;
use support::server::{Server, documented_problems, models_with_a_fourth_metric, root};

#[test]
fn the_committed_documents_are_the_codes() {
    let committed = |name: &str| std::fs::read_to_string(root().join("openapi").join(name)).unwrap_or_default();
    let document = clearshot::router::document();
    assert!(committed("openapi.json") == document.text_3_1(), "out of date: run `make openapi`");
    assert!(committed("openapi-3.0.json") == document.text_3_0(), "out of date: run `make openapi`");
}

#[tokio::test]
async fn every_operation_is_described_and_every_error_has_the_schema_of_a_problem() {
    let server = Server::start(&[]);
    let document: Value = server.get("/openapi.json").await.json().await.expect("JSON");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{method} {path}");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(
                    *schema == "#/components/schemas/Problem",
                    !status.starts_with('2'),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

#[test]
fn three_scores_are_required_and_others_may_come() {
    for name in ["openapi.json", "openapi-3.0.json"] {
        let text = std::fs::read_to_string(root().join("openapi").join(name)).expect("it is committed");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let schema = |name: &str| &document["components"]["schemas"][name];
        let scores = schema("Scores");
        assert_eq!(scores["required"], json!(["blur", "brightness", "rotation"]), "{name}");
        let score = "#/components/schemas/Score";
        for metric in ["blur", "brightness", "rotation"] {
            let property = &scores["properties"][metric];
            let reference = property.get("$ref").or_else(|| property.pointer("/allOf/0/$ref"));
            assert_eq!(reference, Some(&score.into()), "{name}: {property}");
        }
        assert_eq!(scores["additionalProperties"]["$ref"], score, "{name}: {scores}");
        let assessment = schema("Assessment");
        let property = |name: &str| &assessment["properties"][name];
        let required: Vec<&str> =
            assessment["required"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert!(required.contains(&"checks") && required.contains(&"models"));
        assert!(!required.contains(&"orientation") && !required.contains(&"labels"));
        assert_eq!(property("models")["additionalProperties"]["type"], "string", "{name}");
        assert_eq!(property("checks")["additionalProperties"]["type"], "number", "{name}");
        assert_eq!(schema("Reason")["properties"]["metric"]["type"], "string", "{name}");
    }
}

/// Documented for every scoring route, and not to be had here: keys are tested in access.rs, a panic in router.rs, and a broken
/// body reaches no client that waits for its answer.
const NOT_PROVOKED: [&str; 4] = ["unauthorized", "rate_limited", "internal", "broken_body"];

/// Whether this build fetches what requests name.
const FETCHES: bool = cfg!(feature = "object-store");

/// The code of the problem that a request is answered with.
async fn code(request: RequestBuilder) -> Option<String> {
    let response = request.send().await.expect("an answer");
    let refused = response.status().is_client_error() || response.status().is_server_error();
    let document: Option<Value> = if refused { Some(response.json().await.expect("a problem")) } else { None };
    document.map(|document| document["code"].as_str().expect("a code").to_owned())
}

/// Everything that may go wrong on a route, from what clients do.
async fn provoked(path: &str) -> BTreeSet<String> {
    let limits =
        ["--max-body-bytes", "600000", "--max-form-bytes", "600000", "--max-images", "2", "--max-side", "5000"];
    let origin = Server::start(&[]);
    let sources = ["--allow-source", &origin.url, "--allow-source-network", "127.0.0.0/8"];
    let server = Server::start(&[&limits[..], if FETCHES { &sources } else { &[] }].concat());
    let post = |server: &Server, query: &str| server.client.post(format!("{}{path}{query}", server.url));
    let is_form = path == "/score/batch";
    let part = |bytes: &[u8]| Part::bytes(bytes.to_vec());
    let one = |request: RequestBuilder, bytes: &[u8]| {
        if is_form { request.multipart(Form::new().part("image", part(bytes))) } else { request.body(bytes.to_vec()) }
    };
    let small = jpeg(&room(64, 48, 1), 80);
    let hopeless = jpeg(&blurred(&turned(&room(1600, 1200, 5), 8.0), 5.0), 80);
    let photos =
        [vec![], b"text".to_vec(), pavilion()[..9000].to_vec(), jpeg(&room(31, 400, 1), 80), pavilion(), hopeless];
    let mut found = BTreeSet::new();
    for photo in photos.iter().chain([&with_claimed_size(&small, 6000, 6000), &vec![0; 600_001]]) {
        found.extend(code(one(post(&server, ""), photo)).await);
    }
    for query in ["?profile=nobody", "?profile=a&profile=b"] {
        found.extend(code(one(post(&server, query), &small)).await);
    }
    let many = (0..3).fold(Form::new(), |form, _| form.part("image", part(&small)));
    for form in [Form::new().text("picture", "x"), many] {
        found.extend(code(post(&server, "").multipart(form)).await);
    }
    for json in ["{}", "{\"image\": \"?\"}"] {
        let request = post(&server, "").header(header::CONTENT_TYPE, "application/json");
        found.extend(code(request.body(json)).await);
    }
    // Nothing is there; it is no file; it is not allowed.
    for source in [format!("{}/none.jpg", origin.url), format!("{}/score", origin.url), "https://a.example/".into()] {
        let request = post(&server, "").header(header::CONTENT_TYPE, "application/json");
        found.extend(code(request.body(json!({"source": source}).to_string())).await);
    }
    found.extend(code(one(post(&server, "").header(header::CONTENT_ENCODING, "gzip"), &small)).await);
    // It begins and never goes on.
    let stalling = |server: &Server| {
        let begun = stream::iter([Ok::<_, Infallible>(b"--x\r\n".to_vec())]).chain(stream::pending());
        let content_type = if is_form { "multipart/form-data; boundary=x" } else { "image/jpeg" };
        post(server, "").header(header::CONTENT_TYPE, content_type).body(Body::wrap_stream(begun))
    };
    found.extend(code(stalling(&server)).await);
    // Photos wait longer for a batch to fill than they have.
    let narrow = ["--max-in-flight", "1", "--deadline-ms", "2000", "--max-batch", "8", "--max-delay-ms", "10000"];
    let narrow = Server::start(&narrow);
    let late = tokio::spawn(code(stalling(&narrow)));
    // Time for it to take the place: nothing outside the server tells that a form has.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    found.extend(code(one(post(&narrow, ""), &small)).await);
    found.extend(late.await.expect("it ends"));
    found.extend(code(one(post(&narrow, ""), &small)).await);
    found
}

#[tokio::test]
async fn every_documented_problem_happens_and_no_other() {
    for path in ["/score", "/score/batch", "/correct"] {
        let mut documented = documented_problems(path);
        documented.retain(|(_, code)| FETCHES || !["source_not_found", "source_unavailable"].contains(&code.as_str()));
        let documented = documented.into_iter().map(|(_, code)| code);
        let documented: BTreeSet<String> = documented.filter(|code| !NOT_PROVOKED.contains(&code.as_str())).collect();
        assert_eq!(provoked(path).await, documented, "{path}");
    }
}

#[tokio::test]
async fn a_further_metric_is_scored_judged_and_named() {
    let models = models_with_a_fourth_metric();
    let server = Server::start(&["--models", models.path().to_str().expect("text")]);
    let answer = server.score(pavilion()).await;
    let scores = answer["scores"].as_object().expect("an object");
    assert_eq!(scores.keys().collect::<Vec<_>>(), ["blur", "brightness", "rotation", "exposure"]);
    for field in ["value", "unit", "low", "high", "raw"] {
        assert_eq!(scores["exposure"][field], scores["brightness"][field], "{field}");
    }
    assert_eq!(scores["exposure"]["quality"], 100, "no profile bounds it");
    assert_eq!(answer["models"]["exposure"], answer["models"]["brightness"]);
}

/// Asserts that an answer is the example: the same fields of the same types, the same texts, and numbers that differ by no
/// more than another processor's rounding can make.
fn same(example: &Value, answer: &Value, at: &str) {
    match (example, answer) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{at}");
            a.iter().for_each(|(key, value)| same(value, &b[key], &format!("{at}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter().zip(b).for_each(|(a, b)| same(a, b, at));
        }
        (Value::Number(a), Value::Number(b)) => {
            let [a, b] = [a, b].map(|number| number.as_f64().expect("a finite number"));
            assert!((a - b).abs() <= 0.02 * a.abs().max(1.0), "{at}: {a} {b}");
        }
        _ => assert_eq!(example, answer, "{at}"),
    }
}

async fn check(name: &str, response: Response) {
    // The documents say what the default build does, whichever features the tests are built with.
    let text = response.text().await.expect("text").replace(", AVIF)", ")");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let path = root().join(format!("openapi/examples/{name}.json"));
    if std::env::var_os("CLEARSHOT_UPDATE").is_some() {
        std::fs::write(&path, format!("{answer:#}\n")).expect("it can be written");
    }
    let example = std::fs::read_to_string(path).expect("the example is there");
    same(&serde_json::from_str(&example).expect("JSON"), &answer, name);
}

#[tokio::test]
async fn the_examples_are_real_answers() {
    let server = Server::start(&[]);
    let post = |path: &str| {
        server
            .client
            .post(format!("{}{path}", server.url))
            .header("x-request-id", "example")
            .header(header::ACCEPT, "*/*")
    };
    check("score", post("/score").body(pavilion()).send().await.expect("an answer")).await;
    check("problem", post("/score").body("text").send().await.expect("an answer")).await;
    check("nothing_to_correct", post("/correct").body(pavilion()).send().await.expect("an answer")).await;
    check("profiles", server.get("/profiles").await).await;
    let part = |bytes: Vec<u8>, name: &str| Part::bytes(bytes).file_name(name.to_owned());
    let form =
        Form::new().part("image", part(pavilion(), "pavilion.jpg")).part("image", part(b"text".to_vec(), "README.md"));
    check("batch", post("/score/batch?summary=true").multipart(form).send().await.expect("an answer")).await;
}
