//! Uses the client that progenitor generates: scores a photo and a text file; the compiler checks every field.

progenitor::generate_api!(spec = "../../../target/clients/openapi-progenitor.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: clearshot-client-test URL")?;
    let client = Client::new(&url);
    let photo = std::fs::read("tests/fixtures/pavilion.jpg")?;
    let answer = client.score(None, None, None, Some("real-estate"), photo.clone()).await?.into_inner();
    assert_eq!((answer.verdict, answer.image.width), (types::Verdict::Pass, 640));
    let types::Scores { rotation, brightness, extra: further, .. } = &answer.scores;
    assert!(rotation.low <= rotation.value && rotation.value <= rotation.high);
    // A further metric: the service runs a copy of the brightness model under this name.
    assert_eq!(further["exposure"].value, brightness.value);
    assert_eq!(answer.models["exposure"], answer.models["brightness"]);
    match client.score(None, None, None, None, "text").await {
        Err(progenitor::progenitor_client::Error::ErrorResponse(problem)) => {
            assert_eq!((problem.status(), problem.code.as_str()), (reqwest::StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_format"));
        }
        other => return Err(format!("{other:?} is no problem").into()),
    }
    println!("rust: ok");
    Ok(())
}
