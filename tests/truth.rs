//! What a true score must not be moved by, and what it must be moved by: tests of shortcuts that a network may have learnt
//! from its own training data, with photos and degradations made by other code than the trainer's.

mod support;

use clearshot_core::models::ModelSet;
use clearshot_core::session::{BranchSession, Runtime};
use clearshot_core::view::ReferenceView;
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect;
use serde_json::Value;
use support::photos::{blurred, encoded, jpeg, other_jpeg, pavilion, textured, turned};
use support::room::room;
use support::server::{Server, root};

const METRICS: [&str; 3] = ["blur", "brightness", "rotation"];

fn number(answer: &Value, metric: &str, field: &str) -> f64 {
    answer["scores"][metric][field].as_f64().expect("a number")
}

fn value(answer: &Value, metric: &str) -> f64 {
    number(answer, metric, "value")
}

fn width(answer: &Value, metric: &str) -> f64 {
    number(answer, metric, "high") - number(answer, metric, "low")
}

/// True when `value` lies in the interval of an answer.
fn within(value: f64, answer: &Value, metric: &str) -> bool {
    (number(answer, metric, "low")..=number(answer, metric, "high")).contains(&value)
}

fn pavilion_photo() -> RgbImage {
    image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8()
}

fn photos() -> Vec<RgbImage> {
    std::iter::once(pavilion_photo()).chain((11..15).map(|seed| room(1200, 800, seed))).collect()
}

#[tokio::test]
async fn mirroring_negates_the_tilt_and_opposite_turns_are_opposite() {
    let server = Server::start(&[]);
    for photo in photos() {
        for degrees in [4.0, 15.0] {
            let clockwise = server.score(jpeg(&turned(&photo, degrees), 90)).await;
            let mirrored = server.score(jpeg(&imageops::flip_horizontal(&turned(&photo, degrees)), 90)).await;
            let counter = server.score(jpeg(&turned(&photo, -degrees), 90)).await;
            assert!(within(-value(&mirrored, "rotation"), &clockwise, "rotation"), "{mirrored} {clockwise}");
            assert!(value(&clockwise, "rotation") > 0.0 && value(&counter, "rotation") < 0.0, "{clockwise} {counter}");
            let sum = value(&clockwise, "rotation") + value(&counter, "rotation");
            assert!(sum.abs() < 0.3 * f64::from(degrees) + 1.5, "{degrees}: {clockwise} {counter}");
        }
    }
}

#[tokio::test]
async fn encoding_and_scale_move_no_score_by_more_than_its_interval() {
    let server = Server::start(&[]);
    for photo in photos() {
        let expected = server.score(encoded(&photo, ImageFormat::Png)).await;
        let mut twins = vec![("WebP".to_owned(), encoded(&photo, ImageFormat::WebP))];
        for quality in [60, 75, 90, 100] {
            twins.push((format!("JPEG {quality}"), jpeg(&photo, quality)));
            for subsampled in [false, true] {
                twins.push((format!("other JPEG {quality} {subsampled}"), other_jpeg(&photo, quality, subsampled)));
            }
        }
        for (what, twin) in twins {
            let answer = server.score(twin).await;
            for metric in METRICS {
                assert!(within(value(&answer, metric), &expected, metric), "{what}, {metric}: {answer} {expected}");
            }
        }
    }
}

#[tokio::test]
async fn an_enlarged_photo_scores_like_the_original() {
    let server = Server::start(&[]);
    for seed in 21..24 {
        let photo = room(1280, 853, seed);
        let expected = server.score(jpeg(&photo, 95)).await;
        for filter in [FilterType::CatmullRom, FilterType::Lanczos3] {
            let answer = server.score(jpeg(&imageops::resize(&photo, 4000, 2666, filter), 92)).await;
            for metric in METRICS {
                assert!(within(value(&answer, metric), &expected, metric), "{metric}: {answer} {expected}");
            }
        }
    }
}

