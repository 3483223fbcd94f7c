//! Any boxes as a HEIC or AVIF, as the first byte says: an answer or an error, in the size that was inspected, and in all pixels as in
//! those for scoring.
#![no_main]

use clearshot_core::ingest::{self, Limits};
use libfuzzer_sys::fuzz_target;

// A panic that the product catches (readers of foreign formats have some) is none of this target's: without libFuzzer's hook, which
// aborts at once, only one that leaves the target counts.
fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    let Some((which, boxes)) = bytes.split_first() else { return };
    let kind = if which & 1 == 0 { b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" } else { b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf" };
    let file = [kind, boxes].concat();
    let limits = Limits { max_pixels: 250_000, max_decoded_bytes: 4 << 20, ..Limits::default() };
    if let Ok(claim) = ingest::inspect(&file, &limits) {
        assert!(claim.pixels <= limits.max_pixels);
        if let Ok(photo) = ingest::decode(&file, &limits) {
            assert_eq!(u64::from(photo.width) * u64::from(photo.height), claim.pixels);
            assert!(ingest::decode_original(&file, &limits).is_ok());
        }
    }
});
