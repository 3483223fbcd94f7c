//! Corrected photos: better than before, complete, with a truthful receipt, or refused.

mod support;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Rgb, RgbImage, imageops,
};
use reqwest::Response;
use serde_json::{Value, json};
use support::photos::{blurred, encoded, jpeg, pavilion, shifted, turned, with_orientation};
use support::room::room;
use support::server::{Server, problem, root};

async fn correct(server: &Server, query: &str, photo: Vec<u8>) -> Response {
    let request = server.client.post(format!("{}/correct?{query}", server.url)).body(photo);
    request.send().await.expect("the server answers")
}

/// The receipt and the photo of an answer that must be a corrected photo of a type.
async fn corrected(response: Response, content_type: &str) -> (Value, Vec<u8>) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], content_type);
    let receipt = response.headers()["clearshot-receipt"].to_str().expect("text").to_owned();
    (serde_json::from_str(&receipt).expect("JSON"), response.bytes().await.expect("a body").to_vec())
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[tokio::test]
async fn a_tilted_photo_comes_back_straight_whichever_way_it_leaned() {
    let server = Server::start(&[]);
    for (seed, degrees) in [(5, 7.0), (6, -11.0), (7, 4.0)] {
        let tilted = turned(&room(1800, 1200, seed), degrees);
        let (receipt, bytes) = corrected(correct(&server, "", jpeg(&tilted, 92)).await, "image/jpeg").await;
        let straight = image::load_from_memory(&bytes).expect("it decodes").into_rgb8();
        assert_eq!(
            (receipt["width"].as_u64(), receipt["height"].as_u64()),
            (Some(straight.width().into()), Some(straight.height().into()))
        );
        assert!((number(&receipt["rotation"]) + f64::from(degrees)).abs() < 1.5, "{receipt}");
        assert!(number(&receipt["after"]["rotation"]).abs() < 2.0, "{receipt}");
        // The receipt tells what is scored when the photo is sent again.
        let again = server.score(bytes).await;
        assert!((number(&again["scores"]["rotation"]["value"]) - number(&receipt["after"]["rotation"])).abs() < 1e-3);
        let aspect = f64::from(straight.width()) / f64::from(straight.height());
        assert!((aspect - 1.5).abs() < 0.01, "{aspect}");
        let area = |image: &RgbImage| f64::from(image.width() * image.height());
        assert!((area(&straight) / area(&tilted) - number(&receipt["kept"])).abs() < 0.01, "{receipt}");
    }
}

/// Nearly level, a photo tells its tilt better: what the first look left is undone, too, in one turn of the upload's pixels.
#[tokio::test]
async fn what_is_left_of_a_tilt_is_undone_by_a_second_look() {
    let server = Server::start(&[]);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    for (seed, degrees) in [(5, 19.0), (6, -16.0), (7, 23.0), (8, -21.0), (9, 14.0), (10, -24.0)] {
        let tilted = jpeg(&turned(&room(1500, 1000, seed), degrees), 92);
        let (receipt, _) = corrected(correct(&server, "", tilted).await, "image/jpeg").await;
        let [seen, done] = [&receipt["before"]["rotation"], &receipt["rotation"]].map(number);
        if (seen + done).abs() > 0.01 {
            once.push((f64::from(degrees) - seen).abs());
            twice.push((f64::from(degrees) + done).abs());
        }
    }
    assert!(once.len() >= 2, "so many were looked at twice: {once:?}");
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean(&twice) < 0.8 * mean(&once), "{once:?} {twice:?}");
}

#[tokio::test]
async fn a_dark_photo_is_brightened_without_clipping() {
    let server = Server::start(&[]);
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let dark = shifted(&photo, -0.35);
    let (receipt, bytes) = corrected(correct(&server, "format=png", jpeg(&dark, 92)).await, "image/png").await;
    assert!(number(&receipt["v_shift"]) > 0.1 && receipt["rotation"] == 0.0 && receipt["kept"] == 1.0, "{receipt}");
    let [before, after] = ["before", "after"].map(|when| number(&receipt[when]["brightness"]).abs());
    assert!(after < 0.6 * before, "{receipt}");
    let bright = image::load_from_memory(&bytes).expect("it decodes").into_rgb8();
    let white = |image: &RgbImage| image.pixels().filter(|pixel| pixel.0.contains(&255)).count();
    assert!(white(&bright) <= white(&dark) + bright.pixels().len() / 1000);
}