/// field/README.md, kinds 12, 18 and 19.
#[tokio::test]
async fn a_soft_background_is_not_blur_and_defocus_and_shake_are() {
    let server = Server::start(&[]);
    for (index, photo) in textured().into_iter().enumerate() {
        let sharp = value(&server.score(jpeg(&photo, 92)).await, "blur");
        let subject = value(&server.score(jpeg(&sharp_subject(&photo, 4.0), 92)).await, "blur");
        let soft = value(&server.score(jpeg(&blurred(&photo, 4.0), 92)).await, "blur");
        let defocused = value(&server.score(jpeg(&averaged(&photo, &disk(7)), 92)).await, "blur");
        let shaken = value(&server.score(jpeg(&averaged(&photo, &line(15)), 92)).await, "blur");
        let all = format!("{index}: sharp {sharp} subject {subject} soft {soft} defocused {defocused} shaken {shaken}");
        assert!(subject < sharp + 0.35 * (soft - sharp), "a sharp subject is called blurred: {all}");
        assert!(defocused > sharp + 1.0 && shaken > sharp + 0.5, "{all}");
    }
}

/// The part of a photo with the most detail as it is, all around it blurred: a subject is where something is to be seen, and the
/// middle of a rendered room may be a bare wall.
fn sharp_subject(photo: &RgbImage, sigma: f32) -> RgbImage {
    let (width, height) = (photo.width() as f32, photo.height() as f32);
    let inside = |[left, top]: [f32; 2], x: u32, y: u32| {
        ((x as f32 / width - left) / 0.32).hypot((y as f32 / height - top) / 0.4) < 1.0
    };
    let detail = |centre: [f32; 2]| {
        let step = |one: &Rgb<u8>, other: &Rgb<u8>| u64::from(one.0[1].abs_diff(other.0[1]));
        let pixels = (0..photo.height()).flat_map(|y| (1..photo.width()).map(move |x| (x, y)));
        let steps = pixels.filter(|&(x, y)| inside(centre, x, y));
        steps.map(|(x, y)| step(photo.get_pixel(x, y), photo.get_pixel(x - 1, y))).sum::<u64>()
    };
    let centres = [0.35, 0.5, 0.65].into_iter().flat_map(|left| [0.4, 0.5, 0.6].map(|top| [left, top]));
    let centre = centres.max_by_key(|centre| detail(*centre)).expect("there are some");
    let mut result = blurred(photo, sigma);
    for (x, y, pixel) in result.enumerate_pixels_mut() {
        if inside(centre, x, y) {
            *pixel = *photo.get_pixel(x, y);
        }
    }
    result
}

fn disk(radius: i32) -> Vec<(i32, i32)> {
    let side = -radius..=radius;
    let all = side.clone().flat_map(|y| side.clone().map(move |x| (x, y)));
    all.filter(|(x, y)| x * x + y * y <= radius * radius).collect()
}

fn line(length: i32) -> Vec<(i32, i32)> {
    (0..length).map(|step| (step - length / 2, (step - length / 2) / 3)).collect()
}

/// Every pixel becomes the mean over the same neighbours.
fn averaged(photo: &RgbImage, neighbours: &[(i32, i32)]) -> RgbImage {
    let (width, height) = (photo.width() as i32, photo.height() as i32);
    RgbImage::from_fn(photo.width(), photo.height(), |x, y| {
        let mut sum = [0u32; 3];
        for (dx, dy) in neighbours {
            let [x, y] = [(x as i32 + dx).clamp(0, width - 1), (y as i32 + dy).clamp(0, height - 1)];
            for (sum, channel) in sum.iter_mut().zip(photo.get_pixel(x as u32, y as u32).0) {
                *sum += u32::from(channel);
            }
        }
        Rgb(sum.map(|sum| (sum / neighbours.len() as u32) as u8))
    })
}

#[tokio::test]
async fn really_dark_and_blown_out_photos_rank_beyond_good_ones() {
    let server = Server::start(&[]);
    for photo in photos() {
        let exposed = |stops: f32| {
            let mut changed = photo.clone();
            for channel in changed.pixels_mut().flat_map(|pixel| &mut pixel.0) {
                let linear = (f32::from(*channel) / 255.0).powf(2.2) * stops.exp2();
                *channel = (linear.min(1.0).powf(1.0 / 2.2) * 255.0) as u8;
            }
            changed
        };
        let mut values = Vec::new();
        for stops in [-3.0, 0.0, 2.5] {
            values.push(value(&server.score(jpeg(&exposed(stops), 90)).await, "brightness"));
        }
        assert!(values[0] < values[1] - 0.08 && values[1] + 0.08 < values[2], "{values:?}");
    }
}

