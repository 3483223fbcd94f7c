"""Photos that lie on their side or stand on their head although their file says nothing of it. Numbers in brackets: kinds of the
field's reports."""

import cv2

from .common import jpeg


def turned(code):
    return lambda image, chance: (jpeg(image if code is None else cv2.rotate(image, code)), None)


KINDS = {
    "upright": turned(None),
    "turned by 90 degrees clockwise [5]": turned(cv2.ROTATE_90_CLOCKWISE),
    "upside down [6]": turned(cv2.ROTATE_180),
    "turned by 90 degrees counterclockwise [5]": turned(cv2.ROTATE_90_COUNTERCLOCKWISE),
}
REASONS = {kind: "upside_down" if kind.startswith("upside") else "sideways" for kind in KINDS if kind != "upright"}
