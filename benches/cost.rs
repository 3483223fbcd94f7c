//! What a photo costs by its number of pixels, on one thread: `cargo bench --bench cost` prints a table and draws
//! docs/cost.svg. Cost may grow linearly with pixels and no faster.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use plotters::prelude::*;

const MEGAPIXELS: [f64; 9] = [0.3, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 36.0, 48.0];
const BLUE: RGBColor = RGBColor(37, 99, 235);

fn main() {
    let (mut scorers, profile) = support::scorers(1);
    println!("| megapixels | ms | ms a megapixel |\n|---|---|---|");
    let mut points = Vec::new();
    for megapixels in MEGAPIXELS {
        let width = (megapixels * 1e6 * 4.0 / 3.0).sqrt();
        let bytes = support::jpeg(&support::photo([width as u32, (width * 0.75) as u32]));
        let mut times: Vec<Duration> = (0..9)
            .map(|_| {
                let started = Instant::now();
                std::hint::black_box(support::score(&bytes, &mut scorers[0], &profile));
                started.elapsed()
            })
            .collect();
        times.sort();
        let milliseconds = times[times.len() / 2].as_secs_f64() * 1e3;
        println!("| {megapixels} | {milliseconds:.1} | {:.2} |", milliseconds / megapixels);
        points.push((megapixels, milliseconds));
    }
    draw(&points);
}

fn draw(points: &[(f64, f64)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cost.svg");
    let area = SVGBackend::new(&path, (640, 360)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption("Cost of a JPEG on one thread", ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(38)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..50.0, 0.0..most * 1.1)
        .unwrap();
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("megapixels").y_desc("ms: decode, view, three branches").light_line_style(TRANSPARENT).draw().unwrap();
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2))).unwrap();
    chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, BLUE.filled()))).unwrap();
    area.present().unwrap();
}
