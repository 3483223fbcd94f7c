"""Photos whose brightness something else than the photo tells of: truth is 0, the photos are well exposed. And backlit rooms: truth is what
the room lost. Numbers in brackets: kinds of the field's reports."""

import numpy

from .common import jpeg
from .frame import FRAMES, framed


def kind(frame):
    return lambda image, chance: (jpeg(framed(image, frame)), 0.0)


def backlit(share):
    """Windows that are nearly white, and all else with a share of its light, in linear light."""

    def make(image, chance):
        height, width = image.shape[:2]
        values = image.astype(numpy.float32) / 255
        outside = numpy.zeros((height, width), bool)
        for _ in range(2):
            across, down = int(width * chance.uniform(0.15, 0.3)), int(height * chance.uniform(0.25, 0.45))
            left, top = int(chance.uniform(0, width - across)), int(chance.uniform(0, (height - down) * 0.6))
            outside[top : top + down, left : left + across] = True
        dark = (share * values**2.2) ** (1 / 2.2)
        lost = (dark.max(axis=2) - values.max(axis=2))[~outside].mean()
        dark[outside] = 1 - 0.15 * (1 - values[outside])
        return jpeg((255 * dark).round().astype(numpy.uint8)), float(lost)

    return make


def exposed(image, chance):
    """Exposed by up to 1.5 stops less or more, in linear light; truth is the mean change of V."""
    values = image.astype(numpy.float32) / 255
    other = (values**2.2 * 2 ** chance.uniform(-1.5, 1.5)).clip(0, 1) ** (1 / 2.2)
    return jpeg((255 * other).round().astype(numpy.uint8)), float((other.max(axis=2) - values.max(axis=2)).mean())


KINDS = {frame: kind(frame) for frame in FRAMES}
KINDS |= {"exposed by -1.5 to 1.5 stops": exposed}
KINDS |= {f"backlit, the room at {share} % of its light": backlit(share / 100) for share in (35, 20)}
