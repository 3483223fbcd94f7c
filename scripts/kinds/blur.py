"""Uploads that are unsharp, that hide it, and that only look so. Truth is the standard deviation of what blurs, in pixels of the
reference view, as root mean square over both axes. Numbers in brackets: kinds of the field's reports."""

import math

import cv2
import numpy

from .common import THUMBNAIL, jpeg, view

FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX]


# What blurs.


def gaussian(image, sigma):
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.05 else image


def disk(image, sigma):
    radius = 2 * sigma
    reach = math.ceil(radius) + 1
    y, x = numpy.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = numpy.clip(radius + 0.5 - numpy.hypot(x, y), 0, 1)
    return convolve(image, kernel)


def line(length, angle):
    """Kernel of a straight shake, drawn four times as fine."""
    fine, side = 4, 2 * math.ceil(length / 2) + 3
    kernel = numpy.zeros((side * fine, side * fine), numpy.float32)
    centre = (side * fine - 1) / 2
    along = numpy.array([math.cos(angle), math.sin(angle)]) * length * fine / 2
    ends = [tuple(int(round(16 * value)) for value in centre + sign * along) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1, fine, cv2.LINE_AA, 4)
    return kernel.reshape(side, fine, side, fine).mean((1, 3))


def curve(extent, chance):
    """Kernel of a curved shake whose path is `extent` pixels long from end to end."""
    fine = 4
    steps = chance.normal(size=(60, 2))
    steps = cv2.GaussianBlur(numpy.cumsum(steps, 0).astype(numpy.float32), (1, 15), 0)
    path = numpy.cumsum(steps, 0)
    path -= (path.max(0) + path.min(0)) / 2
    path *= extent * fine / 2 / numpy.linalg.norm(path, axis=1).max()
    side = 2 * math.ceil(extent / 2) + 5
    kernel = numpy.zeros((side * fine, side * fine), numpy.float32)
    points = numpy.round(16 * (path + (side * fine - 1) / 2)).astype(numpy.int32)
    cv2.polylines(kernel, [points], False, 1, fine, cv2.LINE_AA, 4)
    return kernel.reshape(side, fine, side, fine).mean((1, 3))


def jolt(length, angle):
    """Kernel of a camera that rests at both ends of its way, as where the button is pressed hard: two pictures beside each other."""
    rests = numpy.zeros_like(kernel := line(length, angle))
    for sign in (-1, 1):
        at = [(side - 1) / 2 + sign * length / 2 * part(angle) for side, part in zip(kernel.shape, (math.sin, math.cos))]
        rests[tuple(round(place) for place in at)] = 0.4
    return rests + 0.2 * kernel / kernel.sum()


def deviation(kernel):
    kernel = kernel / kernel.sum()
    y, x = numpy.mgrid[: kernel.shape[0], : kernel.shape[1]]
    variance = [(kernel * (axis - (kernel * axis).sum()) ** 2).sum() for axis in (x, y)]
    return math.sqrt(sum(variance) / 2)


def convolve(image, kernel):
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


# What is laid over.


def words(chance, letters):
    return "".join(chance.choice(list("ABCDEFGHIKLMNOPRSTUVW 0123456789")) for _ in range(letters))


def write(image, text, at, height, colour, thickness):
    font = FONTS[len(text) % len(FONTS)]
    cv2.putText(image, text, tuple(map(int, at)), font, height / 22, colour, thickness, cv2.LINE_AA)


def banner(image, chance):
    image, (height, width) = image.copy(), image.shape[:2]
    bar, colour = int(height * chance.uniform(0.12, 0.22)), tuple(map(int, chance.integers(0, 256, 3)))
    top = 0 if chance.random() < 0.5 else height - bar
    cv2.rectangle(image, (0, top), (width, top + bar), colour, -1)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    write(image, words(chance, 22), (width * 0.04, top + bar * 0.65), bar * 0.4, ink, 3)
    return image


