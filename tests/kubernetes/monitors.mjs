// Checks the ServiceMonitors and PrometheusRules of rendered manifests against the Prometheus operator's schemas: monitors.mjs FILE...
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";

const kinds = { PrometheusRule, ServiceMonitor };
for (const file of process.argv.slice(2)) {
  const documents = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS());
  for (const document of documents.filter(({ kind }) => kind in kinds)) {
    new kinds[document.kind](document).validate();
    console.log(`${document.kind} ${document.metadata.name} fits`);
  }
}
