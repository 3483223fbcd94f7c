//! Scores a photo and says what to do with it: `cargo run --release --example rust PHOTO [URL]`.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let photo = std::fs::read(arguments.next().ok_or("usage: rust PHOTO [URL]")?)?;
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    // This project's reqwest comes without cryptography; yours has some by default.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "it is the first")?;
    let response = reqwest::Client::new().post(url + "/score?profile=real-estate").body(photo).send().await?;
    let answer: serde_json::Value = response.error_for_status()?.json().await?;
    println!("{}", answer["verdict"].as_str().unwrap_or_default());
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        println!(
            "- {}: {}",
            reason["code"].as_str().unwrap_or_default(),
            reason["advice"].as_str().unwrap_or_default()
        );
    }
    Ok(())
}
