//! Charts of the training report, as SVG.

use anyhow::{Result, anyhow};
use clearshot_core::scoring::calibration::Estimate;
use clearshot_core::scoring::card::MagnitudeFigures;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::reliability::Tenth;
use crate::run::Validated;

const SIZE: (u32, u32) = (360, 300);
const BLUE: RGBColor = RGBColor(37, 99, 235);
const GRAY: RGBColor = RGBColor(120, 128, 140);
const ORANGE: RGBColor = RGBColor(234, 113, 20);

/// Truth against calibrated value.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn scatter(points: &[(f32, Estimate)], title: &str, unit: &str) -> Result<String> {
    let ends = points.iter().flat_map(|(truth, estimate)| [*truth, estimate.value]);
    let [low, high] = range(ends);
    draw(title, [low, high], [low, high], [&format!("true ({unit})"), &format!("said ({unit})")], |chart| {
        chart.draw_series(LineSeries::new([(low, low), (high, high)], GRAY))?;
        let dots =
            points.iter().map(|(truth, estimate)| Circle::new((*truth, estimate.value), 1, BLUE.mix(0.35).filled()));
        chart.draw_series(dots)?;
        Ok(())
    })
}

/// Share of true values inside their intervals, by true magnitude; the stated share as a line.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn coverage(bins: &[MagnitudeFigures], unit: &str) -> Result<String> {
    let [low, high] = [bins[0].from, bins[bins.len() - 1].to];
    draw(
        "Coverage by true magnitude",
        [low, high],
        [0.5, 1.0],
        [&format!("true ({unit})"), "inside the interval"],
        |chart| {
            chart.draw_series(bins.iter().map(|bin| bar(bin, 0.5, bin.coverage)))?;
            chart.draw_series(LineSeries::new([(low, 0.9), (high, 0.9)], ORANGE.stroke_width(2)))?;
            Ok(())
        },
    )
}

/// Mean width of the intervals and mean error, by true magnitude.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn widths(bins: &[MagnitudeFigures], unit: &str) -> Result<String> {
    let [low, high] = [bins[0].from, bins[bins.len() - 1].to];
    let most = bins.iter().map(|bin| bin.mean_interval_width).fold(0.0, f32::max);
    let labels = [&format!("true ({unit})"), "interval width, error (orange)"];
    draw("Width by true magnitude", [low, high], [0.0, most * 1.05], labels, |chart| {
        chart.draw_series(bins.iter().map(|bin| bar(bin, 0.0, bin.mean_interval_width)))?;
        let errors = bins.iter().map(|bin| (f32::midpoint(bin.from, bin.to), bin.mean_absolute_error));
        chart.draw_series(LineSeries::new(errors, ORANGE.stroke_width(2)))?;
        Ok(())
    })
}

/// Stated probability of a fault against the share that has it, by tenths with their 95 % intervals; a line where both are the same.
/// Below each tenth, how many samples lie in it.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn reliability(tenths: &[Tenth], title: &str) -> Result<String> {
    let labels = ["stated probability of a fault", "share that has it"];
    draw(title, [0.0, 1.0], [-0.1, 1.0], labels, |chart| {
        chart.draw_series(LineSeries::new([(0.0f32, 0.0f32), (1.0, 1.0)], GRAY))?;
        let at = |tenth: &Tenth, share: f64| (tenth.stated as f32, share as f32);
        let interval =
            |tenth: &Tenth| PathElement::new(tenth.interval.map(|end| at(tenth, end)), ORANGE.stroke_width(2));
        chart.draw_series(tenths.iter().map(interval))?;
        chart.draw_series(tenths.iter().map(|tenth| Circle::new(at(tenth, tenth.observed), 3, BLUE.filled())))?;
        let small = TextStyle::from(("sans-serif", 9)).pos(Pos::new(HPos::Center, VPos::Center));
        let count = |tenth: &Tenth| {
            let middle = (tenth.index as f32 + 0.5) / 10.0;
            Text::new(tenth.samples.to_string(), (middle, -0.05f32), small.clone())
        };
        chart.draw_series(tenths.iter().map(count))?;
        Ok(())
    })
}

/// Mean error on validation groups over the steps of training.
///
/// # Errors
/// When the chart cannot be drawn.
pub fn learning_curve(points: &[Validated], unit: &str) -> Result<String> {
    let last = points.iter().map(|point| point.step).max().unwrap_or(1) as f32;
    let most = points.iter().map(|point| point.validation_error).fold(0.0, f32::max);
    let labels = ["step", &format!("mean error ({unit})")];
    draw("Validation", [0.0, last], [0.0, most * 1.05], labels, |chart| {
        let line = points.iter().map(|point| (point.step as f32, point.validation_error));
        chart.draw_series(LineSeries::new(line, BLUE.stroke_width(2)))?;
        Ok(())
    })
}

fn bar(bin: &MagnitudeFigures, from: f32, to: f32) -> Rectangle<(f32, f32)> {
    Rectangle::new([(bin.from, from), (bin.to, to)], BLUE.mix(0.4).filled())
}

fn range(values: impl Iterator<Item = f32>) -> [f32; 2] {
    let [low, high] = values.fold([f32::MAX, f32::MIN], |[low, high], value| [low.min(value), high.max(value)]);
    if low < high { [low, high] } else { [low - 1.0, low + 1.0] }
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf32, plotters::coord::types::RangedCoordf32>,
>;
type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw(
    title: &str,
    [left, right]: [f32; 2],
    [bottom, top]: [f32; 2],
    [across, up]: [&str; 2],
    series: impl for<'a, 'b> FnOnce(&mut Chart<'a, 'b>) -> Result<(), DrawError<'b>>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(left..right, bottom..top)
            .map_err(|error| anyhow!("{error}"))?;
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc(across).y_desc(up).x_labels(6).y_labels(6).light_line_style(TRANSPARENT);
        mesh.draw().map_err(|error| anyhow!("{error}"))?;
        series(&mut chart).map_err(|error| anyhow!("{error}"))?;
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(svg)
}
