"""The service a team would write instead of Clearshot: FastAPI, uvicorn workers, Pillow with its draft mode, ONNX Runtime in
Python, NumPy and OpenCV; the same models, the same views, and those of the checks that are a few lines there (no damage, frames, drawings
or collages). It exists to be measured beside Clearshot (see docs/performance.md).

    uvicorn app:app --workers 2 --port 8090
"""

import io
import json
import os
import pathlib

import cv2
import numpy
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from PIL import Image, ImageOps
from starlette.concurrency import run_in_threadpool

MODELS = pathlib.Path(os.environ.get("MODELS", pathlib.Path(__file__).parents[3] / "models"))
REFERENCE, TILE, GRID, DISC, SMALL, TURNED = 1024, 96, 3, 192, 64, 96
BLOCK, ENOUGH, EVEN = 16, 16, 2  # of the detail by which tiles are chosen
LUMA = numpy.array([0.299, 0.587, 0.114], numpy.float32) / 255

cv2.setNumThreads(1)
app = FastAPI()


def load(metric):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODELS / f"{metric}.onnx", options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name, json.loads((MODELS / f"{metric}.json").read_text())["calibration"]


BRANCHES = {metric: load(metric) for metric in ("blur", "brightness", "rotation", "turn")}


def reference_view(data):
    image = Image.open(io.BytesIO(data))
    # Decodes JPEGs at a half, a quarter or an eighth, never below the size asked for.
    image.draft("RGB", (REFERENCE, REFERENCE))
    image = ImageOps.exif_transpose(image).convert("RGB")
    scale = REFERENCE / max(image.size)
    return image.resize([round(side * scale) for side in image.size], Image.LANCZOS) if scale < 1 else image


def blur_view(luma):
    """From each ninth the tile with most detail."""
    luma = cv2.copyMakeBorder(luma, 0, max(TILE - luma.shape[0], 0), 0, max(TILE - luma.shape[1], 0), cv2.BORDER_REFLECT_101)
    height, width = luma.shape
    across, down = numpy.abs(numpy.diff(luma, axis=1)), numpy.abs(numpy.diff(luma, axis=0))
    detail = across[: height - 1, : width - 1] + down[: height - 1, : width - 1]
    blocks = cv2.resize(detail, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA)
    corners = cv2.integral(numpy.minimum(blocks, ENOUGH))
    side = TILE // BLOCK

    def starts(length, third):
        room = max(length - TILE, 0)
        first, last = (min(max(length * edge // GRID - TILE // 2, 0), room) // BLOCK for edge in (third, third + 1))
        return numpy.arange(first, last + 1, EVEN)

    tiles = []
    for row in range(GRID):
        for column in range(GRID):
            top, left = starts(height, row), starts(width, column)
            low, right = numpy.minimum(top + side, len(corners) - 1), numpy.minimum(left + side, len(corners[0]) - 1)
            held = corners[numpy.ix_(low, right)] - corners[numpy.ix_(top, right)] - corners[numpy.ix_(low, left)] + corners[numpy.ix_(top, left)]
            best = numpy.unravel_index(held.argmax(), held.shape)
            y, x = min(top[best[0]] * BLOCK, height - TILE), min(left[best[1]] * BLOCK, width - TILE)
            tiles.append(luma[y : y + TILE, x : x + TILE])
    return numpy.stack(tiles) / 255


def brightness_view(image):
    fine = numpy.asarray(image.resize((4 * SMALL, 4 * SMALL), Image.BOX), numpy.float32) / 255
    blocks = fine.reshape(SMALL, 4, SMALL, 4, 3)
    value = blocks.max(axis=4)
    planes = [blocks.mean(axis=(1, 3))[..., channel] for channel in range(3)]
    return numpy.stack([*planes, value.min(axis=(1, 3)), value.max(axis=(1, 3))])


def ends(image):
    """The squares at the two ends of the long side."""
    width, height = image.size
    side = min(width, height)
    return [(0, 0, side, side), (width - side, height - side, width, height)]


def rotation_view(image):
    discs = [numpy.asarray(image.resize((DISC, DISC), Image.BILINEAR, box), numpy.float32) @ LUMA for box in ends(image)]
    return numpy.stack(discs)


def turn_view(image):
    """Both squares, each turned back by each right angle."""
    squares = [numpy.asarray(image.resize((TURNED, TURNED), Image.BOX, box), numpy.float32) / 255 for box in ends(image)]
    return numpy.concatenate([numpy.rot90(square, turns).transpose(2, 0, 1) for square in squares for turns in range(4)])


def checks(pixels, luma):
    low, high = numpy.percentile(luma[::2, ::2], (1, 95))
    rg, yb = pixels[::2, ::2, 0] - pixels[::2, ::2, 1], (pixels[::2, ::2, 0] + pixels[::2, ::2, 1]) / 2 - pixels[::2, ::2, 2]
    noise = numpy.abs(cv2.filter2D(luma, -1, numpy.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])))
    spectra = [numpy.abs(numpy.fft.rfft(numpy.abs(numpy.diff(luma, axis=axis)).mean(1 - axis))) for axis in (0, 1)]
    cells = numpy.array_split(luma[::4], 4), numpy.array_split(luma[:, ::4].T, 6)
    edges = [
        numpy.percentile(numpy.abs(cell[:, 1:] - cell[:, :-1]), 98) / (1 + numpy.percentile(numpy.abs(cell[:, 4:] - cell[:, :-4]), 98))
        for lines, parts in zip(cells, (6, 4))
        for line in lines
        for cell in numpy.array_split(line, parts, axis=1)
    ]
    return {
        "contrast": float((high - low) / (high + low + 1)),
        "colourfulness": float(numpy.hypot(rg.std(), yb.std()) + 0.3 * numpy.hypot(rg.mean(), yb.mean())),
        "noise": float(numpy.sqrt(numpy.pi / 2) * numpy.median(noise[::2, ::2]) / 6),
        "upscale": [int(spectrum[8:].argmax()) for spectrum in spectra],
        "sharp_share": float(numpy.mean(numpy.array(edges) > 0.37)),
    }


def calibrated(calibration, raw, log_scale):
    curve = numpy.array(calibration["curve"])
    value = float(numpy.interp(raw, curve[:, 0], curve[:, 1]))
    bins = calibration["intervals"]
    found = next((bin for bin in bins if log_scale <= bin["max_log_scale"]), bins[-1])
    scale = float(numpy.exp(log_scale))
    return {"value": value, "low": value - scale * found["below"], "high": value + scale * found["above"]}


def score_bytes(data):
    image = reference_view(data)
    pixels = numpy.asarray(image, numpy.float32)
    luma = pixels @ (255 * LUMA)
    views = {
        "blur": blur_view(luma),
        "brightness": brightness_view(image),
        "rotation": rotation_view(image),
        "turn": turn_view(image),
    }
    scores, orientation = {}, None
    for metric, (session, name, calibration) in BRANCHES.items():
        output = session.run(None, {name: views[metric][None].astype(numpy.float32)})[0][0]
        if metric == "turn":
            orientation = int(output.argmax())
        else:
            scores[metric] = calibrated(calibration, *output)
    return {"scores": scores, "orientation": orientation, "checks": checks(pixels, luma)}


@app.post("/score")
async def score(request: Request):
    data = await request.body()
    try:
        return await run_in_threadpool(score_bytes, data)
    except (OSError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