#[tokio::test]
async fn what_would_be_left_a_piece_of_a_photo_is_not_given_out() {
    let server = Server::start(&[]);
    let tilted = turned(&room(2400, 1600, 5), 24.0);
    let [width, height] = [tilted.width(), tilted.height()];
    let strip = |high: u32| imageops::crop_imm(&tilted, 0, (height - high) / 2, width, high).to_image();
    // The lower a photo is beside its width, the less of it is left when it is put upright.
    let (receipt, _) = corrected(correct(&server, "", jpeg(&strip(height), 92)).await, "image/jpeg").await;
    assert!(number(&receipt["kept"]) > 1.0 / 3.0, "{receipt}");
    let refused = problem(correct(&server, "", jpeg(&strip(height * 3 / 5), 92)).await, 409, "not_correctable").await;
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("would be left")), "{refused}");
}

#[tokio::test]
async fn what_needs_or_allows_no_correction_is_refused() {
    // Rendered first: the service closes a connection that rests for longer than a head may take.
    let hopeless = jpeg(&blurred(&turned(&room(1600, 1200, 5), 8.0), 5.0), 92);
    let large = jpeg(&turned(&room(3600, 2400, 5), 8.0), 92);
    let server = Server::start(&["--max-correct-pixels", "2000000"]);
    problem(correct(&server, "", pavilion()).await, 409, "nothing_to_correct").await;
    problem(correct(&server, "", hopeless).await, 409, "not_correctable").await;
    problem(correct(&server, "", b"text".to_vec()).await, 415, "unsupported_format").await;
    problem(correct(&server, "quality=0", pavilion()).await, 400, "bad_query").await;
    problem(correct(&server, "format=tiff", pavilion()).await, 400, "bad_query").await;
    problem(correct(&server, "", large).await, 422, "image_too_large").await;
    server.score(pavilion()).await;
}

/// Told before the photo is scored: found by the encoder, it was a fault of the service (500).
#[tokio::test]
async fn a_photo_that_is_too_large_for_a_format_is_told_which_takes_it() {
    let server = Server::start(&["--max-side", "70000"]);
    let picture = |width| encoded(&RgbImage::from_pixel(width, 40, Rgb([90, 120, 150])), ImageFormat::Png);
    let wide = picture(16_385);
    let refused = problem(correct(&server, "format=webp", wide.clone()).await, 422, "image_too_large").await;
    let said = "at most 16384 pixels a side with `format=webp`; ask for `format=jpeg` or `format=png`";
    assert!(detail(&refused).contains(said), "{refused}");
    let refused = problem(correct(&server, "format=jpeg", picture(65_536)).await, 422, "image_too_large").await;
    assert!(detail(&refused).ends_with("`format=jpeg`; ask for `format=png`."), "{refused}");
    for query in ["format=jpeg", "format=png", ""] {
        let status = correct(&server, query, wide.clone()).await.status().as_u16();
        assert!(![422, 500].contains(&status), "there is room for it: {status}");
    }
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().expect("text")
}

/// Turned, cut and encoded anew, it would be seen no more, and pass.
#[tokio::test]
async fn what_only_another_file_mends_is_not_hidden_by_a_correction() {
    let server = Server::start(&[]);
    let whole = std::fs::read(root().join("tests/fixtures/tilted.jpg")).expect("it is there");
    let cut = [&whole[..whole.len() * 7 / 10], &[0xFF, 0xD9]].concat();
    let photo = image::load_from_memory(&whole).expect("it decodes").into_rgb8();
    let [width, height] = [photo.width() / 3, photo.height() / 3];
    let small = imageops::resize(&photo, width, height, imageops::FilterType::Triangle);
    let pixelated = imageops::resize(&small, 3 * width, 3 * height, imageops::FilterType::Nearest);
    for (photo, fault) in [(cut, "damaged"), (jpeg(&pixelated, 95), "upscaled")] {
        let answer = server.score(photo.clone()).await;
        assert!(answer["reasons"].to_string().contains(&format!("\"{fault}\"")), "{answer}");
        let refused = problem(correct(&server, "", photo).await, 409, "not_correctable").await;
        assert!(detail(&refused).contains(fault), "{refused}");
    }
    corrected(correct(&server, "", whole).await, "image/jpeg").await;
}

