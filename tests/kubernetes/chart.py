"""What Helm makes of the chart, by Helm's own engine: an object in JSON.

chart.py render RELEASE VALUES   its objects and notes, with VALUES in JSON; fails as `helm install` would
chart.py packaged RELEASE VALUES the same of the archive that `helm package` makes
chart.py lint                    messages of `helm lint --strict`
chart.py read FILE               objects of a file in YAML
"""

import json
import sys
import tempfile

import helm_python
import yaml

CHART = "deploy/helm/clearshot"


def render(chart: str, release: str, values: str) -> dict:
    with helm_python.Chart.load(chart) as loaded:
        files = loaded.render(json.loads(values), name=release, namespace="photos")
    notes = files.pop("clearshot/templates/NOTES.txt")
    return {"notes": notes, "objects": [found for text in files.values() for found in yaml.safe_load_all(text) if found]}


def packaged(release: str, values: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        return render(helm_python.package(CHART, destination=folder), release, values)


def read(path: str) -> dict:
    with open(path) as file:
        return {"objects": list(yaml.safe_load_all(file))}


command, *arguments = sys.argv[1:]
try:
    made = {
        "render": lambda *given: render(CHART, *given),
        "packaged": packaged,
        "lint": lambda: helm_python.lint(CHART, strict=True),
        "read": read,
    }[command](*arguments)
except helm_python.HelmError as error:
    sys.exit(str(error))
print(json.dumps(made))
