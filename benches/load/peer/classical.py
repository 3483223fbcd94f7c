"""What teams run today instead of a trained model: FastAPI and OpenCV; variance of the Laplacian for blur, mean V for brightness, the median
angle of Hough lines for tilt. Numbers without unit or interval. It exists to be measured beside Clearshot (see docs/performance.md).

    uvicorn classical:app --workers 2 --port 8091
"""

import cv2
import numpy
from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

LONG_SIDE = 1024

cv2.setNumThreads(1)
app = FastAPI()


def score_bytes(data):
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("not an image")
    scale = LONG_SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    lines = cv2.HoughLinesP(cv2.Canny(gray, 50, 150), 1, numpy.pi / 360, 80, minLineLength=80, maxLineGap=5)
    angles = []
    for x1, y1, x2, y2 in [] if lines is None else lines.reshape(-1, 4):
        angle = (numpy.degrees(numpy.arctan2(y2 - y1, x2 - x1)) + 45) % 90 - 45
        angles.append(angle)
    return {
        "blur": float(cv2.Laplacian(gray, cv2.CV_64F).var()),
        "brightness": float(cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[..., 2].mean()),
        "tilt": float(numpy.median(angles)) if angles else 0.0,
    }


@app.post("/score")
async def score(request: Request):
    data = await request.body()
    try:
        return await run_in_threadpool(score_bytes, data)
    except (cv2.error, ValueError) as error:
        raise HTTPException(422, str(error)) from error
