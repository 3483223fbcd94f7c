"""Photos behind fog, and whose blacks and whites are gone otherwise. Numbers in brackets: kinds of the field's reports."""

import cv2
import numpy
from PIL import Image, ImageDraw, ImageFont

from .blur import gaussian, words
from .common import jpeg, view

WHITE, LIGHT_GRAY, GRAY = 255, 200, 150


# What lies before the scene.


def veiled(image, share, level):
    """A share of each pixel's light, one for all or one for each, is that of the veil."""
    return ((1 - share) * image + share * level).round().astype(numpy.uint8)


def veil(share, level):
    return lambda image, chance: veiled(image, share, level)


def breathed_on(image, chance):
    """A lens that somebody breathed on: fog in patches, which scatters half of the light."""
    height, width = image.shape[:2]
    share = cv2.resize(chance.uniform(0.3, 0.7, (4, 5)), (width, height))[..., None]
    scattered = cv2.addWeighted(image, 0.5, gaussian(image, 0.02 * max(height, width)), 0.5, 0)
    return veiled(scattered, share, LIGHT_GRAY)


def in_fog(image, chance):
    """Fog before the lens: the further away (the higher up), the thicker."""
    share = numpy.linspace(chance.uniform(0.7, 0.9), chance.uniform(0.2, 0.4), image.shape[0])[:, None, None]
    return veiled(image, share, LIGHT_GRAY)


# What cameras, dealers and portals lay over it, whose ink no fog lifts. Sizes are shares of the photo's sides.


def canvas(image):
    picture = Image.fromarray(image)
    return picture, ImageDraw.Draw(picture), picture.size


def logo(image, chance):
    """White letters on black, 2 to 4 % of the photo, in a corner."""
    picture, draw, (width, height) = canvas(image)
    across = chance.uniform(1, 2)
    high = (chance.uniform(0.02, 0.04) * width * height / across) ** 0.5
    wide, margin = across * high, 0.02 * width
    left, top = chance.choice([margin, width - wide - margin]), chance.choice([margin, height - high - margin])
    shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
    shape((left, top, left + wide, top + high), fill=(0, 0, 0))
    middle, font = (left + wide / 2, top + high / 2), ImageFont.load_default(0.3 * high)
    draw.text(middle, words(chance, 4), font=font, fill=(255, 255, 255), anchor="mm")
    return numpy.asarray(picture)


def banner(image, chance):
    """White letters on black, anthracite or navy over the lowest 10 to 15 % of the photo."""
    picture, draw, (width, height) = canvas(image)
    bar = chance.uniform(0.1, 0.15) * height
    colours = [(0, 0, 0), (43, 38, 36), (60, 30, 15)]
    draw.rectangle((0, height - bar, width, height), fill=colours[chance.integers(3)])
    font = ImageFont.load_default(0.4 * bar)
    draw.text((0.04 * width, height - bar / 2), words(chance, 22), font=font, fill=(255, 255, 255), anchor="lm")
    return numpy.asarray(picture)


def date(image, chance):
    """Orange digits with a black outline."""
    picture, draw, (width, height) = canvas(image)
    size = 0.05 * height
    year, month, day = (chance.integers(*ends) for ends in ((2001, 2027), (1, 13), (1, 29)))
    text, font = f"{year}/{month:02}/{day:02} {chance.integers(10, 24)}:{chance.integers(10, 60)}", ImageFont.load_default(size)
    outline = {"stroke_width": size / 12, "stroke_fill": (0, 0, 0)}
    draw.text((0.97 * width, 0.96 * height), text, font=font, fill=(20, 150, 255), anchor="rs", **outline)
    return numpy.asarray(picture)


def mark(image, chance):
    """Black letters across the middle."""
    picture, draw, (width, height) = canvas(image)
    text = words(chance, 9)
    font = ImageFont.load_default(70 * width / ImageFont.load_default(100).getlength(text))
    draw.text((0.5 * width, chance.uniform(0.3, 0.7) * height), text, font=font, fill=(0, 0, 0), anchor="mm")
    return numpy.asarray(picture)


OVERLAYS = {"a black logo": logo, "a dark banner": banner, "a date": date, "a black mark": mark}


# The table.


def spoilt(spoil, overlay=None):
    def make(image, chance):
        image = spoil(view(image), chance)
        return jpeg(overlay(image, chance) if overlay else image), None

    return make


FOGS = {"veil of 30 % white": veil(0.3, WHITE), "veil of 30 % light gray": veil(0.3, LIGHT_GRAY), "lens breathed on": breathed_on}
KINDS = {
    "untouched": spoilt(lambda image, chance: image),
    **{f"veil of {share} % white [31]": spoilt(veil(share / 100, WHITE)) for share in (20, 30, 40)},
    **{f"veil of {share} % light gray [31]": spoilt(veil(share / 100, LIGHT_GRAY)) for share in (20, 30, 40)},
    "washed out, from levels 90 to 192 [31]": spoilt(veil(0.6, GRAY)),
    "lens breathed on [31]": spoilt(breathed_on),
    "in fog, thicker further away": spoilt(in_fog),
    **{f"{fog}, under {name}": spoilt(spoil, overlay) for fog, spoil in FOGS.items() for name, overlay in OVERLAYS.items()},
}
