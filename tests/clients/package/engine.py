"""What a run on an engine of several processes is tested by, for Ray and Spark: photos are generated, a worker is killed while it scores,
each photo has to stand once in what is written, and the time is printed beside that of `clearshot score`."""

import functools
import io
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
CLEARSHOT = os.environ.get("CLEARSHOT", "target/release/clearshot")
# Small ones, so that the test does not take long, and still large enough for a tilt to be seen.
PHOTOS, WIDTH = 2000, 400


def processes(is_worker):
    """Numbers of the processes whose folder in /proc is a worker's."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if is_worker(process):
                yield int(process.name)
        except OSError:
            continue


def generate(folder, count, width):
    """A folder of that many photos of about that width; each fourth is tilted by 12 degrees, and the first hundred differ."""
    folder.mkdir()
    image = Image.open(ROOT / "tests/fixtures/pavilion.jpg")
    image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    tilted = image.rotate(12)
    files = []
    for number in range(min(count, 100)):
        file = io.BytesIO()
        (tilted if number % 4 == 0 else image).crop((0, 0, width - number % 50, image.height - number // 50)).save(file, "JPEG")
        files.append(file.getvalue())
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(files[number % 100])
    return folder


def on_engine(example, photos, rows):
    return [sys.executable, ROOT / "examples" / example, photos, rows]


def by_clearshot(photos, rows):
    return [CLEARSHOT, "score", photos, "--profile", "real-estate", "--output", rows]


def seconds(command, environment, code=0):
    """How long a command takes, which has to end with that exit code."""
    started = time.monotonic()
    found = subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode
    assert found == code, f"{command} ended with {found}"
    return time.monotonic() - started


def survives(example, is_worker, environment, at_work_after=0.0):
    """Runs an example of examples/ and kills the first worker that is seen, so many seconds later."""
    with tempfile.TemporaryDirectory() as folder:
        photos, rows = generate(pathlib.Path(folder, "photos"), PHOTOS, WIDTH), pathlib.Path(folder, "rows")
        (photos / "broken.jpg").write_bytes(b"no photo")
        started = time.monotonic()
        run = subprocess.Popen(on_engine(example, photos, rows), cwd=ROOT, env=os.environ | environment)
        killed = None
        while run.poll() is None and killed is None:
            killed = next(processes(is_worker), None)
            if killed is None:
                time.sleep(0.05)
            else:
                time.sleep(at_work_after)
                os.kill(killed, signal.SIGKILL)
        assert run.wait() == 0, "the run failed"
        took = time.monotonic() - started
        assert killed is not None, "no worker was seen"
        table = pandas.read_parquet(rows)
        assert sorted(table["path"].map(os.path.basename)) == sorted(path.name for path in photos.iterdir()), "each photo once"
        assert (table["problem"] != "").sum() == 1 and table["blur"].isna().sum() == 1, table["problem"].unique()
        tilted = table[table["path"].map(lambda path: pathlib.Path(path).stem.isdigit() and int(pathlib.Path(path).stem) % 4 == 0)]
        assert len(tilted) == PHOTOS / 4 and (tilted["rotation"].abs() > 5).all(), tilted["rotation"].describe()
        # The exit code says that one is broken.
        rows = pathlib.Path(folder, "rows.parquet")
        beside = seconds(by_clearshot(photos, rows), {}, code=3)
        assert len(pandas.read_parquet(rows)) == PHOTOS + 1
        print(f"{example}: {PHOTOS} photos in {took:.1f} s, its start and the killed worker included; ", end="")
        print(f"clearshot score: {beside:.1f} s; ratio {beside / took:.2f}", flush=True)


def rate(example, environment, many=3000, few=300, width=1024):
    """Prints the rate of an example beside that of `clearshot score` (docs/scale.md), with nobody killed: what many photos take longer than
    few is the rate, the rest the start."""
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        photos = {count: generate(pathlib.Path(folder, f"{count}"), count, width) for count in (many, few)}
        for name, command in (("clearshot score", by_clearshot), (example, functools.partial(on_engine, example))):
            times = {}
            for count in (many, few):
                rows = pathlib.Path(folder, f"{count}-{len(rates)}.parquet")
                times[count] = seconds(command(photos[count], rows), environment)
                table = pandas.read_parquet(rows)
                assert len(table) == table["path"].nunique() == count, "each photo once"
            rates.append((many - few) / (times[many] - times[few]))
            print(f"{name}: {rates[-1]:.1f} photos/s of {width} px, {times[few] - few / rates[-1]:.1f} s to start", flush=True)
    print(f"ratio {rates[1] / rates[0]:.2f}")
