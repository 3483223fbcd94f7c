"""Uploads that are not whole, as files and as pictures. Numbers in brackets: kinds of the field's reports."""

import cv2
import numpy

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


def filled(share, colour=(128, 128, 128)):
    """The lowest part has one colour (blue, green, red), and the picture was saved again."""

    def make(image, chance):
        image = image.copy()
        image[int(image.shape[0] * (1 - share)) :] = colour
        return jpeg(image), None

    return make


def marked(image, chance):
    """The lowest 30 % are gray; the picture was scaled and got writing over it."""
    image = image.copy()
    image[int(image.shape[0] * 0.7) // 16 * 16 :] = 128
    image = cv2.resize(decoded(jpeg(image)), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    at = int(width * 0.2), int(height * 0.87)
    cv2.putText(image, "portal.test", at, cv2.FONT_HERSHEY_SIMPLEX, 0.0024 * width, (230, 230, 230), max(1, width // 250), cv2.LINE_AA)
    return jpeg(image), None


def without_detail(image, chance):
    """The lower half has one value for each block, as where the first pass of a progressive file came alone."""
    height, width = image.shape[:2]
    from_row = height // 2 // 16 * 16
    means = cv2.resize(image, ((width + 7) // 8, (height + 7) // 8), interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(means, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    image = image.copy()
    image[from_row:] = blocks[from_row:height, :width]
    return jpeg(image), None


def lost_colours(red, blue):
    """The lower part has its luma, and these differences of red and blue for colours."""

    def make(image, chance):
        planes = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
        planes[int(image.shape[0] * chance.uniform(0.3, 0.8)) // 16 * 16 :, :, 1:] = red, blue
        return jpeg(cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR)), None

    return make


def decoded(data):
    return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)


def seen(image, chance):
    """Two bytes of the picture are others, and more than 3 % of it is other by more than 4 levels: in every third file but a block is."""
    whole = decoded(jpeg(image)).astype(numpy.int16)
    while True:
        data, _ = wrong(image, chance)
        other = decoded(data)
        if other is not None and (abs(other - whole).max(axis=2) > 4).mean() > 0.03:
            return data, None


def again(image, chance):
    """The same, saved again."""
    return jpeg(decoded(seen(image, chance)[0]), 85), None


def shifted(levels, write=jpeg):
    """From some block on, in reading order, one colour is lighter or darker."""

    def make(image, chance):
        picture = image.astype(numpy.int16)
        height, width = image.shape[:2]
        row, column = int(chance.uniform(0.1, 0.8) * (height // 16)), int(chance.uniform(0, width // 16))
        step = numpy.zeros(3, numpy.int16)
        step[chance.integers(0, 3)] = levels * chance.choice([-1, 1])
        picture[16 * row : 16 * row + 16, 16 * column :] += step
        picture[16 * row + 16 :] += step
        return write(picture.clip(0, 255).astype(numpy.uint8)), None

    return make


def moved(image, chance):
    """From some row of blocks on, everything lies further right, as where blocks were lost."""
    picture = image.copy()
    row, by = int(chance.uniform(0.2, 0.7) * (image.shape[0] // 16)) * 16, 16 * int(chance.integers(4, 20))
    picture[row:] = numpy.roll(picture[row:], by, axis=1)
    return jpeg(picture), None


def stuck(image, chance):
    """The last third repeats one row."""
    picture = image.copy()
    row = int(image.shape[0] * 0.67)
    picture[row:] = picture[row]
    return jpeg(picture), None


def holes(write):
    """Two holes of one colour, each of some blocks."""

    def make(image, chance):
        picture = image.copy()
        for _ in range(2):
            top, left = (16 * int(chance.uniform(0.1, 0.7) * (side // 16)) for side in image.shape[:2])
            picture[top : top + 64, left : left + 96] = chance.integers(0, 255, 3)
        return write(picture), None

    return make


def without_end(image, chance):
    return jpeg(image)[:-2], None


def png(image, chance):
    return lossless(image), None


def lossless(image):
    return cv2.imencode(".png", image)[1].tobytes()


def webp(image):
    return cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 90])[1].tobytes()


def on_the_grid(left, top, colour):
    """Whole photos whose bars end where a unit of JPEG does: as even as a shift of colours."""

    def make(image, chance):
        height, width = (side // 16 * 16 for side in image.shape[:2])
        return jpeg(cv2.copyMakeBorder(image[:height, :width], top, top, left, left, cv2.BORDER_CONSTANT, value=colour)), None

    return make


KINDS = {
    "whole": lambda image, chance: (jpeg(image), None),
    "whole, as PNG": png,
    "whole, but for the end marker [11]": without_end,
    "whole, in a white frame of 64 px": on_the_grid(64, 64, (255, 255, 255)),
    "whole, between black bars of 160 px": on_the_grid(0, 160, (0, 0, 0)),
    "cut to 70 %, with an end marker [7]": cut(0.7),
    "cut to 50 %, with an end marker [7]": cut(0.5),
    "16 kB lost [8]": lost,
    "4 kB zeroed [8]": zeroed,
    "two wrong bytes [8]": wrong,
    "two wrong bytes, of which more than a block is seen [8]": seen,
    "two wrong bytes, of which more than a block is seen, saved again [8]": again,
    "one colour shifted by 12 levels from a block on [8]": shifted(12),
    "one colour shifted by 30 levels from a block on [8]": shifted(30),
    "one colour shifted by 30 levels from a block on, PNG [8]": shifted(30, lossless),
    "one colour shifted by 30 levels from a block on, WebP [8]": shifted(30, webp),
    "lower part moved sideways, saved again [8]": moved,
    "last third repeats a row, saved again [8]": stuck,
    "two holes of one colour, saved again [8]": holes(jpeg),
    "two holes of one colour, PNG [8]": holes(lossless),
    "lowest 20 % gray, saved again [10]": filled(0.2),
    "lowest 40 % gray, saved again [10]": filled(0.4),
    "lowest 30 % dark green, saved again": filled(0.3, (0, 135, 0)),
    "lowest 30 % pink, saved again": filled(0.3, (250, 90, 180)),
    "lowest 30 % gray, scaled and marked": marked,
    "lower half without its detail, saved again": without_detail,
    "lower part green, its luma goes on, saved again": lost_colours(0, 0),
    "lower part magenta, its luma goes on, saved again": lost_colours(255, 255),
    "lower part pink, its luma goes on, saved again": lost_colours(185, 150),
}
