//! Any bytes as an image: an answer or an error, within the limits; then the views of what was decoded.
#![no_main]

use clearshot_core::ingest::{self, Limits};
use clearshot_core::view::{self, ReferenceView};
use libfuzzer_sys::fuzz_target;

// A panic that the product catches (readers of foreign formats have some) is none of this target's: without libFuzzer's hook, which
// aborts at once, only one that leaves the target counts.
fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    let limits = Limits { max_pixels: 1_000_000, max_decoded_bytes: 16 << 20, ..Limits::default() };
    if let Ok(photo) = ingest::decode(bytes, &limits) {
        let (width, height) = (photo.width, photo.height);
        assert!(u64::from(width) * u64::from(height) <= limits.max_pixels && width.min(height) >= limits.min_side);
        let reference = ReferenceView::of(&photo, photo.area());
        for view in &view::VIEWS {
            let tensor = view.tensor(&reference);
            assert!(tensor.len() == view.len() && tensor.iter().all(|value| (0.0..=1.0001).contains(value)));
        }
    }
});
