//! Answers of the shipped models, recorded before a restructuring: they must stay what they were. An answer may say more than
//! it did. On the processor that recorded them numbers are the same bit for bit (`CLEARSHOT_SAME_BITS=1` insists on it); others
//! have other vector units, and differ in last digits. With new models, record anew: `CLEARSHOT_UPDATE=1 cargo test --release
//! --test recorded_answers`.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::server::{Server, root};

/// Names the first field of `before` that `now` lacks or says otherwise.
fn difference(before: &Value, now: &Value, at: &str) -> Option<String> {
    match (before, now) {
        (Value::Object(before), Value::Object(_)) => {
            before.iter().find_map(|(field, value)| difference(value, &now[field], &format!("{at}.{field}")))
        }
        (Value::Array(before), Value::Array(items)) if before.len() == items.len() => {
            let pairs = before.iter().zip(items).enumerate();
            pairs.into_iter().find_map(|(index, (before, now))| difference(before, now, &format!("{at}[{index}]")))
        }
        _ => (before != now && !alike(before, now)).then(|| format!("{at}: {before} before, {now} now")),
    }
}

/// Numbers that another processor may give: one more or less in the last of three decimals, or in the sixth digit.
fn alike(before: &Value, now: &Value) -> bool {
    let (Some(before), Some(now)) = (before.as_f64(), now.as_f64()) else { return false };
    let same_bits = std::env::var_os("CLEARSHOT_SAME_BITS").is_some();
    let fraction = before.fract() != 0.0 || now.fract() != 0.0;
    !same_bits && fraction && (before - now).abs() <= 0.001_001_f64.max(before.abs() * 1e-5)
}

#[tokio::test]
async fn answers_are_what_they_were() {
    let path = root().join("tests/fixtures/answers.json");
    let text = std::fs::read_to_string(&path).expect("answers are recorded");
    let recorded: BTreeMap<String, Value> = serde_json::from_str(&text).expect("they are JSON");
    assert!(recorded.len() > 40, "only {} answers are recorded", recorded.len());
    let server = Server::start(&[]);
    let mut answers = BTreeMap::new();
    for file in recorded.keys() {
        let photo = std::fs::read(root().join("tests/fixtures").join(file)).expect("the fixture is there");
        let tiles = if recorded[file]["tiles"].is_object() { "?detail=tiles" } else { "" };
        let request = server.client.post(format!("{}/score{tiles}", server.url)).body(photo);
        let mut answer: Value = request.send().await.expect("it answers").json().await.expect("JSON");
        answer.as_object_mut().expect("an object").remove("request_id");
        answer["image"].as_object_mut().expect("an object").remove("sha256");
        answers.insert(file.clone(), answer);
    }
    if std::env::var_os("CLEARSHOT_UPDATE").is_some() {
        let lines: Vec<String> =
            answers.iter().map(|(file, answer)| format!("{}: {answer}", Value::from(file.as_str()))).collect();
        std::fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n"))).expect("it is written");
        return;
    }
    for (file, before) in &recorded {
        let changed = difference(before, &answers[file], file);
        assert!(changed.is_none(), "{}", changed.unwrap_or_default());
    }
}