def logo(image, chance):
    image, (height, width) = image.copy(), image.shape[:2]
    side = int(chance.uniform(90, 150))
    left, top = [(20, 20), (width - side - 20, 20), (20, height - side - 20), (width - side - 20, height - side - 20)][chance.integers(4)]
    cv2.circle(image, (left + side // 2, top + side // 2), side // 2, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(image, (left + side // 2, top + side // 2), side // 2 - 6, (30, 30, 160), 5, cv2.LINE_AA)
    write(image, words(chance, 4), (left + side * 0.2, top + side * 0.58), side * 0.2, (30, 30, 30), 2)
    return image


def frame(share, colour):
    def apply(image, chance):
        width = max(2, round(share * max(image.shape[:2])))
        inner = image[width:-width, width:-width]
        return cv2.copyMakeBorder(inner, width, width, width, width, cv2.BORDER_CONSTANT, value=colour)

    return apply


def date(image, chance):
    image, (height, width) = image.copy(), image.shape[:2]
    text = f"{chance.integers(2001, 2027)}/{chance.integers(1, 13):02}/{chance.integers(1, 29):02} {chance.integers(24):02}:{chance.integers(60):02}"
    write(image, text, (width - 330, height - 30), 22, (20, 150, 255), 2)
    return image


def corner_mark(image, chance):
    image, (height, width) = image.copy(), image.shape[:2]
    write(image, "MLS " + words(chance, 7), (14, height - 14), 14, (255, 255, 255), 1)
    return image


def tiled(image, chance):
    layer, (height, width) = image.copy(), image.shape[:2]
    text = words(chance, 10)
    for y in range(40, height, 110):
        for x in range(-100 + y % 90, width, 260):
            write(layer, text, (x, y), 22, (255, 255, 255), 2)
    return cv2.addWeighted(layer, 0.45, image, 0.55, 0)


def centre_mark(image, chance):
    layer, (height, width) = image.copy(), image.shape[:2]
    write(layer, words(chance, 9), (width * 0.15, height * 0.55), 75, (255, 255, 255), 8)
    return cv2.addWeighted(layer, 0.45, image, 0.55, 0)


OVERLAYS = {
    "banner [1]": banner,
    "logo [3]": logo,
    "white frame of 1 % [2]": frame(0.01, (255, 255, 255)),
    "black frame of 2 % [2]": frame(0.02, (0, 0, 0)),
    "date [4]": date,
    "corner mark [4]": corner_mark,
    "tiled mark [4]": tiled,
    "centre mark [4]": centre_mark,
}


# What hides it.


def noise(levels, smooth=0.0):
    def apply(image, chance):
        grain = chance.normal(size=image.shape).astype(numpy.float32)
        if smooth:
            grain = cv2.GaussianBlur(grain, (0, 0), smooth)
            grain /= grain.std()
        return numpy.clip(image + levels * grain, 0, 255).astype(numpy.uint8)

    return apply


def pixelated(factor, up=cv2.INTER_NEAREST):
    def apply(image):
        height, width = image.shape[:2]
        small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=up)

    return apply


def before_soft_background(image, chance, share, inside=0.0):
    """A subject of a share of the frame, anywhere, before a background blurred by 4 to 6 px."""
    height, width = image.shape[:2]
    radius = math.sqrt(share * height * width / math.pi)
    centre = [chance.uniform(radius, max(radius + 1, side - radius)) for side in (width, height)]
    y, x = numpy.mgrid[:height, :width]
    weight = numpy.clip((radius - numpy.hypot(x - centre[0], y - centre[1])) / 12 + 0.5, 0, 1)[..., None]
    soft = disk(image, chance.uniform(4, 6))
    return (weight * gaussian(image, inside) + (1 - weight) * soft).astype(numpy.uint8)


# The table.


def spread_over(low, high, degrade):
    def make(image, chance):
        truth = chance.uniform(low, high)
        return jpeg(degrade(view(image), truth), int(chance.integers(80, 96))), truth

    return make


def shaken(shortest, longest, angle=None, path=line):
    def make(image, chance):
        kernel = path(chance.uniform(shortest, longest), chance.uniform(0, math.pi) if angle is None else angle)
        return jpeg(convolve(view(image), kernel)), deviation(kernel)

    return make


def curved(extent):
    def make(image, chance):
        kernel = curve(extent, chance)
        return jpeg(convolve(view(image), kernel)), deviation(kernel)

    return make


def under(overlay, sigma):
    return lambda image, chance: (jpeg(overlay(gaussian(view(image), sigma), chance)), sigma)


def after(hide, sigma):
    return lambda image, chance: (jpeg(hide(gaussian(view(image), sigma), chance)), sigma)


KINDS = {
    "untouched": lambda image, chance: (jpeg(view(image)), 0.0),
    f"thumbnail of {THUMBNAIL} px [32]": lambda image, chance: (jpeg(view(image, THUMBNAIL)), 0.0),
    "Gaussian 0 to 5 px": spread_over(0, 5, gaussian),
    "disk 0 to 4 px": spread_over(0, 4, disk),
    "shake 5 to 18 px long, any direction [12]": shaken(5, 18),
    "shake of 12 px, horizontal [12]": shaken(12, 12, 0.0),
    "shake of 12 px, any direction [12]": shaken(12, 12),
    "shake of 20 px, horizontal [12]": shaken(20, 20, 0.0),
    "shake of 20 px, any direction [12]": shaken(20, 20),
    "curved shake, 20 px from end to end [12]": curved(20),
    "jolt of 16 px, resting at both ends [12]": shaken(16, 16, path=jolt),
    **{f"2.5 px under {name}": under(overlay, 2.5) for name, overlay in OVERLAYS.items()},
    **{f"sharp under {name}": under(overlay, 0.0) for name, overlay in OVERLAYS.items()},
    "2.5 px, white noise of 10 levels [13]": after(noise(10), 2.5),
    "2.5 px, white noise of 35 levels [13]": after(noise(35), 2.5),
    "2.5 px, blotches of 12 levels [13]": after(noise(12, 1.0), 2.5),
    "sharp, white noise of 10 levels": after(noise(10), 0.0),
    "2.5 px at JPEG quality 5 [17]": lambda image, chance: (jpeg(gaussian(view(image), 2.5), 5), 2.5),
    "2.5 px at JPEG quality 10 [17]": lambda image, chance: (jpeg(gaussian(view(image), 2.5), 10), 2.5),
    "sharp at JPEG quality 30": lambda image, chance: (jpeg(view(image), 30), 0.0),
    "pixelated 4 times [16]": lambda image, chance: (jpeg(pixelated(4)(view(image))), math.sqrt(15 / 6)),
    "pixelated 6 times [16]": lambda image, chance: (jpeg(pixelated(6)(view(image))), math.sqrt(35 / 6)),
    "bilinear 4 times [16]": lambda image, chance: (jpeg(pixelated(4, cv2.INTER_LINEAR)(view(image))), math.sqrt(15 / 4)),
    "sharp subject of 5 % before a soft background [18, 19]": lambda image, chance: (
        jpeg(before_soft_background(view(image), chance, 0.05)),
        0.0,
    ),
    "sharp subject of 15 % before a soft background [18, 19]": lambda image, chance: (
        jpeg(before_soft_background(view(image), chance, 0.15)),
        0.0,
    ),
}
REASONS = {kind: "upscaled" for kind in KINDS if kind.startswith("pixelated")}
