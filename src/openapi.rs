//! The OpenAPI document, from the code: version 3.1, and the same as 3.0 for generators that know no other.

use clap::Args;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::SecurityRequirement;

use crate::error::UNAUTHORIZED;
use crate::http::correct::Receipt;
use crate::http::problem::{self, ProblemDocument};

/// Which document to print.
#[derive(Debug, Args)]
pub struct OpenapiConfig {
    /// As OpenAPI 3.0, for generators that know no other.
    #[arg(long = "3.0")]
    pub older: bool,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clearshot",
        description = "Scores photos for blur, brightness and tilt, in physical units with honest intervals; says what to do \
                       with them, and does it.",
        license(name = "MIT", identifier = "MIT")
    ),
    servers((url = "/", description = "The service that serves this document")),
    components(schemas(ProblemDocument, Receipt)),
    tags(
        (name = "scoring", description = "Scoring photos"),
        (name = "correcting", description = "Correcting photos"),
        (name = "models", description = "The models in use"),
        (name = "health", description = "Probes"),
        (name = "meta", description = "This document")
    )
)]
struct Info;

/// Answers of the running service, kept true by a test: path, method, status, media type, answer.
const EXAMPLES: [(&str, &str, &str, &str, &str); 5] = [
    ("/score", "post", "200", "application/json", include_str!("../openapi/examples/score.json")),
    ("/score", "post", "415", "application/problem+json", include_str!("../openapi/examples/problem.json")),
    ("/score/batch", "post", "200", "application/json", include_str!("../openapi/examples/batch.json")),
    (
        "/correct",
        "post",
        "409",
        "application/problem+json",
        include_str!("../openapi/examples/nothing_to_correct.json"),
    ),
    ("/profiles", "get", "200", "application/json", include_str!("../openapi/examples/profiles.json")),
];

/// The document of the API.
pub struct Document(Value);

impl Document {
    /// From what routes say of themselves: those behind the gate, which need a key where the service has keys, and the open ones.
    #[must_use]
    pub fn new(mut behind_gate: utoipa::openapi::OpenApi, open: utoipa::openapi::OpenApi) -> Self {
        for item in behind_gate.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.responses.responses.extend(problem::responses(&[&UNAUTHORIZED]));
                // A service without keys asks for none.
                let either =
                    ["bearer", "api_key"].map(|scheme| SecurityRequirement::new::<_, [&str; 0], _>(scheme, []));
                operation.security = Some([SecurityRequirement::default()].into_iter().chain(either).collect());
            }
        }
        let document = Info::openapi().merge_from(behind_gate).merge_from(open);
        let mut document = serde_json::to_value(document).expect("the document's types serialise");
        // Said outright: an operation without security is not one that forgot it.
        document["security"] = json!([]);
        document["components"]["securitySchemes"] = json!({
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, where the service has keys"},
            "api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same in a header of its own"},
        });
        for (path, method, status, media_type, answer) in EXAMPLES {
            let answer: Value = serde_json::from_str(answer).expect("a test reads each example");
            document["paths"][path][method]["responses"][status]["content"][media_type]["example"] = answer;
        }
        Self(document)
    }

    /// The document as JSON, ending with a newline.
    #[must_use]
    pub fn text(&self, config: &OpenapiConfig) -> String {
        if config.older { self.text_3_0() } else { self.text_3_1() }
    }

    /// As OpenAPI 3.1.
    #[must_use]
    pub fn text_3_1(&self) -> String {
        pretty(&self.0)
    }

    /// The same as OpenAPI 3.0. What that version has no words for is said otherwise: a type that may be null becomes
    /// `nullable`, and of several media types of a request the first is kept, as many generators take only one.
    #[must_use]
    pub fn text_3_0(&self) -> String {
        let mut document = self.0.clone();
        document["openapi"] = "3.0.3".into();
        if let Some(license) = document.pointer_mut("/info/license").and_then(Value::as_object_mut) {
            license.remove("identifier");
        }
        down_convert(&mut document);
        pretty(&document)
    }
}

fn pretty(document: &Value) -> String {
    let mut json = serde_json::to_string_pretty(document).expect("a JSON value serialises");
    json.push('\n');
    json
}

fn down_convert(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(down_convert),
        Value::Object(object) => {
            // An example is data, not schema.
            let children = object.iter_mut().filter(|(key, _)| *key != "example");
            children.for_each(|(_, value)| down_convert(value));
            if let Some(Value::Array(types)) = object.get("type").cloned() {
                let named: Vec<_> = types.iter().filter(|name| *name != "null").cloned().collect();
                if let ([only], true) = (named.as_slice(), named.len() < types.len()) {
                    object.insert("type".into(), only.clone());
                    object.insert("nullable".into(), true.into());
                }
            }
            object.remove("propertyNames");
            // Beside a reference nothing counts.
            if let Some(reference) = object.get("$ref").cloned() {
                object.clear();
                object.insert("$ref".into(), reference);
            }
            if let Some(content) = object.get_mut("requestBody").and_then(|body| body["content"].as_object_mut())
                && let Some(kept) = ["application/octet-stream", "multipart/form-data"]
                    .into_iter()
                    .find(|kept| content.contains_key(*kept))
            {
                content.retain(|name, _| name == kept);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_document_knows_no_null_and_no_list_of_types() {
        let text = crate::router::document().text_3_0();
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert!(!text.contains("\"null\"") && document["openapi"] == "3.0.3");
        let mut schema = json!({"type": ["number", "null"], "propertyNames": {}, "example": {"type": ["kept"]}});
        down_convert(&mut schema);
        assert_eq!(schema, json!({"type": "number", "example": {"type": ["kept"]}, "nullable": true}));
        assert_eq!(
            document["paths"]["/score"]["post"]["requestBody"]["content"].as_object().map(serde_json::Map::len),
            Some(1)
        );
    }
}
