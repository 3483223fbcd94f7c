//! Tests that need something that not every machine has. What they skip is collected in target/skipped-tests.txt, which
//! `make test` prints at its end.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use super::server::root;

/// Whether one of these tools is there. A test is to return where none is; with CLEARSHOT_REQUIRE_TOOLS, by which CI promises
/// every tool that is asked for here, it fails.
pub fn has_tool(names: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&path).any(|folder: PathBuf| folder.join(name).is_file());
    let there = names.iter().any(is_there);
    if !there {
        let missing = names.join(" or ");
        assert!(std::env::var_os("CLEARSHOT_REQUIRE_TOOLS").is_none(), "{missing} is missing, and was promised");
        skip(&format!("there is no {missing}"));
    }
    there
}

/// Notes that a test does nothing, for want of something that no CI can promise: a container engine, files that may not be
/// redistributed.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIPPED {test}: {reason}\n");
    print!("{line}");
    let list = OpenOptions::new().create(true).append(true).open(root().join("target/skipped-tests.txt"));
    // Built elsewhere, there is no such folder; the line above tells all the same.
    if let Ok(mut list) = list {
        list.write_all(line.as_bytes()).expect("the list of skipped tests can be written");
    }
}
