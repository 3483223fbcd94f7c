//! `clearshot-train level`: how much photos lean by themselves, by the shipped model of rotation.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clearshot_core::turn::turn_and_cut;

#[test]
fn photos_that_were_turned_a_little_are_told_to_lean_and_known_leans_stay() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let photo = image::open(root.join("tests/fixtures/pavilion.jpg")).unwrap().into_rgb8();
    for (name, degrees) in [("level", 0.0), ("clockwise", 1.5), ("counterclockwise", -1.5), ("known", 0.0)] {
        turn_and_cut(&photo, degrees, 1.5).save(folder.path().join(format!("{name}.png"))).unwrap();
    }
    let manifest = folder.path().join("manifest.csv");
    std::fs::write(&manifest, "file,group,category,lean,lean_share\nknown.png,house,exterior,-0.70,0.8\n").unwrap();
    let written = folder.path().join("levelled.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot-train"));
    command.current_dir(&root).arg("level").arg("--photos").arg(folder.path()).arg("--write").arg(&written);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("1 leans were known; of 3 others 3 are told well enough"), "{said}");
    let mut leans = BTreeMap::new();
    for row in csv::Reader::from_path(&written).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        assert!(row["lean_share"].parse::<f32>().unwrap() >= 0.5, "{row:?}");
        leans.insert(row["file"].clone(), row["lean"].parse::<f32>().unwrap());
    }
    let beyond = |name: &str| leans[name] - leans["level.png"];
    assert!((beyond("clockwise.png") - 1.5).abs() < 0.4, "{leans:?}");
    assert!((beyond("counterclockwise.png") + 1.5).abs() < 0.4, "{leans:?}");
    assert!((leans["known.png"] + 0.7).abs() < 1e-6, "{leans:?}");
}
