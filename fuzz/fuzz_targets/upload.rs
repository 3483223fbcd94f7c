//! Any body as an upload: the first byte says how it is framed, the rest is the body.
#![no_main]

use axum::body::Body;
use axum::extract::Request;
use clearshot::upload::{self, UploadLimits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((frame, body)) = bytes.split_first() else { return };
    let content_type = match frame % 3 {
        0 => "image/jpeg",
        1 => "multipart/form-data; boundary=x",
        _ => "multipart/form-data",
    };
    let request = Request::post("/score").header("content-type", content_type).body(Body::from(body.to_vec()));
    let limits = UploadLimits { max_body_bytes: 4096, ..UploadLimits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    if let Ok(image) = runtime.block_on(upload::read(request.expect("a request"), &limits)) {
        assert!(!image.is_empty() && image.len() <= limits.max_body_bytes);
    }
});
