"""Photos turned by 8 degrees in frames that are level, by as much as uploads are, and level rooms with a crooked picture. Truth is the turn
and, where it is known, the photo's own tilt. Numbers in brackets: kinds of the field's reports."""

import math

import cv2
import numpy as np

from .common import THUMBNAIL, jpeg, view
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


def turned_up_to(most):
    def make(image, chance):
        degrees = float(chance.uniform(-most, most))
        return jpeg(turned(image, degrees)), degrees

    return make


def crooked_picture(image, chance):
    """A part of the photo hung on it, turned by 5 to 15 degrees and framed, as a picture on a wall."""
    height, width = image.shape[:2]
    high = int(min(height, width) * chance.uniform(0.2, 0.35))
    wide = int(high * chance.uniform(0.7, 1.4))
    left, top = int(chance.uniform(0, width - wide)), int(chance.uniform(0, height - high))
    sides = [max(2, high // 20)] * 4
    picture = cv2.copyMakeBorder(image[top : top + high, left : left + wide], *sides, cv2.BORDER_CONSTANT, value=(30, 40, 50))
    high, wide = picture.shape[:2]
    centre = chance.uniform(0.25, 0.75) * width, chance.uniform(0.25, 0.5) * height
    degrees = float(chance.uniform(5, 15) * chance.choice([-1, 1]))
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), -degrees, 1)
    matrix[:, 2] += (centre[0] - wide / 2, centre[1] - high / 2)
    hung = image.copy()
    cv2.warpAffine(picture, matrix, (width, height), hung, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    return jpeg(hung), 0.0


def ribbon(image, chance):
    """A band across the whole photo, by 20 to 50 degrees, with a word along it."""
    image, (height, width) = image.copy(), image.shape[:2]
    long, high = 2 * (width + height), int(min(height, width) * chance.uniform(0.14, 0.24))
    colour = tuple(map(int, chance.integers(0, 160, 3)))
    band = np.full((high, long, 3), colour, np.uint8)
    word = ["SOLD", "RESERVED", "VERKAUFT", "NEW PRICE", "VENDU"][chance.integers(5)]
    for left in range(0, long, int(high * 0.8 * (len(word) + 3))):
        thickness = max(2, high // 14)
        cv2.putText(band, word, (left, int(high * 0.75)), cv2.FONT_HERSHEY_DUPLEX, high / 45, (255, 255, 255), thickness, cv2.LINE_AA)
    matrix = cv2.getRotationMatrix2D((long / 2, high / 2), float(chance.uniform(20, 50) * chance.choice([-1, 1])), 1)
    matrix[:, 2] += (width * chance.uniform(0.35, 0.65) - long / 2, height * chance.uniform(0.35, 0.65) - high / 2)
    cv2.warpAffine(band, matrix, (width, height), image, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    return image


KINDS = {f"turned by 8 degrees, {frame}": kind(frame) for frame in FRAMES}
KINDS[f"turned by 8 degrees, thumbnail of {THUMBNAIL} px [32]"] = lambda image, chance: (
    jpeg(view(turned(image, DEGREES), THUMBNAIL)),
    float(DEGREES),
)
KINDS |= {f"turned by -{most} to {most} degrees": turned_up_to(most) for most in (12, 30)}
KINDS["level, a crooked picture [30]"] = crooked_picture
KINDS["level, a ribbon across"] = lambda image, chance: (jpeg(ribbon(image, chance)), 0.0)
KINDS["turned by 8 degrees, a ribbon across"] = lambda image, chance: (jpeg(ribbon(turned(image, DEGREES), chance)), float(DEGREES))
