// Checks that what selects pods in rendered manifests selects ours and no others: selectors.mjs FILE...
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

const manifests = process.argv
  .slice(2)
  .flatMap((file) => parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS()));
const service = { "app.kubernetes.io/name": "clearshot" };
const foreign = { app: "database" };
const unlabelled = {};

// Labels of what each kind selects, or nothing for a kind that selects nothing. A new kind has to be added here.
const selectors = {
  Deployment: ({ spec }) => [
    spec.selector.matchLabels,
    ...spec.template.spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
  ],
  Service: ({ spec }) => [spec.selector],
  PodDisruptionBudget: ({ spec }) => [spec.selector.matchLabels],
  NetworkPolicy: ({ spec }) => [spec.podSelector.matchLabels],
  ServiceMonitor: ({ spec }) => [spec.selector.matchLabels],
  HorizontalPodAutoscaler: () => [],
  Job: () => [],
  PrometheusRule: () => [],
  ConfigMap: () => [],
  Secret: () => [],
};

// One without labels selects everything.
const matches = (selector = {}, labels) => Object.entries(selector).every(([name, value]) => labels[name] === value);
const fail = (what) => {
  console.error(what);
  process.exitCode = 1;
};
const templates = (kind) => manifests.filter((found) => found.kind === kind).map(({ spec }) => spec.template.metadata?.labels ?? {});

const bulk = templates("Job");
if (bulk.length === 0) fail("there is no bulk job to tell from the service");
for (const labels of templates("Deployment")) {
  if (!matches(service, labels)) fail(`the service's pods are labelled ${JSON.stringify(labels)}`);
}
for (const manifest of manifests) {
  const { kind, metadata, spec } = manifest;
  if (!(kind in selectors)) fail(`nobody knows whom a ${kind} selects`);
  for (const selector of selectors[kind]?.(manifest) ?? []) {
    const [ours, others] = kind === "ServiceMonitor"
      ? [manifests.filter((found) => found.kind === "Service").map((found) => found.metadata.labels ?? {}), [foreign, unlabelled]]
      : [templates("Deployment"), [foreign, unlabelled, ...bulk]];
    const says = `${kind} ${metadata.name} selects ${JSON.stringify(selector)}`;
    if (!ours.every((labels) => matches(selector, labels))) fail(`${says}: not all of ours`);
    const other = others.find((labels) => matches(selector, labels));
    if (other !== undefined) fail(`${says}: ${JSON.stringify(other)}, too`);
    console.log(says);
  }
  if (kind === "HorizontalPodAutoscaler") {
    const { kind: wanted, name } = spec.scaleTargetRef;
    if (!manifests.some((found) => found.kind === wanted && found.metadata.name === name)) fail(`nothing is ${wanted} ${name}`);
    console.log(`scales ${wanted} ${name} by ${spec.metrics.map((metric) => metric.resource?.name ?? metric.pods.metric.name).join(", ")}`);
  }
}
