//! Any body as an upload: the first byte says how it is framed, the second how it is cut into pieces, the rest is the body.
#![no_main]

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use clearshot::budget::Budget;
use clearshot::source::Sources;
use clearshot::upload::{self, Images, Reading, UploadLimits};
use futures_util::stream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [frame, piece, body @ ..] = bytes else { return };
    let content_type = match frame % 3 {
        0 => "image/jpeg",
        1 => "multipart/form-data; boundary=x",
        _ => "multipart/form-data",
    };
    let limits = UploadLimits { max_body_bytes: 4096, max_form_bytes: 8192, max_images: 4, ..UploadLimits::default() };
    let reading = Reading { limits, patience: Duration::from_secs(60), budget: Budget::new(1 << 20), sources: Sources::none() };
    let request = || {
        let pieces = body.chunks(usize::from(*piece).max(1)).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
        let body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
        Request::post("/score").header("content-type", content_type).body(body).expect("a request")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        if let Ok(upload) = upload::read(request(), &reading).await {
            assert!(!upload.bytes.is_empty() && upload.bytes.len() <= limits.max_body_bytes);
        }
        let Ok(mut images) = Images::open(request(), &reading).await else { return };
        let mut index = 0;
        while let Ok(Some(image)) = images.next().await {
            assert_eq!(image.index, index);
            assert!(image.bytes.map_or(0, |bytes| bytes.len()) <= limits.max_body_bytes);
            index += 1;
        }
        assert!(index <= limits.max_images);
    });
});
