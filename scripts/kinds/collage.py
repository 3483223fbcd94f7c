"""Several photos in one picture; the photo itself and its copies, blurred, mirrored and darkened, so that nothing but the seams tells. The
server needs a profile that bounds `collage`. Numbers in brackets: kinds of the field's reports."""

import cv2
import numpy

from .common import jpeg

COPIES = [
    lambda image: image,
    lambda image: cv2.GaussianBlur(image, (0, 0), 4),
    lambda image: image[:, ::-1],
    lambda image: (image * 0.55).astype(numpy.uint8),
]


def collage(columns, rows, line=0, colour=255):
    def make(image, chance):
        height, width = image.shape[0] // rows, image.shape[1] // columns
        shape = (height * rows + line * (rows - 1), width * columns + line * (columns - 1), 3)
        picture = numpy.full(shape, colour, numpy.uint8)
        for number in range(columns * rows):
            part = COPIES[number % len(COPIES)](image)
            # Each shows another part, as another photo would.
            zoom = chance.uniform(0.5, 1)
            top, left = (int(chance.uniform(0, 1 - zoom) * side) for side in image.shape[:2])
            part = part[top : top + int(zoom * image.shape[0]), left : left + int(zoom * image.shape[1])]
            at = (number // columns * (height + line), number % columns * (width + line))
            picture[at[0] : at[0] + height, at[1] : at[1] + width] = cv2.resize(part, (width, height))
        return jpeg(picture), None

    return make


KINDS = {
    "one photo": lambda image, chance: (jpeg(image), None),
    "two side by side [28]": collage(2, 1),
    "two, one above the other, a black line between them [28]": collage(1, 2, 8, 0),
    "four, one of them blurred [28]": collage(2, 2),
    "four, one of them blurred, white lines between them [28]": collage(2, 2, 10),
    "nine [28]": collage(3, 3),
}
