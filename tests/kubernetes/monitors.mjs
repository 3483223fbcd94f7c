// Checks the ServiceMonitors of rendered manifests against the Prometheus operator's schema: monitors.mjs FILE...
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";

for (const file of process.argv.slice(2)) {
  const documents = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS());
  for (const document of documents.filter(({ kind }) => kind === "ServiceMonitor")) {
    new ServiceMonitor(document).validate();
    console.log(`ServiceMonitor ${document.metadata.name} fits`);
  }
}
