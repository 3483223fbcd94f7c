"""What a run on an engine of several processes is tested by, for Ray and Spark: photos are generated, a worker is killed while it scores,
and each photo has to stand once in what is written."""

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


def processes(is_worker):
    """Numbers of the processes whose folder in /proc is a worker's."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if is_worker(process):
                yield int(process.name)
        except OSError:
            continue


def survives(example, is_worker, environment, at_work_after=0.0):
    """Runs an example of examples/ and kills the first worker that is seen, so many seconds later."""
    with tempfile.TemporaryDirectory() as folder:
        photos, rows = pathlib.Path(folder, "photos"), pathlib.Path(folder, "rows")
        photos.mkdir()
        image = Image.open(ROOT / "tests/fixtures/pavilion.jpg")
        for number in range(PHOTOS):
            turned = image.rotate(12) if number % 4 == 0 else image
            turned.crop((0, 0, 600 - number % 50, 420)).save(photos / f"{number}.jpg")
        (photos / "broken.jpg").write_bytes(b"no photo")
        run = subprocess.Popen([sys.executable, ROOT / "examples" / example, photos, rows], env=os.environ | environment)
        killed = None
        while run.poll() is None and killed is None:
            killed = next(processes(is_worker), None)
            if killed is None:
                time.sleep(0.05)
            else:
                time.sleep(at_work_after)
                os.kill(killed, signal.SIGKILL)
        assert run.wait() == 0, "the run failed"
        assert killed is not None, "no worker was seen"
        table = pandas.read_parquet(rows)
        assert sorted(table["path"].map(os.path.basename)) == sorted(path.name for path in photos.iterdir()), "each photo once"
        assert (table["problem"] != "").sum() == 1 and table["blur"].isna().sum() == 1, table["problem"].unique()
        tilted = table[table["path"].map(lambda path: pathlib.Path(path).stem.isdigit() and int(pathlib.Path(path).stem) % 4 == 0)]
        assert len(tilted) == PHOTOS / 4 and (tilted["rotation"].abs() > 5).all(), tilted["rotation"].describe()
