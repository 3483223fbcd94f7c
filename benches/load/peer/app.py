"""The service a team would write instead of Clearshot: FastAPI, uvicorn workers, Pillow with its draft mode, ONNX Runtime in
Python; the same models and the same views. It exists to be measured beside Clearshot (see docs/performance.md).

    uvicorn app:app --workers 2 --port 8090
"""

import io
import json
import os
import pathlib

import numpy
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from PIL import Image, ImageOps
from starlette.concurrency import run_in_threadpool

MODELS = pathlib.Path(os.environ.get("MODELS", pathlib.Path(__file__).parents[3] / "models"))
REFERENCE, TILE, GRID, DISC, SMALL = 1024, 128, 3, 192, 64
LUMA = numpy.array([0.299, 0.587, 0.114], numpy.float32) / 255

app = FastAPI()


def load(metric):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODELS / f"{metric}.onnx", options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name, json.loads((MODELS / f"{metric}.json").read_text())["calibration"]


BRANCHES = {metric: load(metric) for metric in ("blur", "brightness", "rotation")}


def reference_view(data):
    image = Image.open(io.BytesIO(data))
    # Decodes JPEGs at a half, a quarter or an eighth, never below the size asked for.
    image.draft("RGB", (REFERENCE, REFERENCE))
    image = ImageOps.exif_transpose(image).convert("RGB")
    scale = REFERENCE / max(image.size)
    return image.resize([round(side * scale) for side in image.size], Image.LANCZOS) if scale < 1 else image


def blur_view(pixels):
    luma = pixels @ LUMA
    height, width = luma.shape
    luma = numpy.pad(luma, ((0, max(TILE - height, 0)), (0, max(TILE - width, 0))), "reflect")
    starts = lambda side: [max(side - TILE, 0) * index // (GRID - 1) for index in range(GRID)]
    return numpy.stack([luma[y : y + TILE, x : x + TILE] for y in starts(height) for x in starts(width)])


def brightness_view(image):
    fine = numpy.asarray(image.resize((4 * SMALL, 4 * SMALL), Image.BOX), numpy.float32) / 255
    blocks = fine.reshape(SMALL, 4, SMALL, 4, 3)
    value = blocks.max(axis=4)
    planes = [blocks.mean(axis=(1, 3))[..., channel] for channel in range(3)]
    return numpy.stack([*planes, value.min(axis=(1, 3)), value.max(axis=(1, 3))])


def rotation_view(image):
    width, height = image.size
    side = min(width, height)
    boxes = [(0, 0, side, side), (width - side, height - side, width, height)]
    discs = [numpy.asarray(image.resize((DISC, DISC), Image.BILINEAR, box), numpy.float32) @ LUMA for box in boxes]
    return numpy.stack(discs)


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
    views = {"blur": blur_view(pixels), "brightness": brightness_view(image), "rotation": rotation_view(image)}
    scores = {}
    for metric, (session, name, calibration) in BRANCHES.items():
        raw, log_scale = session.run(None, {name: views[metric][None].astype(numpy.float32)})[0][0]
        scores[metric] = calibrated(calibration, raw, log_scale)
    return scores


@app.post("/score")
async def score(request: Request):
    data = await request.body()
    try:
        return {"scores": await run_in_threadpool(score_bytes, data)}
    except (OSError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
