//! What the machine can do without HTTP and queues: decode, view and the three branches in a tight loop on every core.
//! `cargo bench --bench limit -- PHOTO [SECONDS]` prints photos per second; `benches/load/run` calls it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clearshot::engine::{BranchSession, Runtime};
use clearshot::ingest::{self, Limits};
use clearshot::metric::Metric;
use clearshot::scoring::card::{VerifiedModel, sha256_hex};
use clearshot::view::{self, ReferenceView};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(photo) = arguments.first() else {
        println!("usage: cargo bench --bench limit -- PHOTO [SECONDS]");
        return;
    };
    let seconds = arguments.get(1).map_or(10, |seconds| seconds.parse().unwrap());
    let bytes = std::fs::read(photo).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let runtime = Runtime::load(None).unwrap();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let session = |metric| {
        let VerifiedModel { onnx, .. } = VerifiedModel::load(&models, metric).unwrap();
        BranchSession::new(&runtime, metric, &onnx, 1).unwrap()
    };
    let workers: Vec<Vec<BranchSession>> = (0..cores).map(|_| Metric::ALL.into_iter().map(session).collect()).collect();
    let scored = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for mut sessions in workers {
            let (scored, bytes) = (&scored, &bytes);
            scope.spawn(move || {
                while started.elapsed() < Duration::from_secs(seconds) {
                    let view = ReferenceView::new(ingest::decode(bytes, &Limits::default()).unwrap().pixels);
                    for session in &mut sessions {
                        session.run(&[view::tensor(session.metric(), &view)]).unwrap();
                    }
                    // The answer names the upload's hash.
                    std::hint::black_box(sha256_hex(bytes));
                    scored.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{:.2}", scored.into_inner() as f64 / started.elapsed().as_secs_f64());
}
