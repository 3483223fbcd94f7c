"""Drawings, photos in pages, as screenshots show them, and faxes, which are no photos; photos with writing or lines over them, of few
colours, or light on white, which are. Numbers in brackets: kinds of the field's reports."""

import io
import random
from functools import partial

import cv2
import numpy
from PIL import Image, ImageDraw, ImageFont

import drawings

from .blur import OVERLAYS
from .common import jpeg, view
from .damage import lossless

WORDS = """Charming house in a quiet street with garden and terrace, new windows and heating, bright living room, fitted kitchen, two
bathrooms, garage. Close to schools and shops. Available at once, no commission. One owner, full service history, heated seats, winter
tyres. Gepflegte Wohnung in ruhiger Lage, Balkon, Stellplatz, provisionsfrei. Scheckheftgepflegt, Nichtraucher, unfallfrei.""".split()
# Ground, cards and bubbles, text, in BGR.
LIGHT = [((255, 255, 255), (240, 240, 240), (30, 30, 30)), ((247, 245, 245), (255, 255, 255), (60, 40, 20))]
DARK = [((18, 18, 18), (45, 45, 45), (230, 230, 230)), ((42, 23, 15), (59, 41, 30), (240, 232, 226))]


class Page:
    def __init__(self, chance, size, dark, scale):
        self.chance, self.scale = chance, scale
        grounds = DARK if dark else LIGHT
        self.ground, self.card, self.ink = grounds[chance.integers(len(grounds))]
        self.image = Image.new("RGB", tuple(round(side * scale) for side in size), self.ground)
        self.draw = ImageDraw.Draw(self.image)
        self.size = int(chance.integers(14, 18))

    def box(self, left, top, width, height, colour, radius=0):
        sides = [round(side * self.scale) for side in (left, top, left + width, top + height)]
        self.draw.rounded_rectangle(sides, radius * self.scale, fill=colour)

    def line(self, left, top, width, size, ink):
        """As many words as fit, sometimes fewer."""
        font, text = ImageFont.load_default(size * self.scale), ""
        for word in self.chance.choice(WORDS, self.chance.integers(2, 20)):
            if font.getlength(f"{text} {word}") > width * self.scale:
                break
            text = f"{text} {word}".strip()
        self.draw.text((left * self.scale, top * self.scale), text, font=font, fill=ink)

    def text(self, left, top, width, bottom):
        """A title, a price, and lines down to the bottom."""
        for size in (self.size + 4, self.size + 6):
            self.line(left, top, width, size, self.ink)
            top += 1.5 * size
        while top + self.size < bottom:
            self.line(left, top, width, self.size, self.ink)
            top += self.chance.choice([1.4, 1.4, 1.4, 2.2]) * self.size

    def inset(self, photo, left, top, width, height):
        sides = [round(side * self.scale) for side in (left, top, width, height)]
        scale = max(sides[2] / photo.shape[1], sides[3] / photo.shape[0])
        photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        self.image.paste(Image.fromarray(photo[: sides[3], : sides[2]]), sides[:2])


def phone(page, photo, share):
    page.box(0, 0, 390, 60, page.card)
    page.line(16, 20, 300, 20, page.ink)
    page.inset(photo, 0, 60, 390, share * 844)
    page.text(16, 60 + share * 844 + 12, 358, 844)


def desk(page, photo, share):
    width = share * 1280 * 720 / 640
    page.line(20, 16, 600, 22, page.ink)
    page.inset(photo, 20, 60, width, 640)
    page.text(width + 44, 60, 1280 - width - 60, 720)


def chat(page, photo, share):
    page.inset(photo, 20, 20, 320, share * 390 * 844 / 320)
    top = 30 + share * 390 * 844 / 320
    while top < 844:
        lines, left = int(page.chance.integers(2, 5)), int(page.chance.choice([14, 90]))
        page.box(left, top, 286, lines * 1.4 * page.size + 20, page.card, 14)
        for line in range(lines):
            page.line(left + 12, top + 10 + line * 1.4 * page.size, 262, page.size, page.ink)
        top += lines * 1.4 * page.size + 28


SIZES = {phone: (390, 844), desk: (1280, 720), chat: (390, 844)}


def screenshot(layout, share, dark=False, blur=0.0):
    def make(image, chance):
        photo = cv2.GaussianBlur(image, (0, 0), blur) if blur else image
        page = Page(chance, SIZES[layout], dark, chance.uniform(0.8, 2))
        layout(page, photo, share)
        return jpeg(numpy.asarray(page.image), int(chance.integers(60, 96))), None

    return make


def under(overlay):
    return lambda image, chance: (jpeg(overlay(view(image), chance)), None)


