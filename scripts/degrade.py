"""Degradations by Pillow, which the trainer does not know: what check-accuracy and check-profiles measure with."""

import csv
import io
import json
import math
import urllib.request

from PIL import Image, ImageFilter

REFERENCE = 1024


def reference_view(image):
    scale = REFERENCE / max(image.size)
    if scale >= 1:
        return image
    return image.resize([round(side * scale) for side in image.size], Image.LANCZOS)


def blur(image, sigma):
    return reference_view(image).filter(ImageFilter.GaussianBlur(sigma))


def brightness(image, shift):
    hue, saturation, value = reference_view(image).convert("HSV").split()
    value = value.point([max(0, min(255, round(level + 255 * shift))) for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def rotation(image, degrees, reach=30):
    """Turned, and cut to what is filled at every angle up to `reach`."""
    # Pillow turns counterclockwise for positive angles.
    turned = image.rotate(-degrees, Image.BICUBIC)
    width, height = image.size
    sin, cos = math.sin(math.radians(reach)), math.cos(math.radians(reach))
    share = min(width / (width * cos + height * sin), height / (width * sin + height * cos))
    w, h = int(width * share), int(height * share)
    left, top = (width - w) // 2, (height - h) // 2
    return turned.crop((left, top, left + w, top + h))


METRICS = {"blur": (blur, 0.0, 5.0), "brightness": (brightness, -0.4, 0.4), "rotation": (rotation, -30.0, 30.0)}


def score(url, image, quality, profile="default"):
    """The server's answer to an image, saved as JPEG."""
    body = io.BytesIO()
    image.save(body, "JPEG", quality=quality)
    request = urllib.request.Request(f"{url}/score?profile={profile}", body.getvalue(), {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_photos(split, within=""):
    """Rows of the photos that neither training nor calibration saw."""
    return [row for row in csv.DictReader(open(split)) if row["part"] == "test" and row["file"].startswith(within)]


def own(photo, metric):
    """How much of a metric a photo has by itself: its tilt in degrees, where the split knows it."""
    return float(photo.get("lean") or 0) if metric == "rotation" else 0.0
