"""Scores photos for blur, brightness and tilt, calibrated, with intervals: what `POST /score` of the service answers, in this process.

    from clearshot import Scorer

    scorer = Scorer(profile="real-estate")
    print(scorer.score("room.jpg").verdict)

A `Scorer` may be used by several threads; it does not survive a fork: make one in each process.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

# ONNX Runtime would send usage data; it reads this where it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from . import _native

__all__ = ["Assessment", "Label", "PhotoError", "Reason", "Score", "Scorer"]


class PhotoError(ValueError):
    """A photo that cannot be scored, for reasons of its own: `code` is that of the service's problem, such as `undecodable_image`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


@dataclass(frozen=True)
class Score:
    """A calibrated value with its interval, in `unit`."""

    value: float
    unit: str
    low: float
    high: float
    quality: int
    raw: float


@dataclass(frozen=True)
class Reason:
    """Why a photo did not pass; `low` and `high` are None for a check, which has no interval."""

    code: str
    metric: str
    value: float
    threshold: float
    probability: float
    severity: str
    advice: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Label:
    """Which label of a model of labels fits a photo, and the probability of each."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Assessment:
    """What is said of a photo: the fields of an answer of `POST /score`."""

    image: dict[str, Any]
    scores: dict[str, Score]
    checks: dict[str, float]
    coverage: float
    quality: int
    max_usable_width: int
    profile: str
    verdict: Literal["pass", "unsure", "fail"]
    reasons: tuple[Reason, ...]
    models: dict[str, str]
    orientation: dict[str, Any] | None
    _answer: dict[str, Any]
    labels: dict[str, Label] = field(default_factory=dict)

    @classmethod
    def _of(cls, answer: dict[str, Any]) -> Assessment:
        typed = {
            "scores": {metric: Score(**score) for metric, score in answer["scores"].items()},
            "reasons": tuple(Reason(**reason) for reason in answer["reasons"]),
            "orientation": answer.get("orientation"),
            "labels": {name: Label(**label) for name, label in answer.get("labels", {}).items()},
        }
        return cls(**(answer | typed), _answer=answer)

    def to_dict(self) -> dict[str, Any]:
        """The answer as the service would give it."""
        return json.loads(json.dumps(self._answer))

    def to_row(self) -> dict[str, Any]:
        """A flat row, as `clearshot score` writes it: `pandas.DataFrame(a.to_row() for a in assessments)`."""
        row: dict[str, Any] = {
            "verdict": self.verdict,
            "reasons": " ".join(reason.code for reason in self.reasons),
            "probability": self.reasons[0].probability if self.reasons else None,
            "quality": self.quality,
        }
        for metric, score in self.scores.items():
            row |= {metric: score.value, f"{metric}_low": score.low, f"{metric}_high": score.high, f"{metric}_raw": score.raw}
        row |= {f"area_{side}": share for side, share in self.image["area"].items()}
        if self.orientation is not None:
            row |= {"turn": self.orientation["turn"], "turn_probability": self.orientation["probability"]}
        for name, label in self.labels.items():
            row |= {f"label_{name}": label.label, f"label_{name}_probability": label.probability}
        row |= self.checks
        row |= {"coverage": self.coverage, "max_usable_width": self.max_usable_width}
        row |= {name: value for name, value in self.image.items() if name != "area"}
        row["profile"] = self.profile
        return row | {f"{metric}_model": self.models[metric] for metric in self.scores}


class Scorer:
    """Scores photos by the models of a folder.

    :param models: folder of models and cards; those of the package where it is None.
    :param profile: name of the profile to judge by.
    :param profiles: file of profiles in the place of the built-in ones.
    :raises RuntimeError: models or profiles cannot be used.
    :raises KeyError: there is no such profile.
    """

    def __init__(
        self, models: str | os.PathLike[str] | None = None, profile: str = "default", *, profiles: str | os.PathLike[str] | None = None
    ) -> None:
        folder = Path(__file__).parent / "models" if models is None else Path(models)
        self._engine = _native.Engine(str(folder), None if profiles is None else str(profiles), _onnxruntime())
        if profile not in self._engine.profiles():
            raise KeyError(f"there is no profile {profile!r}, but {', '.join(self._engine.profiles())}")
        self.profile = profile

    def score(self, photo: Any) -> Assessment:
        """Scores a photo: the path or the bytes of a file, an image of Pillow, or an array of pixels (height, width, 3) of `uint8`.

        Pillow's images and arrays have no file: they are scored as the lossless BMP of their pixels, so that `image.bytes`,
        `image.sha256` and `jpeg_quality` are not those of the file they came from.

        :raises PhotoError: it cannot be scored.
        :raises OSError: the path cannot be read.
        """
        answer, refusal = self._engine.score(_file(photo), self.profile)
        if answer is None:
            assert refusal is not None
            raise PhotoError(*refusal)
        return Assessment._of(json.loads(answer))

    @overload
    def score_many(self, photos: Iterable[Any], *, threads: int | None = None) -> Generator[Assessment, None, None]: ...
    @overload
    def score_many(
        self, photos: Iterable[Any], *, threads: int | None = None, errors: Literal["return"]
    ) -> Generator[Assessment | PhotoError | OSError, None, None]: ...
    def score_many(
        self, photos: Iterable[Any], *, threads: int | None = None, errors: Literal["raise", "return"] = "raise"
    ) -> Generator[Assessment | PhotoError | OSError, None, None]:
        """Scores photos on all cores, each as `score` takes it, and gives what came of them in their order.

        No more than a few photos a thread are read ahead, so that `photos` may be endless.

        :param threads: threads that score; as many as there are cores where it is None.
        :param errors: `return` gives the error of a photo in its place and goes on; `raise` raises it.
        """
        if errors not in ("raise", "return"):
            raise ValueError(f"errors is 'raise' or 'return', not {errors!r}")
        return self._score_many(photos, threads or len(os.sched_getaffinity(0)), errors == "return")

    def _score_many(self, photos: Iterable[Any], threads: int, give_errors: bool) -> Generator[Assessment | PhotoError | OSError, None, None]:
        def outcome(scored: Future[Assessment]) -> Assessment | PhotoError | OSError:
            try:
                return scored.result()
            except (PhotoError, OSError) as error:
                if give_errors:
                    return error
                raise

        under_way: deque[Future[Assessment]] = deque()
        pool = ThreadPoolExecutor(threads, thread_name_prefix="clearshot")
        try:
            for photo in photos:
                under_way.append(pool.submit(self.score, photo))
                if len(under_way) > 3 * threads:
                    yield outcome(under_way.popleft())
            while under_way:
                yield outcome(under_way.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _file(photo: Any) -> bytes:
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, (bytearray, memoryview)):
        return bytes(photo)
    if isinstance(photo, (str, os.PathLike)):
        return Path(photo).read_bytes()
    if hasattr(photo, "getexif") and hasattr(photo, "convert"):
        from PIL import ImageOps

        upright = ImageOps.exif_transpose(photo).convert("RGB")
        return _native.file_of_pixels(upright.tobytes(), *upright.size)
    shape, kind = getattr(photo, "shape", None), str(getattr(photo, "dtype", ""))
    if shape is not None and len(shape) == 3 and shape[2] == 3 and kind == "uint8":
        return _native.file_of_pixels(photo.tobytes(), shape[1], shape[0])
    raise TypeError(f"a photo is a path, bytes, an image of Pillow or an array of (height, width, 3) uint8, not {type(photo).__name__} {shape or ''} {kind}".rstrip())


def _onnxruntime() -> str:
    """The library of the installed wheel, without its Python part."""
    chosen = os.environ.get("ORT_DYLIB_PATH")
    if chosen:
        return chosen
    spec = importlib.util.find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        found = sorted(Path(folder, "capi").glob("libonnxruntime.so*")) + sorted(Path(folder, "capi").glob("libonnxruntime*.dylib"))
        if found:
            return str(found[0])
    raise RuntimeError("ONNX Runtime was not found: `pip install onnxruntime==1.32.0`")
