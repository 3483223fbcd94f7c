"""Uses the installed Python package and compares it with the running service and the program CLEARSHOT_PROGRAM: use.py URL."""

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
from clearshot import Assessment, PhotoError, Scorer
from PIL import Image

URL = sys.argv[1]
FIXTURE = Path(__file__).parents[2] / "fixtures" / "pavilion.jpg"
ROOT = Path(__file__).parents[3]


def served(body: bytes, profile: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{URL}/score?profile={profile}", body, {"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    del found["request_id"]
    return found


def code_of(body: bytes) -> str:
    try:
        served(body, "default")
    except urllib.error.HTTPError as problem:
        return str(json.load(problem)["code"])
    raise AssertionError("it was scored")


def files(image: Image.Image) -> Iterator[bytes]:
    """A photo as several files: good and spoilt, whole and small."""
    for picture in (image, image.rotate(7), image.resize((300, 200)), image.point(lambda level: level // 3)):
        for form in ("JPEG", "PNG", "WEBP"):
            file = io.BytesIO()
            picture.save(file, form, quality=90)
            yield file.getvalue()


def written_columns() -> set[str]:
    """The columns of CSV that `clearshot score` writes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "results.csv")
        subprocess.run([os.environ["CLEARSHOT_PROGRAM"], "score", str(FIXTURE), "--output", str(output)], cwd=ROOT, check=True)
        with open(output, newline="") as file:
            return set(next(csv.reader(file)))


def main() -> None:
    plain = Scorer()
    assert plain.profile == "default"
    scorer = Scorer(profile="real-estate")
    photo = FIXTURE.read_bytes()
    image = Image.open(FIXTURE).convert("RGB")

    # The same answer as over HTTP, to the last bit.
    many = list(files(image))
    for body in [photo, *many]:
        assert scorer.score(body).to_dict() == served(body, "real-estate"), "HTTP says otherwise"
    found = scorer.score(FIXTURE)
    assert found.to_dict() == scorer.score(str(FIXTURE)).to_dict() == scorer.score(photo).to_dict()
    assert (found.profile, plain.score(photo).profile) == ("real-estate", "default")
    dark = scorer.score(many[-3])
    assert dark.verdict == "fail" and dark.reasons[0].metric == "brightness", dark
    assert dark.scores["brightness"].low <= dark.scores["brightness"].value < -0.1

    # Pixels without a file.
    pixels = scorer.score(image)
    assert pixels.to_dict() == scorer.score(numpy.asarray(image)).to_dict()
    assert pixels.image["format"] == "bmp" and pixels.scores == found.scores, "Pillow decodes as the package does"
    sideways = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    sideways.save(file, "PNG", exif=exif)
    assert scorer.score(Image.open(io.BytesIO(file.getvalue()))).scores == found.scores, "EXIF orientation is applied"

    # Errors say what HTTP says.
    for broken in (b"", b"no photo", photo[: len(photo) // 2], (FIXTURE.parent / "pavilion.jpg").read_bytes()[:30]):
        try:
            scorer.score(broken)
        except PhotoError as error:
            assert error.code == code_of(broken), error
        else:
            raise AssertionError("it was scored")
    for wrong, expected in ((lambda: scorer.score(FIXTURE.parent / "nothing.jpg"), OSError), (lambda: scorer.score(3), TypeError),
                            (lambda: Scorer(profile="nobody"), KeyError), (lambda: Scorer(models="nowhere"), RuntimeError)):
        try:
            wrong()
        except expected:
            continue
        raise AssertionError(f"no {expected}")

    # Many, in their order, with the errors in their places; and no further than the reader needs.
    outcomes = list(scorer.score_many([*many, b"no photo", *many], errors="return"))
    expected_answers = [scorer.score(body).to_dict() for body in many]
    answers = [outcome.to_dict() if isinstance(outcome, Assessment) else outcome for outcome in outcomes]
    assert answers[: len(many)] == expected_answers == answers[len(many) + 1 :]
    assert isinstance(outcomes[len(many)], PhotoError)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield photo

    stream = scorer.score_many(endless(), threads=2)
    next(stream)
    stream.close()
    assert taken < 20, taken

    # Python goes on while photos are scored.
    ticks, done = 0, threading.Event()

    def count() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    counting = threading.Thread(target=count)
    counting.start()
    started = time.monotonic()
    for _ in range(10):
        scorer.score(photo)
    spent = time.monotonic() - started
    done.set()
    counting.join()
    assert ticks > 100 * spent, f"{ticks} ticks in {spent} s"

    rows = [outcome.to_row() for outcome in scorer.score_many(many)]
    probabilities = [answer["reasons"][0]["probability"] if answer["reasons"] else None for answer in expected_answers]
    assert [row["probability"] for row in rows] == probabilities and set(probabilities) > {None}, probabilities
    table = pandas.DataFrame(rows)
    assert list(table.columns)[:4] == ["verdict", "reasons", "probability", "quality"], list(table.columns)
    assert len(table) == len(many) and {"blur", "blur_low", "rotation_model", "area_width", "contrast"} <= set(table.columns)
    assert set(table["verdict"]) >= {"pass", "fail"}, table["verdict"]
    unknown = {"path", "problem", "detail", "scored_by_version", "scored_by_build", "scored_by_limits", "scored_by_models", "scored_by_profile"}
    assert set(table.columns) == written_columns() - unknown, set(table.columns) ^ written_columns()


def printed(page: str) -> str:
    """What the Python of a page prints, run from top to bottom where its reader is: in the project's root."""
    said = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(said):
        for block in re.findall(r"^```python\n(.*?)^```", Path(page).read_text(), re.DOTALL | re.MULTILINE):
            exec(compile(block, page, "exec"), names)
    return said.getvalue()


def pages() -> None:
    assert printed("README.md") == "fail\n"
    first, *table = printed("docs/python.md").splitlines()
    assert re.fullmatch(r"fail -?\d+\.\d+ \[.*'tilted'.*\]", first), first
    assert [line.split()[:2] for line in table] == [["verdict", "blur"], ["0", "pass"], ["1", "fail"]], table


main()
pages()