/// Flat colour, noise and a page of text: finite numbers, and no claim to know a tilt or a blur.
#[tokio::test]
async fn images_that_are_no_photos_get_wide_intervals() {
    let server = Server::start(&[]);
    let noise = |seed: u32| {
        RgbImage::from_fn(640, 480, |x, y| {
            let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed).wrapping_mul(0xC2B2_AE3D);
            Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8])
        })
    };
    for level in [0u8, 128, 255] {
        let flat = RgbImage::from_pixel(640, 480, Rgb([level; 3]));
        let answer = server.score(encoded(&flat, ImageFormat::Png)).await;
        assert!(width(&answer, "blur") > 2.0 && width(&answer, "rotation") > 20.0, "{level}: {answer}");
    }
    for seed in [1, 2] {
        let answer = server.score(encoded(&noise(seed), ImageFormat::Png)).await;
        assert!(width(&answer, "rotation") > 15.0, "{answer}");
    }
    // A page has upright edges enough: its tilt may be known. It must be scored, and its exposure not be praised blindly.
    let mut page = RgbImage::from_pixel(900, 1200, Rgb([250; 3]));
    for row in 0..40 {
        for word in 0..12 {
            let (x, y) = (60 + word * 65 + (row * 7) % 11, 60 + row * 27);
            draw_filled_rect_mut(&mut page, Rect::at(x, y).of_size(20 + (row * word % 30) as u32, 9), Rgb([20; 3]));
        }
    }
    let answer = server.score(jpeg(&page, 90)).await;
    assert!(METRICS.iter().all(|metric| width(&answer, metric) > 0.0), "{answer}");
}

/// Same photo, same bits: alone, in any batch, on one or two threads, looked at once or twice.
#[test]
fn the_same_bits_come_out_of_any_batch_and_any_number_of_threads() {
    let runtime = Runtime::load(None).expect("ONNX Runtime is set up");
    let pavilion = pavilion_photo();
    // Beside level rooms, which are looked at once, tilts for which a second look counts.
    let tilted = [12.0, -20.0].map(|degrees| turned(&pavilion, degrees));
    let photos = tilted.into_iter().chain((0..5).map(|seed| room(700, 460, seed)));
    let views: Vec<ReferenceView> = photos.map(ReferenceView::new).collect();
    let models = ModelSet::load(&root().join("models")).expect("the shipped models");
    for model in models.models() {
        let metric = &model.card.metric.name;
        let tensors: Vec<Vec<f32>> = views.iter().map(|view| model.view.tensor(view)).collect();
        let tensors: Vec<&[f32]> = tensors.iter().map(Vec::as_slice).collect();
        let [mut one, mut two] = [1, 2].map(|threads| BranchSession::of(&runtime, model, threads).expect("a session"));
        let alone: Vec<_> = tensors.iter().map(|tensor| one.run(&[tensor]).expect("it runs").remove(0)).collect();
        for size in 1..=tensors.len() {
            let batch = &tensors[..size];
            assert_eq!(one.run(batch).expect("it runs"), alone[..size], "{metric}, batch of {size}");
            assert_eq!(two.run(batch).expect("it runs"), alone[..size], "{metric}, batch of {size}, two threads");
        }
    }
}

#[test]
fn a_tilted_photo_is_looked_at_twice_and_read_better_for_it() {
    let runtime = Runtime::load(None).expect("ONNX Runtime is set up");
    let models = ModelSet::load(&root().join("models")).expect("the shipped models");
    let model = &models.models()[models.position("rotation").expect("it is required")];
    let session = || BranchSession::of(&runtime, model, 1).expect("a session");
    let (mut twice, mut once) = (session(), session().looking_twice(None));
    let pavilion = pavilion_photo();
    let mut errors = [0.0, 0.0];
    for degrees in [0.0, 12.0, -12.0, -20.0, -8.0] {
        let tensor = model.view.tensor(&ReferenceView::new(turned(&pavilion, degrees)));
        let [first, both] =
            [&mut once, &mut twice].map(|session| session.run(&[&tensor]).expect("it runs")[0].scalar());
        assert_eq!(first == both, degrees == 0.0, "{degrees}: {first:?} {both:?}");
        for (error, output) in errors.iter_mut().zip([first, both]) {
            *error += (model.card.calibration.value(output.raw) - degrees).abs();
        }
    }
    let [once, twice] = errors;
    assert!(twice < once, "off by {twice} degrees together, looked at once by {once}");
}
