"""Photos turned by 8 degrees, in frames that are level. Truth is 8, where the photo itself was level. Numbers in brackets: kinds of
the field's reports."""

import math

import cv2

from .common import jpeg
from .frame import FRAMES, framed

DEGREES = 8


def turned(image, degrees):
    """Turned clockwise about the centre, and cut to the largest part of the same shape that is filled."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    whole = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC)
    sine, cosine = math.sin(math.radians(abs(degrees))), math.cos(math.radians(degrees))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine)) * 0.99
    cut = [round(side * (1 - share) / 2) for side in (height, width)]
    return whole[cut[0] : height - cut[0], cut[1] : width - cut[1]]


def kind(frame):
    return lambda image, chance: (jpeg(framed(turned(image, DEGREES), frame)), float(DEGREES))


KINDS = {f"turned by 8 degrees, {frame}": kind(frame) for frame in FRAMES}
