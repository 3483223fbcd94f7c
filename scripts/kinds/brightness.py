"""Photos whose brightness something else than the photo tells of. Truth is 0: the photos are well exposed. Numbers in brackets: kinds
of the field's reports."""

from .common import jpeg
from .frame import FRAMES, framed


def kind(frame):
    return lambda image, chance: (jpeg(framed(image, frame)), 0.0)


KINDS = {frame: kind(frame) for frame in FRAMES}
