"""Frames around photos, as apps, portals and phones make them. Each takes the photo's own size but the pages, which scale it to their own;
numbers in brackets: kinds of the field's reports."""

import cv2
import numpy
from PIL import Image, ImageDraw, ImageFont


def bars(above, below, left, right, colour):
    """In shares of the photo's sides."""

    def apply(image):
        height, width = image.shape[:2]
        sides = [round(share * side) for share, side in ((above, height), (below, height), (left, width), (right, width))]
        return cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=colour)

    return apply


def on_page(image, size, room, ground):
    """The photo as large as fits in the middle of a room (left, top, right, bottom) of a page; with what draws and writes."""
    left, top, right, bottom = room
    scale = min((right - left) / image.shape[1], (bottom - top) / image.shape[0])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    page = Image.new("RGB", size, ground)
    page.paste(Image.fromarray(image), ((left + right - image.shape[1]) // 2, (top + bottom - image.shape[0]) // 2))
    draw = ImageDraw.Draw(page)
    write = lambda at, text, size, ink, anchor="la": draw.text(at, text, font=ImageFont.load_default(size), fill=ink, anchor=anchor)
    return page, draw, write


def gallery(image):
    """A phone's gallery: clock, battery, way back and date above the photo, four buttons and a stripe below."""
    page, draw, write = on_page(image, (1080, 2220), (0, 240, 1080, 1980), "black")
    write((60, 34), "14:05", 38, "white")
    draw.rectangle((960, 40, 1020, 68), outline="white", width=3)
    draw.line([(84, 140), (64, 165), (84, 190)], fill="white", width=6)
    write((540, 150), "Yesterday  18:24", 40, "white", "mt")
    for place, name in enumerate(("Share", "Edit", "Search", "Delete")):
        x = 160 + 250 * place
        draw.rounded_rectangle((x - 26, 2010, x + 26, 2062), 8, outline="white", width=5)
        write((x, 2080), name, 30, "white", "mt")
    draw.rounded_rectangle((360, 2190, 720, 2200), 5, fill="white")
    return numpy.asarray(page)


def sheet(image):
    """A page of an exposé: a title above the photo, a footer below."""
    page, _, write = on_page(image, (1240, 1754), (120, 300, 1120, 1580), "white")
    write((120, 200), "Charming house in a quiet street", 44, "black")
    write((120, 1634), "Exposé 2024-117    Page 3", 22, (90, 90, 90))
    return numpy.asarray(page)


FRAMES = {
    "alone": bars(0, 0, 0, 0, (0, 0, 0)),
    "black bars above and below, 60 % each [21, 22]": bars(0.6, 0.6, 0, 0, (0, 0, 0)),
    "black bars above and below, 25 % each [21, 22]": bars(0.25, 0.25, 0, 0, (0, 0, 0)),
    "white bars at the sides, 35 % each [22]": bars(0, 0, 0.35, 0.35, (255, 255, 255)),
    "a white frame of 8 % [21]": bars(0.08, 0.08, 0.08, 0.08, (255, 255, 255)),
    "a dark blue frame of 1 %": bars(0.01, 0.01, 0.01, 0.01, (90, 40, 20)),
    "a phone's gallery with buttons": gallery,
    "a page with a title and a footer": sheet,
}


def framed(image, frame):
    return FRAMES[frame](image)
