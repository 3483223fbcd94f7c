"""Frames around photos, as apps, portals and phones make them. Each takes the photo's own size; numbers in brackets: kinds of the
field's reports."""

import cv2

FRAMES = {
    "alone": ((0, 0, 0, 0), (0, 0, 0)),
    "black bars above and below, 60 % each [21, 22]": ((0.6, 0.6, 0, 0), (0, 0, 0)),
    "black bars above and below, 25 % each [21, 22]": ((0.25, 0.25, 0, 0), (0, 0, 0)),
    "white bars at the sides, 35 % each [22]": ((0, 0, 0.35, 0.35), (255, 255, 255)),
    "a white frame of 8 % [21]": ((0.08, 0.08, 0.08, 0.08), (255, 255, 255)),
    "a dark blue frame of 1 %": ((0.01, 0.01, 0.01, 0.01), (90, 40, 20)),
}


def framed(image, frame):
    """`frame` in shares of the photo's sides: above, below, left, right."""
    (above, below, left, right), colour = FRAMES[frame]
    height, width = image.shape[:2]
    sides = [round(share * side) for share, side in ((above, height), (below, height), (left, width), (right, width))]
    return cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=colour)
