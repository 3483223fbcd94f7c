"""Photos behind fog, and whose blacks and whites are gone otherwise. Numbers in brackets: kinds of the field's reports."""

import cv2
import numpy

from .blur import gaussian
from .common import jpeg, view

WHITE, LIGHT_GRAY, GRAY = 255, 200, 150


def veiled(image, share, level):
    """A share of each pixel's light, one for all or one for each, is that of the veil."""
    return ((1 - share) * image + share * level).round().astype(numpy.uint8)


def veil(share, level):
    return lambda image, chance: (jpeg(veiled(view(image), share, level)), None)


def breathed_on(image, chance):
    """A lens that somebody breathed on: fog in patches, which scatters half of the light."""
    image = view(image)
    height, width = image.shape[:2]
    share = cv2.resize(chance.uniform(0.3, 0.7, (4, 5)), (width, height))[..., None]
    scattered = cv2.addWeighted(image, 0.5, gaussian(image, 0.02 * max(height, width)), 0.5, 0)
    return jpeg(veiled(scattered, share, LIGHT_GRAY)), None


def in_fog(image, chance):
    """Fog before the lens: the further away (the higher up), the thicker."""
    image = view(image)
    share = numpy.linspace(chance.uniform(0.7, 0.9), chance.uniform(0.2, 0.4), image.shape[0])[:, None, None]
    return jpeg(veiled(image, share, LIGHT_GRAY)), None


KINDS = {
    "untouched": lambda image, chance: (jpeg(view(image)), None),
    **{f"veil of {share} % white [31]": veil(share / 100, WHITE) for share in (20, 30, 40)},
    **{f"veil of {share} % light gray [31]": veil(share / 100, LIGHT_GRAY) for share in (20, 30, 40)},
    "washed out, from levels 90 to 192 [31]": veil(0.6, GRAY),
    "lens breathed on [31]": breathed_on,
    "in fog, thicker further away": in_fog,
}
