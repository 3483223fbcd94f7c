"""Uploads that are not whole, as files and as pictures. Numbers in brackets: kinds of the field's reports."""

import cv2

from .common import jpeg


def cut(share):
    """The first part of the file, with an end marker."""
    return lambda image, chance: ((data := jpeg(image))[: int(len(data) * share)] + b"\xff\xd9", None)


def lost(image, chance):
    """16 kB in the middle never came."""
    data = jpeg(image)
    at = int(len(data) * chance.uniform(0.2, 0.7))
    return data[:at] + data[at + 16384 :], None


def zeroed(image, chance):
    """4 kB are zero, as on a bad disk."""
    data = jpeg(image)
    at = int(len(data) * chance.uniform(0.2, 0.7))
    return data[:at] + bytes(4096) + data[at + 4096 :], None


def wrong(image, chance):
    """Two bytes of the picture are others."""
    data = bytearray(jpeg(image))
    for at in chance.integers(int(len(data) * 0.1), int(len(data) * 0.9), 2):
        data[at] ^= int(chance.integers(1, 255))
    return bytes(data), None


def gray(share):
    """The lowest part is gray, and the picture was saved again."""

    def make(image, chance):
        image = image.copy()
        image[int(image.shape[0] * (1 - share)) :] = 128
        return jpeg(image), None

    return make


def without_end(image, chance):
    return jpeg(image)[:-2], None


def png(image, chance):
    return cv2.imencode(".png", image)[1].tobytes(), None


KINDS = {
    "whole": lambda image, chance: (jpeg(image), None),
    "whole, as PNG": png,
    "whole, but for the end marker [11]": without_end,
    "cut to 70 %, with an end marker [7]": cut(0.7),
    "cut to 50 %, with an end marker [7]": cut(0.5),
    "16 kB lost [8]": lost,
    "4 kB zeroed [8]": zeroed,
    "two wrong bytes [8]": wrong,
    "lowest 20 % gray, saved again [10]": gray(0.2),
    "lowest 40 % gray, saved again [10]": gray(0.4),
}
