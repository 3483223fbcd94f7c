"""Scores generated photos by examples/on_spark.py, kills a worker while it works, and looks at what was written."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pandas
from PIL import Image

ROOT = pathlib.Path(__file__).parents[3]
PHOTOS = 400


def workers():
    """Python processes of executors that have loaded ONNX Runtime."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command, maps = (process / "cmdline").read_bytes(), (process / "maps").read_text()
        except OSError:
            continue
        if b"pyspark" in command and b"daemon" in command and "libonnxruntime" in maps:
            yield int(process.name)


def main():
    with tempfile.TemporaryDirectory() as folder:
        photos, rows = pathlib.Path(folder, "photos"), pathlib.Path(folder, "rows")
        photos.mkdir()
        image = Image.open(ROOT / "tests/fixtures/pavilion.jpg")
        for number in range(PHOTOS):
            turned = image.rotate(12) if number % 4 == 0 else image
            turned.crop((0, 0, 600 - number % 50, 420)).save(photos / f"{number}.jpg")
        (photos / "broken.jpg").write_bytes(b"no photo")
        environment = os.environ | {"SPARK_MASTER": "local-cluster[2,1,1024]", "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        run = subprocess.Popen([sys.executable, ROOT / "examples/on_spark.py", photos, rows], env=environment, stderr=subprocess.DEVNULL)
        killed = None
        while run.poll() is None and killed is None:
            for worker in workers():
                os.kill(worker, signal.SIGKILL)
                killed = worker
                break
            time.sleep(0.05)
        assert run.wait() == 0, "the run failed"
        assert killed is not None, "no worker was seen"
        table = pandas.read_parquet(rows)
        assert sorted(table["path"].map(os.path.basename)) == sorted(path.name for path in photos.iterdir()), "each photo once"
        assert (table["problem"] != "").sum() == 1 and table["blur"].isna().sum() == 1, table["problem"].unique()
        tilted = table[table["path"].map(lambda path: pathlib.Path(path).stem.isdigit() and int(pathlib.Path(path).stem) % 4 == 0)]
        assert len(tilted) == PHOTOS / 4 and (tilted["rotation"].abs() > 5).all(), tilted["rotation"].describe()


main()