/// Brightened and turned this one looks like a drawing, and turned alone it does not.
#[tokio::test]
async fn where_the_whole_cannot_be_given_out_a_part_may_be() {
    let server = Server::start(&[]);
    let tilted = image::open(root().join("tests/fixtures/tilted.jpg")).expect("it decodes");
    let mut gray = tilted.to_luma8();
    gray.iter_mut().for_each(|level| *level = *level / 5 * 4);
    let gray = jpeg(&DynamicImage::from(gray).into_rgb8(), 92);
    let (receipt, bytes) = corrected(correct(&server, "", gray).await, "image/jpeg").await;
    assert!(number(&receipt["rotation"]).abs() > 5.0 && receipt["v_shift"] == 0.0, "{receipt}");
    let again = server.score(bytes).await;
    assert!(!again["reasons"].to_string().contains("not_a_photo"), "{again}");
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_what_the_profile_leaves_alone() {
    let server = Server::start(&[]);
    let listed: Value = server.get("/profiles").await.json().await.expect("JSON");
    let mut own = listed;
    let profiles = own["profiles"].as_array_mut().expect("a list");
    profiles.truncate(2);
    profiles[0]["checks"]["frame"] = json!({"high": 0.0});
    for metric in ["rotation", "brightness"] {
        profiles[1].as_object_mut().expect("an object").remove(metric);
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, own.to_string()).expect("it can be written");
    let server = Server::start(&["--profiles", file.path().to_str().expect("text")]);
    let tilted = jpeg(&turned(&room(1500, 1000, 5), 8.0), 92);
    let refused = problem(correct(&server, "profile=real-estate", tilted).await, 409, "nothing_to_correct").await;
    assert!(detail(&refused).contains("judges neither tilt nor light"), "{refused}");
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let mut framed = RgbImage::from_pixel(photo.width() + 80, photo.height() + 80, Rgb([255; 3]));
    imageops::replace(&mut framed, &photo, 40, 40);
    let refused = problem(correct(&server, "", jpeg(&framed, 92)).await, 409, "not_correctable").await;
    assert!(detail(&refused).contains("`framed`"), "{refused}");
}

#[tokio::test]
async fn the_colour_profile_is_kept_and_exif_is_dropped() {
    let server = Server::start(&[]);
    let mut profile = vec![7; 200];
    profile[16..20].copy_from_slice(b"RGB ");
    let tilted = turned(&room(1800, 1200, 5), 7.0);
    // Stored lying on its side; the orientation says so.
    let lying = image::imageops::rotate270(&tilted);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 92);
    encoder.set_icc_profile(profile.clone()).expect("JPEG has a place for it");
    encoder.write_image(&lying, lying.width(), lying.height(), ExtendedColorType::Rgb8).expect("it encodes");
    let bytes = with_orientation(&bytes, 6);
    for (name, format) in [("jpeg", ImageFormat::Jpeg), ("png", ImageFormat::Png), ("webp", ImageFormat::WebP)] {
        let response = correct(&server, &format!("format={name}"), bytes.clone()).await;
        let (receipt, body) = corrected(response, &format!("image/{name}")).await;
        assert!((number(&receipt["rotation"]) + 7.0).abs() < 1.5, "{receipt}");
        let mut decoder = ImageReader::with_format(Cursor::new(&body), format).into_decoder().expect("it is an image");
        assert_eq!(decoder.icc_profile().expect("it can be read").as_ref(), Some(&profile), "{name}");
        assert_eq!(decoder.exif_metadata().expect("it can be read"), None, "{name}");
        let (width, height) = decoder.dimensions();
        assert!(width > height, "upright");
    }
}
