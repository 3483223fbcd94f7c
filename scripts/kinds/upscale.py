"""Small pictures that were enlarged: by repeated pixels, which the check finds, and smoothly, which is blur. Numbers in brackets: kinds of
the field's reports."""

import cv2

from .blur import pixelated
from .common import jpeg, view

FACTORS = (2, 3, 4)
SMOOTH = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "Lanczos": cv2.INTER_LANCZOS4}


def enlarged(factor, by=cv2.INTER_NEAREST):
    return lambda image, chance: (jpeg(pixelated(factor, by)(view(image))), None)


SMOOTHLY = {f"{name} {factor} times [16]": enlarged(factor, by) for name, by in SMOOTH.items() for factor in FACTORS}
KINDS = {
    "untouched": lambda image, chance: (jpeg(view(image)), None),
    **{f"pixelated {factor} times [16]": enlarged(factor) for factor in FACTORS},
    **SMOOTHLY,
}
REASONS = dict.fromkeys(SMOOTHLY, "blurred")
