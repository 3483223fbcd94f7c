// Results as a table for spreadsheets (RFC 4180): a header and a row for each photo. The columns have the names of the files that
// `clearshot score` writes, so that `clearshot backtest` and `tune` read them, too.

// With these a formula begins, in Latin letters and in full width: text that does gets a quote before it, as the service does it.
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

function cell(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return String(value);
  const harmless = FORMULA.test(value) ? `'${value}` : value;
  return `"${harmless.replaceAll('"', '""')}"`;
}

function columnsOf(metrics, labels, checks) {
  const column = (name, of) => [name, of];
  const score = (metric, part) => column(metric + (part === "value" ? "" : `_${part}`), ({ answer }) => answer?.scores[metric]?.[part]);
  const image = (name) => column(name, ({ answer }) => answer?.image[name]);
  return [
    column("path", ({ name }) => name),
    column("verdict", ({ judgement }) => judgement?.verdict),
    column("reasons", ({ judgement }) => judgement?.reasons.map(({ code }) => code).join(" ")),
    column("probability", ({ judgement }) => judgement?.reasons[0]?.probability),
    column("advice", ({ judgement }) => judgement?.reasons.map(({ advice }) => advice).join(" ")),
    column("duplicate_of", ({ copyOf }) => copyOf?.name),
    column("quality", ({ judgement }) => judgement?.quality),
    ...metrics.flatMap((metric) => ["value", "low", "high", "raw"].map((part) => score(metric, part))),
    ...["left", "top", "width", "height"].map((part) => column(`area_${part}`, ({ answer }) => answer?.image.area[part])),
    column("turn", ({ answer }) => answer?.orientation?.turn),
    column("turn_probability", ({ answer }) => answer?.orientation?.probability),
    ...labels.flatMap((name) => [
      column(`label_${name}`, ({ answer }) => answer?.labels?.[name]?.label),
      column(`label_${name}_probability`, ({ answer }) => answer?.labels?.[name]?.probability),
    ]),
    ...checks.map((check) => column(check, ({ answer }) => answer?.checks[check])),
    column("coverage", ({ answer }) => answer?.coverage),
    column("max_usable_width", ({ answer }) => answer?.max_usable_width),
    ...["format", "width", "height", "bytes", "sha256", "scene_hash", "orientation"].map(image),
    column("profile", ({ judgement }) => judgement?.profile),
    ...metrics.map((metric) => column(`${metric}_model`, ({ answer }) => answer?.models[metric])),
    column("problem", ({ problem }) => problem && (problem.code ?? problem.title)),
    column("detail", ({ problem }) => problem && problem.detail),
  ];
}

// The table of photos, in their order.
export function csv(photos, metrics, checks) {
  const labels = [...new Set(photos.flatMap(({ answer }) => Object.keys(answer?.labels ?? {})))].sort();
  const columns = columnsOf(metrics, labels, checks);
  const rows = [columns.map(([name]) => name), ...photos.map((photo) => columns.map(([, of]) => of(photo)))];
  // The mark at the beginning tells spreadsheets that it is UTF-8.
  return `\ufeff${rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("")}`;
}
