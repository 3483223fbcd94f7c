//! Kinds of uploads that portals get and that no other test sends, each drawn here and sent to the real service (field/README.md; the
//! number of a kind stands above its test).

mod support;

use std::process::Command;

use image::codecs::gif::GifEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use support::photos::{blurred, encoded, jpeg, pavilion, textured};
use support::server::{Server, problem, root};

fn photo() -> RgbImage {
    image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8()
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().expect("a list");
    reasons.iter().map(|reason| reason["code"].as_str().expect("text")).collect()
}

/// Marks like letters, `height` high and as sharp as pixels are.
fn letters(picture: &mut RgbImage, left: i32, top: i32, count: i32, height: i32, colour: [u8; 3]) {
    let stroke = (height / 6).max(2);
    let mut bar = |x: i32, y: i32, width: i32, height: i32| {
        draw_filled_rect_mut(picture, Rect::at(x, y).of_size(width as u32, height as u32), Rgb(colour));
    };
    for letter in 0..count {
        let x = left + letter * height * 4 / 5;
        bar(x, top, stroke, height);
        bar(x, top + (height - stroke) * (letter % 3) / 2, height / 2, stroke);
    }
}

/// Kinds 1, 3 and 4: what is drawn over a blurred photo is sharp, the photo is not.
#[tokio::test]
async fn sharp_marks_over_a_blurred_photo_do_not_make_it_pass() {
    let server = Server::start(&[]);
    for photo in textured() {
        let blurred = blurred(&photo, 3.5);
        let (width, height) = (blurred.width() as i32, blurred.height() as i32);
        let mut banner = blurred.clone();
        let strip = Rect::at(0, height * 17 / 20).of_size(blurred.width(), blurred.height() * 3 / 20);
        draw_filled_rect_mut(&mut banner, strip, Rgb([20, 40, 120]));
        letters(&mut banner, width / 20, height * 9 / 10, 18, height / 20, [255; 3]);
        let mut logo = blurred.clone();
        let badge = Rect::at(width * 4 / 5, height / 30).of_size(blurred.width() / 6, blurred.height() / 8);
        draw_filled_rect_mut(&mut logo, badge, Rgb([250, 200, 0]));
        letters(&mut logo, width * 4 / 5 + 6, height / 15, 5, height / 20, [10; 3]);
        let mut date = blurred.clone();
        letters(&mut date, width * 7 / 10, height * 9 / 10, 10, height / 30, [255, 140, 0]);
        for (mark, upload) in [("banner", banner), ("logo", logo), ("date", date)] {
            let answer = server.score(jpeg(&upload, 90)).await;
            assert_ne!(answer["verdict"], "pass", "{mark}: {answer}");
            assert!(codes(&answer).iter().any(|code| code.ends_with("blurred")), "{mark}: {answer}");
        }
    }
}

/// Kind 7: data that end early, then an end marker of the uploader's, or of a video that follows the photo in the file.
#[tokio::test]
async fn a_photo_cut_off_before_an_end_marker_does_not_pass() {
    let server = Server::start(&[]);
    let whole = jpeg(&photo(), 90);
    let answer = server.score(whole.clone()).await;
    assert!(!codes(&answer).contains(&"damaged"), "{answer}");
    let video = [b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".as_slice(), &[0x55; 4000], b"\xFF\xD9", &[0x55; 4000]].concat();
    for (what, kept, end) in
        [("70 %", 70, b"\xFF\xD9".as_slice()), ("half", 50, b"\xFF\xD9"), ("half and a video", 50, &video)]
    {
        let cut = [&whole[..whole.len() * kept / 100], end].concat();
        let response = server.post(cut).await;
        if response.status() == 422 {
            problem(response, 422, "undecodable_image").await;
            continue;
        }
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer["verdict"], "fail", "{what}: {answer}");
        assert!(codes(&answer).contains(&"damaged"), "{what}: {answer}");
    }
}

/// Kind 8: a piece of the upload was lost, or a sector read as zeros.
#[tokio::test]
async fn a_photo_with_a_lost_or_zeroed_piece_does_not_pass() {
    let server = Server::start(&[]);
    let whole = jpeg(&imageops::resize(&photo(), 1600, 1067, FilterType::CatmullRom), 90);
    for at in [3, 5, 7].map(|tenth| whole.len() * tenth / 10) {
        let lost = [&whole[..at], &whole[at + (16 << 10)..]].concat();
        let mut zeroed = whole.clone();
        zeroed[at..at + (4 << 10)].fill(0);
        for (what, upload) in [("16 KiB lost", lost), ("4 KiB zeroed", zeroed)] {
            let response = server.post(upload).await;
            if response.status() == 422 {
                problem(response, 422, "undecodable_image").await;
                continue;
            }
            let answer: Value = response.json().await.expect("JSON");
            assert_eq!(answer["verdict"], "fail", "{what} at {at}: {answer}");
            assert!(codes(&answer).contains(&"damaged"), "{what} at {at}: {answer}");
        }
    }
}

