//! The committed OpenAPI documents are the code's, and their examples are answers that the service really gives. With
//! CLEARSHOT_UPDATE=1 the examples are written anew (`make openapi`).

mod support;

use reqwest::multipart::{Form, Part};
use reqwest::{Response, header};
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, root};

#[test]
fn the_committed_documents_are_the_codes() {
    let committed = |name: &str| std::fs::read_to_string(root().join("openapi").join(name)).unwrap_or_default();
    assert!(committed("openapi.json") == clearshot::openapi::document(), "out of date: run `make openapi`");
    assert!(committed("openapi-3.0.json") == clearshot::openapi::document_3_0(), "out of date: run `make openapi`");
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
    let answer: Value = response.json().await.expect("JSON");
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
