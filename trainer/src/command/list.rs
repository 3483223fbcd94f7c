//! `clearshot-train list`.

use clearshot_trainer::transform::{REGISTRY, Spec};

/// The registry of transformations, its columns aligned.
pub(crate) fn table() -> String {
    let head = ["name", "unit", "range", "view", "faults", "steps"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(REGISTRY.map(|transformation| row(transformation.spec()))).collect();
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(spec: &Spec) -> [String; 6] {
    let Spec { name, unit, range: [low, high], view, steps, .. } = spec;
    let mut faults: Vec<&str> = spec.low.iter().chain([&spec.high]).map(|fault| fault.code).collect();
    faults.dedup();
    [
        (*name).to_owned(),
        (*unit).to_owned(),
        format!("{low} to {high}"),
        (*view).to_owned(),
        faults.join(", "),
        steps.to_string(),
    ]
}
