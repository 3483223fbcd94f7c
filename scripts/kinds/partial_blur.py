"""Photos that are blurred in part: focus behind the subject, half of a lens smeared, and photos in which that is meant. Numbers in
brackets: kinds of the field's reports."""

import cv2
import numpy

from .blur import before_soft_background, gaussian
from .collage import KINDS as COLLAGES
from .common import jpeg, view


def within(inside, sigma):
    """Blurred where `inside` holds of the place, as shares of both sides; the border is soft."""

    def make(image, chance):
        image = view(image)
        height, width = image.shape[:2]
        down, across = numpy.mgrid[:height, :width]
        mask = inside(across / width, down / height).astype(numpy.float32)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.02 * max(height, width))[..., None]
        mixed = gaussian(image, sigma) * mask + image * (1 - mask)
        return jpeg(mixed.clip(0, 255).astype(numpy.uint8)), None

    return make


def middle(across, down):
    """Three fifths of the area."""
    return (abs(across - 0.5) < 0.387) & (abs(down - 0.5) < 0.387)


KINDS = {
    "untouched": lambda image, chance: (jpeg(view(image)), None),
    "blurred by 3 px as a whole": lambda image, chance: (jpeg(gaussian(view(image), 3)), None),
    "middle three fifths blurred by 2 px [14]": within(middle, 2),
    "middle three fifths blurred by 4 px [14]": within(middle, 4),
    "left three fifths blurred by 3 px [15]": within(lambda across, down: across < 0.6, 3),
    "right half blurred by 3 px [15]": within(lambda across, down: across > 0.5, 3),
    "sharp subject of 5 % before a soft background [18, 19]": lambda image, chance: (
        jpeg(before_soft_background(view(image), chance, 0.05)),
        None,
    ),
    "sharp subject of 15 % before a soft background [18, 19]": lambda image, chance: (
        jpeg(before_soft_background(view(image), chance, 0.15)),
        None,
    ),
} | {kind: make for kind, make in COLLAGES.items() if kind.startswith("four")}