/// Kind 10: the decoder's gray was saved into the pixels.
#[tokio::test]
async fn a_gray_bottom_that_was_saved_again_does_not_pass() {
    let server = Server::start(&[]);
    for share in [20, 50] {
        let mut picture = photo();
        let from = picture.height() * (100 - share) / 100 / 16 * 16;
        for (_, y, pixel) in picture.enumerate_pixels_mut() {
            if y >= from {
                *pixel = Rgb([128; 3]);
            }
        }
        for upload in [jpeg(&picture, 85), encoded(&picture, ImageFormat::Png)] {
            let answer = server.score(upload).await;
            assert_eq!(answer["verdict"], "fail", "{share} %: {answer}");
            assert!(codes(&answer).contains(&"damaged"), "{share} %: {answer}");
        }
    }
}

/// Kind 17: what a copy compressed beyond use has of edges are those of its blocks.
#[tokio::test]
async fn a_blurred_photo_compressed_beyond_use_does_not_pass() {
    let server = Server::start(&[]);
    for (index, photo) in textured().iter().enumerate() {
        for quality in [5, 10, 20] {
            let answer = server.score(jpeg(&blurred(photo, 3.0), quality)).await;
            assert_eq!(answer["verdict"], "fail", "photo {index}, quality {quality}: {answer}");
            assert!(codes(&answer).contains(&"blurred"), "photo {index}, quality {quality}: {answer}");
        }
    }
}

/// Kind 26: endings that Windows and phones write, none at all, and what a file manager leaves beside the photos.
#[test]
fn a_folder_is_read_by_every_ending_of_photos_and_by_content_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("it is written");
    let taken = ["a.jfif", "b.JPE", "c.JFIF", "d"];
    for name in taken {
        write(name, &pavilion());
    }
    std::fs::create_dir(folder.path().join(".thumbnails")).expect("a folder");
    for name in ["._a.jfif", ".thumbnails/a.jpg"] {
        write(name, &pavilion());
    }
    write("e.jxl", b"\0\0\0\x0CJXL \r\n\x87\n");
    write("notes", b"no photo");
    let results = tempfile::tempdir().expect("a folder");
    let output = results.path().join("results.jsonl");
    let mut run = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    let run = run.current_dir(root()).arg("score").arg(folder.path()).arg("-o").arg(&output);
    let done = run.output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let rows = std::fs::read_to_string(&output).expect("rows");
    let mut names: Vec<String> = rows
        .lines()
        .map(|row| {
            let row: Value = serde_json::from_str(row).expect("each line is JSON");
            row["path"].as_str().expect("a path").rsplit('/').next().expect("a name").to_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, taken, "{said}");
    assert!(said.contains(".jxl"), "what was left out is counted by its ending: {said}");
}

/// Kind 29: a thing cut out and put before white is well exposed; the white is no light.
#[tokio::test]
async fn a_cut_out_thing_with_a_white_margin_is_not_too_bright() {
    let server = Server::start(&[]);
    let photo = photo();
    let (width, height) = photo.dimensions();
    let [right, bottom] = [width, height].map(|side| side as f32 / 2.0);
    // Round, as things are: white remains in the corners of what is left when the margin is taken off.
    let thing = RgbImage::from_fn(width, height, |x, y| {
        let [across, down] = [(x as f32 - right) / right, (y as f32 - bottom) / bottom];
        if across.powi(4) + down.powi(4) < 1.0 { *photo.get_pixel(x, y) } else { Rgb([255; 3]) }
    });
    let mut upload = RgbImage::from_pixel(width * 2, height * 2, Rgb([255; 3]));
    imageops::replace(&mut upload, &thing, i64::from(width / 2), i64::from(height / 2));
    let answer = server.score(jpeg(&upload, 92)).await;
    assert!(!codes(&answer).iter().any(|code| code.ends_with("too_bright")), "{answer}");
}

