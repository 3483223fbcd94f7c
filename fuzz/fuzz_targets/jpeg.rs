//! Any segments as a JPEG: what its markers say is found in time that its length bounds, and a decode keeps to what they say.
#![no_main]

use clearshot_core::ingest::{self, Limits};
use libfuzzer_sys::fuzz_target;

// A panic that the product catches (readers of foreign formats have some) is none of this target's: without libFuzzer's hook, which
// aborts at once, only one that leaves the target counts.
fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    let file = [&[0xFF, 0xD8, 0xFF], bytes].concat();
    let limits = Limits { max_pixels: 250_000, max_decoded_bytes: 4 << 20, ..Limits::default() };
    if let Ok(claim) = ingest::inspect(&file, &limits) {
        assert!(claim.pixels <= limits.max_pixels);
        let whole = ingest::decode(&file, &limits).is_ok();
        // Nothing behind the marker of the end belongs to the image.
        let ended = file.windows(2).any(|pair| pair == [0xFF, 0xD9]);
        if whole && ended {
            let longer = [&file[..], b"any bytes"].concat();
            assert!(ingest::inspect(&longer, &limits).is_ok());
        }
    }
});
