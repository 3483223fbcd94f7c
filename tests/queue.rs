//! What waits for the models: a full queue, photos that expire in it, and a batch that waits to be filled.

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::photos::jpeg;
use support::room::room;
use support::server::{Server, problem};

const METRICS: [&str; 3] = ["blur", "brightness", "rotation"];

#[tokio::test]
async fn a_burst_beyond_the_queue_is_refused_with_retry_after_and_the_rest_is_scored() {
    let flags = ["--queue", "1", "--workers", "1", "--max-batch", "1", "--max-in-flight", "1000", "--decoders", "4"];
    let server = Server::start(&flags);
    let photo = jpeg(&room(320, 240, 1), 90);
    let started = Instant::now();
    let (mut scored, mut refused) = (0, 0);
    // Photos are decoded faster than the slowest model scores them, though not in every burst on a busy machine.
    while refused == 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "no photo of {scored} was refused");
        for response in join_all((0..40).map(|_| server.post(photo.clone()))).await {
            if response.status() == 200 {
                scored += 1;
                continue;
            }
            assert!(response.headers().contains_key("retry-after"));
            problem(response, 503, "overloaded").await;
            refused += 1;
        }
    }
    assert!(scored > 0, "all {refused} were refused");
    server.score(photo).await;
    // A model that had room may also have run photos that another refused.
    for metric in METRICS {
        let run = server.photos_run(metric).await;
        assert!((scored + 1..=scored + 1 + refused).contains(&run), "{metric} ran {run}, {scored} were scored");
    }
}

#[tokio::test]
async fn a_photo_that_expires_while_it_waits_never_reaches_a_model() {
    // A worker waits longer for its batch to fill than a photo may take.
    let server = Server::start(&["--max-batch", "8", "--max-delay-ms", "5000", "--deadline-ms", "3000"]);
    problem(server.post(jpeg(&room(320, 240, 1), 90)).await, 504, "deadline_exceeded").await;
    let metrics = server.metrics().await;
    let queued = metrics.contains("clearshot_stage_duration_seconds_count{stage=\"Run\"} 1");
    assert!(queued, "the deadline passed before the photo was in the queue: {metrics}");
    // Until the batch has waited long enough.
    tokio::time::sleep(Duration::from_millis(5200)).await;
    for metric in METRICS {
        assert_eq!(server.photos_run(metric).await, 0, "{metric} ran a photo that nobody waits for");
    }
}

#[tokio::test]
async fn a_second_photo_joins_the_batch_of_one_that_waits_for_it() {
    let flags = ["--workers", "1", "--max-batch", "2", "--max-delay-ms", "20000"];
    let server = Server::start(&flags);
    let photo = jpeg(&room(320, 240, 1), 90);
    let started = Instant::now();
    let first = server.score(photo.clone());
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.score(photo.clone()).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(started.elapsed() < Duration::from_secs(15), "a full batch waited on");
    assert_eq!(first["scores"], second["scores"]);
    for metric in METRICS {
        let ran = (server.batches_run(metric).await, server.photos_run(metric).await);
        assert_eq!(ran, (1, 2), "batches and photos of {metric}");
    }
}
