//! What the machine can do without HTTP and queues: decode, view and the three branches in a tight loop on every core.
//! `cargo bench --bench limit -- PHOTO [SECONDS]` prints photos per second; `benches/load/run` calls it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clearshot::engine::{BranchSession, Runtime};
use clearshot::scoring::card::sha256_hex;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(photo) = arguments.first() else {
        println!("usage: cargo bench --bench limit -- PHOTO [SECONDS]");
        return;
    };
    let seconds = arguments.get(1).map_or(10, |seconds| seconds.parse().unwrap());
    let bytes = std::fs::read(photo).unwrap();
    let runtime = Runtime::load(None).unwrap();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers: Vec<Vec<BranchSession>> = (0..cores).map(|_| support::sessions(&runtime)).collect();
    let scored = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for mut sessions in workers {
            let (scored, bytes) = (&scored, &bytes);
            scope.spawn(move || {
                while started.elapsed() < Duration::from_secs(seconds) {
                    support::score(bytes, &mut sessions);
                    // The answer names the upload's hash.
                    std::hint::black_box(sha256_hex(bytes));
                    scored.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{:.2}", scored.into_inner() as f64 / started.elapsed().as_secs_f64());
}
