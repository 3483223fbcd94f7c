//! Any bytes as a file of results that a bulk run would go on with: rows or an error, and what is refused is left as it is.
#![no_main]

use clearshot::bulk::output::{Output, read};
use clearshot::bulk::row::columns;
use clearshot::bulk::scored_by::ScoredBy;
use libfuzzer_sys::fuzz_target;

// A panic that the product catches (readers of foreign formats have some) is none of this target's: without libFuzzer's hook, which
// aborts at once, only one that leaves the target counts.
fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    let Some((ending, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(["results.jsonl", "results.csv", "results.parquet"][usize::from(ending % 3)]);
    std::fs::write(&path, content).expect("it is written");
    if let Ok(rows) = read(&path) {
        // A row that cannot be read ends them.
        rows.take(10_000).take_while(Result::is_ok).for_each(drop);
    }
    let [version, build, limits, models, profile] = ["1.0", "any", "1/2/3/4/5", "0123456789abcdef", "default:0123456789abcdef"].map(str::to_owned);
    let made = ScoredBy { version, build, limits, models, profile };
    if Output::open(&path, columns(&["blur", "brightness", "rotation"], &[]), &made).is_err() {
        assert_eq!(std::fs::read(&path).expect("it is there"), content, "a file that is refused is left as it is");
    }
});