def captioned(lines):
    """Lines in a bar below the photo."""

    def overlay(image, chance):
        height, width = image.shape[:2]
        size = int(height * chance.uniform(0.03, 0.045))
        bar = round((1.4 * lines + 0.8) * size)
        colours = [(255, 255, 255), (0, 0, 0), tuple(int(level) for level in chance.integers(0, 256, 3))]
        colour = colours[chance.integers(len(colours))]
        picture = Image.fromarray(cv2.copyMakeBorder(image, 0, bar, 0, 0, cv2.BORDER_CONSTANT, value=colour))
        draw, ink = ImageDraw.Draw(picture), (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
        for line in range(lines):
            text = " ".join(chance.choice(WORDS, 8))
            draw.text((size, height + size * (0.4 + 1.4 * line)), text, font=ImageFont.load_default(size), fill=ink)
        return numpy.asarray(picture)

    return overlay


def dashed(image, chance):
    """A blurred photo below an app's dashed lines in thirds and a measure's line."""
    image = cv2.GaussianBlur(image, (0, 0), 3)
    height, width = image.shape[:2]
    for start in range(0, max(height, width), 32):
        for third in (1, 2):
            x, y = third * width // 3, third * height // 3
            cv2.line(image, (x, start), (x, start + 16), (255, 255, 255), 3)
            cv2.line(image, (start, y), (start + 16, y), (255, 255, 255), 3)
    y = int(height * chance.uniform(0.7, 0.9))
    cv2.line(image, (width // 10, y), (width * 9 // 10, y), (0, 230, 255), 3)
    return image


def light_on_white(image, chance):
    """Gray and nearly white, cut out roundly, as a white car is from its surroundings."""
    height, width = image.shape[:2]
    inside = numpy.zeros((height, width), numpy.float32)
    half = int(width * chance.uniform(0.38, 0.46)), int(height * chance.uniform(0.28, 0.36))
    cv2.ellipse(inside, (width // 2, height // 2), half, 0, 0, 360, 1, -1)
    inside = cv2.GaussianBlur(inside, (0, 0), 1.5)[..., None]
    light = 250 * (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] / 255) ** 0.4
    return (light * inside + 255 * (1 - inside)).round().astype(numpy.uint8).repeat(3, axis=2)


def drawing(draw, write=jpeg):
    """A drawing in the photo's place. The weights of `not_a_photo` were fitted to drawings by the same code (`fit-not-a-photo`), with other
    seeds; those that were found in listings are the harder test."""

    def make(_image, chance):
        picture = draw(random.Random(int(chance.integers(1 << 62))))
        return write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)), None

    return make


def alone(draw, dark=False):
    """Nothing but what one of the functions for sheets draws."""
    return partial(drawings.drawn, draw=draw, dark=dark)


def reduced(reduce, format):
    """A file of few colours."""

    def make(image, _chance):
        body = io.BytesIO()
        reduce(Image.fromarray(cv2.cvtColor(view(image), cv2.COLOR_BGR2RGB))).save(body, format)
        return body.getvalue(), None

    return make


def of_its_own(colours, dither):
    """In the colours that suit it best. Pillow dithers in a given palette alone."""
    return lambda image: image.quantize(palette=image.quantize(colours), dither=dither)


PALETTES = {
    **{f"PNG of {colours} colours, dithered": reduced(of_its_own(colours, Image.Dither.FLOYDSTEINBERG), "PNG") for colours in (16, 32)},
    "GIF of 64 colours, dithered": reduced(of_its_own(64, Image.Dither.FLOYDSTEINBERG), "GIF"),
    "GIF of 64 colours, not dithered": reduced(of_its_own(64, Image.Dither.NONE), "GIF"),
    "GIF in the web's 216 colours": reduced(lambda image: image.convert("P", palette=Image.Palette.WEB), "GIF"),
}

PLAN = alone(drawings.plan)
DRAWINGS = {
    "floor plan [20]": drawing(PLAN),
    "floor plan, as PNG [20]": drawing(PLAN, lossless),
    "floor plan, dark [20]": drawing(alone(drawings.plan, dark=True)),
    "floor plan of few lines [20]": drawing(alone(drawings.bare)),
    "floor plan among trees [20]": drawing(partial(drawings.garden, _photo=None)),
    "site map [20]": drawing(alone(drawings.street_map)),
    "map with shaded mountains": drawing(partial(drawings.relief, _photo=None)),
    "plan or document, scaled down [20]": drawing(partial(drawings.thin, _photo=None)),
    "plan or document, on paper under a lamp [20]": drawing(partial(drawings.scanned, _photo=None)),
    "document": drawing(alone(drawings.document)),
    "chart": drawing(alone(drawings.chart)),
    "QR code": drawing(alone(drawings.code)),
}

KINDS = {
    "a photo": lambda image, chance: (jpeg(image), None),
    **{f"under {name}": under(overlay) for name, overlay in OVERLAYS.items()},
    "with a caption of one line": under(captioned(1)),
    "with a caption of two lines": under(captioned(2)),
    "with a caption of three lines": under(captioned(3)),
    "blurred, with dashed lines": under(dashed),
    "light, cut out on white [29]": under(light_on_white),
    **PALETTES,
    **DRAWINGS,
    "black and white dots, as a fax": reduced(lambda image: image.convert("1"), "PNG"),
    **{f"listing on a phone, a photo of {share} % [33]": screenshot(phone, share / 100) for share in (30, 45, 60)},
    "listing on a phone, dark, a photo of 45 % [33]": screenshot(phone, 0.45, dark=True),
    "listing on a phone, a blurred photo of 45 % [33]": screenshot(phone, 0.45, blur=4),
    **{f"listing on a desk, a photo of {share} % [33]": screenshot(desk, share / 100) for share in (45, 60)},
    "listing on a desk, dark, a photo of 60 % [33]": screenshot(desk, 0.6, dark=True),
    "chat, a photo of 45 % [33]": screenshot(chat, 0.45),
    "chat, dark, a photo of 45 % [33]": screenshot(chat, 0.45, dark=True),
}
