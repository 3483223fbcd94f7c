//! Any text as a model card: what is accepted gives finite, ordered answers for every output.
#![no_main]

use clearshot_core::scoring::calibration::RawOutput;
use clearshot_core::scoring::card::ModelCard;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(card) = serde_json::from_slice::<ModelCard>(bytes) else { return };
    for raw in [f32::MIN, -1.0, 0.0, 0.5, f32::MAX, f32::NAN, f32::INFINITY] {
        for log_scale in [f32::MIN, -100.0, 0.0, 5.0, f32::MAX, f32::NAN] {
            let output = RawOutput { raw, log_scale };
            for estimate in [card.calibration.apply(output), card.calibration.apply_at(output, 0.99)] {
                assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{estimate:?}");
            }
            let above = card.calibration.distribution(output).above(0.5);
            assert!((0.0..=1.0).contains(&above), "{above}");
        }
    }
});