/// Kind 31: a fogged lens lays a veil over the photo. What to do is to wipe it; darkening would not help.
#[tokio::test]
async fn a_fogged_photo_lacks_contrast_and_is_not_too_bright() {
    let built_in = std::fs::read(root().join("core/src/scoring/profiles.json")).expect("it is there");
    let mut profiles: Value = serde_json::from_slice(&built_in).expect("JSON");
    let list = profiles["profiles"].as_array_mut().expect("a list");
    let built_in: Vec<String> = list.iter().map(|profile| profile["name"].as_str().expect("text").to_owned()).collect();
    // The default one, but that it asks for no contrast.
    let mut silent = list[0].clone();
    silent["name"] = "silent".into();
    silent["checks"].as_object_mut().expect("an object").remove("contrast").expect("it is bounded");
    list.push(silent);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), profiles.to_string()).expect("it is written");
    let server = Server::start(&["--profiles", file.path().to_str().expect("text")]);
    let judged = async |upload: &[u8], profile: &str| {
        let request = server.client.post(format!("{}/score?profile={profile}", server.url)).body(upload.to_vec());
        request.send().await.expect("an answer").json::<Value>().await.expect("JSON")
    };
    for photo in textured() {
        for share in [0.3, 0.6, 0.7] {
            let mut fogged = photo.clone();
            for channel in fogged.pixels_mut().flat_map(|pixel| &mut pixel.0) {
                *channel = (f32::from(*channel) * (1.0 - share) + 240.0 * share).round() as u8;
            }
            let upload = jpeg(&fogged, 90);
            for profile in &built_in {
                let answer = judged(&upload, profile).await;
                let found = (&answer["verdict"], codes(&answer), &answer["reasons"][0]["severity"]);
                assert_eq!(found, (&"fail".into(), vec!["low_contrast"], &"retake".into()), "{share}: {answer}");
            }
            // A thin veil alone does not make a photo too bright.
            let answer = judged(&upload, "silent").await;
            let too_bright = codes(&answer).iter().any(|code| code.ends_with("too_bright"));
            assert!(too_bright || share < 0.5, "{share}: {answer}");
        }
    }
}

/// Kind 33: a page with a large photo in it, blurred or sharp, is no photo, and not one that is too bright.
#[tokio::test]
async fn a_screenshot_of_a_listing_is_no_photo() {
    let server = Server::start(&[]);
    for inset in [blurred(&photo(), 4.0), photo()] {
        let mut page = RgbImage::from_pixel(1080, 1920, Rgb([255; 3]));
        let large = imageops::resize(&inset, 1080, 1080, FilterType::Triangle);
        imageops::replace(&mut page, &large, 0, 150);
        draw_filled_rect_mut(&mut page, Rect::at(0, 0).of_size(1080, 150), Rgb([0, 90, 160]));
        letters(&mut page, 40, 60, 20, 40, [255; 3]);
        for line in 0..14 {
            letters(&mut page, 40, 1280 + line * 40, 20 + line * 7 % 25, 22, [40; 3]);
        }
        for upload in [encoded(&page, ImageFormat::Png), jpeg(&page, 85)] {
            let answer = server.score(upload).await;
            assert_eq!((&answer["verdict"], codes(&answer)), (&"unsure".into(), vec!["not_a_photo"]), "{answer}");
        }
    }
}

/// Kind 35: of an animation the first frame is scored, as the documents say, and be it black.
#[tokio::test]
async fn the_first_frame_of_an_animation_is_scored() {
    let server = Server::start(&[]);
    let photo = photo();
    let black = RgbImage::new(photo.width(), photo.height());
    let animation = |frames: [&RgbImage; 2]| {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for frame in frames {
            let frame = Frame::new(DynamicImage::ImageRgb8(frame.clone()).into_rgba8());
            encoder.encode_frame(frame).expect("it is encoded");
        }
        drop(encoder);
        bytes
    };
    let dark = server.score(animation([&black, &photo])).await;
    assert!(codes(&dark).iter().any(|code| code.ends_with("too_dark")), "{dark}");
    let light = server.score(animation([&photo, &black])).await;
    assert!(!codes(&light).iter().any(|code| code.ends_with("too_dark")), "{light}");
}

/// Kind 43: a form's part has another name.
#[tokio::test]
async fn a_form_without_the_part_is_told_its_name() {
    let server = Server::start(&[]);
    for path in ["/score", "/score/batch", "/correct"] {
        let form = Form::new().part("file", Part::bytes(pavilion()).file_name("a.jpg"));
        let request = server.client.post(format!("{}{path}", server.url)).multipart(form);
        let refused = problem(request.send().await.expect("an answer"), 400, "bad_multipart").await;
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("`image`")), "{refused}");
    }
}
