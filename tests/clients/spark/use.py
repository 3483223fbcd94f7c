"""Scores generated photos by examples/on_spark.py, kills a worker while it works, and looks at what was written: use.py.
Measures its rate, with nobody killed: use.py rate."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "package"))
from engine import rate, survives  # noqa: E402

ENVIRONMENT = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}


def is_worker(process):
    """A Python process of an executor that has loaded ONNX Runtime."""
    command, maps = (process / "cmdline").read_bytes(), (process / "maps").read_text()
    return b"pyspark" in command and b"daemon" in command and "libonnxruntime" in maps


if sys.argv[1:] == ["rate"]:
    # On this machine alone, as the example does by itself.
    rate("on_spark.py", ENVIRONMENT)
else:
    survives("on_spark.py", is_worker, ENVIRONMENT | {"SPARK_MASTER": "local-cluster[2,1,1024]"})
