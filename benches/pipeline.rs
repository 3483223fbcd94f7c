//! The way of a photo, step by step, on one thread: `cargo bench`. Every figure comes from one run, so that ratios hold.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

mod support;

use std::time::Duration;

use clearshot::engine::{BranchSession, Runtime};
use clearshot::ingest::{self, Limits};
use clearshot::metric::Metric;
use clearshot::view::{self, ReferenceView};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::{jpeg, photo};

/// Width and height of 0.3, 2, 12 and 48 megapixels.
const SIZES: [[u32; 2]; 4] = [[640, 480], [1600, 1200], [4000, 3000], [8000, 6000]];

fn everything(criterion: &mut Criterion) {
    let mut sessions = support::sessions(&Runtime::load(None).unwrap());
    branches(criterion, &mut sessions);
    photos(criterion, &mut sessions);
}

fn photos(criterion: &mut Criterion, sessions: &mut [BranchSession]) {
    let limits = Limits::default();
    for size in SIZES {
        let bytes = jpeg(&photo(size));
        let megapixels = format!("{:.1} MP", f64::from(size[0] * size[1]) / 1e6);
        let mut group = criterion.benchmark_group("photo");
        group.throughput(Throughput::Elements(u64::from(size[0] * size[1])));
        group.bench_with_input(BenchmarkId::new("decode", &megapixels), &bytes, |bench, bytes| {
            bench.iter(|| ingest::decode(bytes, &limits).unwrap());
        });
        let decoded = ingest::decode(&bytes, &limits).unwrap().pixels;
        group.bench_with_input(BenchmarkId::new("view", &megapixels), &decoded, |bench, decoded| {
            bench.iter_with_large_drop(|| {
                let view = ReferenceView::new(decoded.clone());
                Metric::ALL.map(|metric| view::tensor(metric, &view))
            });
        });
        group.bench_with_input(BenchmarkId::new("whole", &megapixels), &bytes, |bench, bytes| {
            bench.iter(|| support::score(bytes, sessions));
        });
        group.finish();
    }
}

/// The three branches alone and together, one photo at a time on one thread: the budget is 12 ms.
fn branches(criterion: &mut Criterion, sessions: &mut [BranchSession]) {
    let view = ReferenceView::new(photo(SIZES[1]));
    let tensors: Vec<Vec<f32>> = Metric::ALL.into_iter().map(|metric| view::tensor(metric, &view)).collect();
    let mut group = criterion.benchmark_group("branch");
    for (session, tensor) in sessions.iter_mut().zip(&tensors) {
        group.bench_function(session.metric().name(), |bench| bench.iter(|| session.run(&[tensor]).unwrap()));
    }
    group.bench_function("all three", |bench| {
        bench.iter(|| {
            sessions
                .iter_mut()
                .zip(&tensors)
                .map(|(session, tensor)| session.run(&[tensor]).unwrap()[0])
                .collect::<Vec<_>>()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    targets = everything
}
criterion_main!(benches);
