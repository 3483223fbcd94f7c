"""Photos whose brightness something else than the photo tells of: truth is 0, the photos are well exposed. And backlit rooms: truth is what
the room lost. Numbers in brackets: kinds of the field's reports."""

import io

import cv2
import numpy
from PIL import Image, ImageCms

from .common import THUMBNAIL, jpeg, view
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


def in_linear_light(image, chance):
    """Levels in proportion to light, and a profile that says so: sRGB's with another curve."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = profile.index(b"para")  # One for all three colours; ICC.1:2022, 10.18. A `curv` without entries is a straight line (10.6).
    profile = profile[:24] + bytes(12) + profile[36:at] + b"curv" + bytes(28) + profile[at + 32 :]  # Without the date of today, too.
    values = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) / 255
    light = numpy.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1.
    body = io.BytesIO()
    Image.fromarray((255 * light).round().astype(numpy.uint8)).save(body, "JPEG", quality=90, icc_profile=profile)
    return body.getvalue(), 0.0


BACKLIT = {f"backlit, the room at {share} % of its light [23]": backlit(share / 100) for share in (35, 20)}
KINDS = {frame: kind(frame) for frame in FRAMES}
KINDS |= {"exposed by -1.5 to 1.5 stops": exposed}
KINDS |= BACKLIT
KINDS |= {f"thumbnail of {THUMBNAIL} px [32]": lambda image, chance: (jpeg(view(image, THUMBNAIL)), 0.0)}
KINDS |= {f"thumbnail of {THUMBNAIL} px, exposed by -1.5 to 1.5 stops [32]": lambda image, chance: exposed(view(image, THUMBNAIL), chance)}
KINDS |= {"in linear light, with its profile [34]": in_linear_light}
REASONS = dict.fromkeys(BACKLIT, "backlit")
