//! What the machine can do without HTTP and queues: decode, views, models and judgement in a tight loop on every core.
//! `cargo bench --bench limit -- PHOTO [SECONDS]` prints photos per second; `benches/load/run` calls it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(photo) = arguments.first() else {
        println!("usage: cargo bench --bench limit -- PHOTO [SECONDS]");
        return;
    };
    let seconds = arguments.get(1).map_or(10, |seconds| seconds.parse().unwrap());
    let bytes = std::fs::read(photo).unwrap();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (scorers, profile) = support::scorers(cores);
    let scored = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for mut scorer in scorers {
            let (scored, bytes, profile) = (&scored, &bytes, &profile);
            scope.spawn(move || {
                while started.elapsed() < Duration::from_secs(seconds) {
                    std::hint::black_box(support::score(bytes, &mut scorer, profile));
                    scored.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{:.2}", scored.into_inner() as f64 / started.elapsed().as_secs_f64());
}
