//! The way of a photo, step by step, on one thread: `cargo bench`. Every figure comes from one run, so that ratios hold.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

mod support;

use std::time::Duration;

use clearshot_core::area::Area;
use clearshot_core::checks::{CHECKS, Evidence};
use clearshot_core::ingest::{self, Limits};
use clearshot_core::models::tensors;
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::view::ReferenceView;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::{jpeg, photo};

/// Width and height of 0.3, 2, 12 and 48 megapixels.
const SIZES: [[u32; 2]; 4] = [[640, 480], [1600, 1200], [4000, 3000], [8000, 6000]];

fn everything(criterion: &mut Criterion) {
    let (mut scorers, profile) = support::scorers(1);
    branches(criterion, &mut scorers[0]);
    checks(criterion);
    photos(criterion, &mut scorers[0], &profile);
}

fn photos(criterion: &mut Criterion, scorer: &mut Scorer, profile: &Profile) {
    let limits = Limits::default();
    for size in SIZES {
        let bytes = jpeg(&photo(size));
        let megapixels = format!("{:.1} MP", f64::from(size[0] * size[1]) / 1e6);
        let mut group = criterion.benchmark_group("photo");
        group.throughput(Throughput::Elements(u64::from(size[0] * size[1])));
        group.bench_with_input(BenchmarkId::new("decode", &megapixels), &bytes, |bench, bytes| {
            bench.iter(|| ingest::decode(bytes, &limits).unwrap());
        });
        let decoded = ingest::decode(&bytes, &limits).unwrap().upright();
        group.bench_with_input(BenchmarkId::new("view", &megapixels), &decoded, |bench, decoded| {
            bench.iter_with_large_drop(|| tensors(scorer.models().views(), &ReferenceView::new(decoded.clone())));
        });
        group.bench_with_input(BenchmarkId::new("whole", &megapixels), &bytes, |bench, bytes| {
            bench.iter(|| support::score(bytes, scorer, profile));
        });
        group.finish();
    }
}

/// The three branches alone and together, one photo at a time on one thread: the budget is 12 ms.
fn branches(criterion: &mut Criterion, scorer: &mut Scorer) {
    let reference = ReferenceView::new(photo(SIZES[1]));
    let tensors: Vec<Vec<f32>> = scorer.sessions().iter().map(|session| session.view().tensor(&reference)).collect();
    let sessions = scorer.sessions();
    let mut group = criterion.benchmark_group("branch");
    for (session, tensor) in sessions.iter_mut().zip(&tensors) {
        group.bench_function(session.metric().to_owned(), |bench| bench.iter(|| session.run(&[tensor]).unwrap()));
    }
    group.bench_function("all three", |bench| {
        bench.iter(|| {
            sessions
                .iter_mut()
                .zip(&tensors)
                .map(|(session, tensor)| session.run(&[tensor]).unwrap().remove(0))
                .collect::<Vec<_>>()
        });
    });
    group.finish();
}

/// The checks of one photo's reference view, one by one and together: the budget is 1.5 ms.
fn checks(criterion: &mut Criterion) {
    let reference = ReferenceView::new(photo(SIZES[1]));
    let collect = || Evidence::new(&reference, Area::WHOLE, SIZES[1], 0.0, Some(90));
    let mut group = criterion.benchmark_group("checks");
    group.bench_function("evidence", |bench| bench.iter(collect));
    let evidence = collect();
    for check in CHECKS.iter() {
        group.bench_function(check.name, |bench| bench.iter(|| (check.measure)(&evidence)));
    }
    group.bench_function("all", |bench| {
        bench.iter(|| {
            let evidence = collect();
            CHECKS.iter().filter_map(|check| (check.measure)(&evidence)).sum::<f32>()
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
