"""Scores generated photos by examples/on_spark.py, kills a worker while it works, and looks at what was written."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "package"))
from engine import survives  # noqa: E402


def is_worker(process):
    """A Python process of an executor that has loaded ONNX Runtime."""
    command, maps = (process / "cmdline").read_bytes(), (process / "maps").read_text()
    return b"pyspark" in command and b"daemon" in command and "libonnxruntime" in maps


survives("on_spark.py", is_worker, {"SPARK_MASTER": "local-cluster[2,1,1024]", "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"})
