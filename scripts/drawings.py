"""Drawings as they lie beside photos in listings, different for every seed: plans, documents, charts, maps, QR codes, screenshots."""

import random

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS = """living kitchen bedroom garage hall bath terrace 12.4 m2 north street scale total balance date 2026 number area first floor
page title of the and""".split()


class Sheet:
    def __init__(self, rng, ground, ink):
        self.rng, self.ground, self.ink = rng, ground, ink
        self.width, self.height = rng.choice([1024, 900, 700]), rng.choice([1024, 768, 683, 600])
        self.image = Image.new("RGB", (self.width, self.height), ground)
        self.draw = ImageDraw.Draw(self.image)

    def colour(self, low=60, high=255):
        return tuple(self.rng.randint(low, high) for _ in range(3))

    def words(self, count):
        return " ".join(self.rng.choice(WORDS) for _ in range(count))

    def text(self, x, y, count, size, colour=None):
        self.draw.text((x, y), self.words(count), font=ImageFont.load_default(size), fill=colour or self.ink)

    def anywhere(self):
        return self.rng.randint(0, self.width), self.rng.randint(0, self.height)

    def path(self, points, reach):
        found = [self.anywhere()]
        for _ in range(points):
            found.append(tuple(at + self.rng.randint(-reach, reach) for at in found[-1]))
        return found


def plan(sheet):
    rng, draw = sheet.rng, sheet.draw

    def room(x0, y0, x1, y1, depth):
        if rng.random() < 0.3:
            draw.rectangle((x0, y0, x1, y1), fill=sheet.colour(200) if sum(sheet.ground) > 400 else sheet.colour(10, 60))
        draw.rectangle((x0, y0, x1, y1), outline=sheet.ink, width=rng.randint(2, 7))
        if depth and min(x1 - x0, y1 - y0) >= 130:
            if x1 - x0 > y1 - y0:
                middle = rng.randint(x0 + 60, x1 - 60)
                room(x0, y0, middle, y1, depth - 1)
                room(middle, y0, x1, y1, depth - 1)
            else:
                middle = rng.randint(y0 + 60, y1 - 60)
                room(x0, y0, x1, middle, depth - 1)
                room(x0, middle, x1, y1, depth - 1)
            return
        sheet.text(x0 + 12, (y0 + y1) // 2, 2, rng.randint(12, 20))
        if rng.random() < 0.6:
            draw.arc((x0 + 10, y0 + 10, x0 + 80, y0 + 80), 0, 90, fill=sheet.ink, width=2)
        for _ in range(rng.randint(0, 3)):
            x, y = rng.randint(x0, max(x0, x1 - 50)), rng.randint(y0, max(y0, y1 - 40))
            draw.rectangle((x, y, x + rng.randint(15, 50), y + rng.randint(15, 40)), outline=sheet.ink)

    margin = rng.randint(20, 150)
    room(margin, margin, sheet.width - margin, sheet.height - margin, rng.randint(2, 4))


def bare(sheet):
    """A plan of a few lines, without grays."""
    rng, draw, ink = sheet.rng, sheet.draw, sheet.ink
    margin, wall = rng.randint(10, 90), rng.randint(1, 14)
    for x in range(margin, sheet.width - margin, rng.randint(90, 400)):
        draw.rectangle((x, margin, x + wall - 1, sheet.height - margin), fill=ink)
    for y in range(margin, sheet.height - margin, rng.randint(90, 400)):
        draw.rectangle((margin, y, sheet.width - margin, y + wall - 1), fill=ink)
    for _ in range(rng.randint(0, 12)):
        x, y = sheet.anywhere()
        draw.line((x, y, x + rng.randint(-200, 200), y + rng.randint(-200, 200)), fill=ink, width=rng.randint(1, 4))
        draw.rectangle((x, y, x + rng.randint(10, 120), y + rng.randint(10, 80)), outline=ink, width=rng.randint(1, 3))
        for letter in range(rng.randint(0, 14)):
            draw.rectangle((x + 7 * letter, y, x + 7 * letter + 3, y + rng.choice([3, 9])), fill=ink)


def document(sheet):
    rng = sheet.rng
    left, size, y = 30, rng.randint(12, 24), 20
    if rng.random() < 0.4:
        sheet.draw.rectangle((0, 0, sheet.width, 50), fill=sheet.colour())
        sheet.draw.rectangle((0, 50, sheet.width // 5, sheet.height), fill=sheet.colour(200))
        left = sheet.width // 5 + 20
    while y < sheet.height - 20:
        sheet.text(left, y, rng.randint(4, 12), size if rng.random() < 0.9 else 2 * size)
        y += int(size * rng.choice([1.4, 1.4, 1.4, 3]))


def chart(sheet):
    rng, draw, width, height = sheet.rng, sheet.draw, sheet.width, sheet.height
    for line in range(6):
        y = 40 + line * (height - 100) // 6
        draw.line((80, y, width - 40, y), fill=(210, 210, 210))
    draw.line((80, 40, 80, height - 60, width - 40, height - 60), fill=sheet.ink, width=2)
    bars = rng.randint(4, 12)
    step = (width - 140) // bars
    at = lambda bar: (90 + bar * step, rng.randint(60, height - 100))
    if rng.random() < 0.5:
        for bar in range(bars):
            x, y = at(bar)
            draw.rectangle((x, y, x + int(step * 0.7), height - 60), fill=sheet.colour())
            sheet.text(x, height - 50, 1, 14)
    else:
        for _ in range(3):
            draw.line([at(bar) for bar in range(bars)], fill=sheet.colour(0, 220), width=3)
    sheet.text(width // 3, 8, 4, 22)


def street_map(sheet):
    rng, draw = sheet.rng, sheet.draw
    for _ in range(12):
        x, y = sheet.anywhere()
        corners = [(x + rng.randint(-220, 220), y + rng.randint(-220, 220)) for _ in range(5)]
        draw.polygon(corners, fill=sheet.colour(170, 240))
    for _ in range(rng.randint(15, 60)):
        colour = rng.choice([(255, 255, 255), (250, 200, 80), (120, 120, 120), sheet.ink])
        draw.line(sheet.path(6, 160), fill=colour, width=rng.randint(1, 8))
    for _ in range(30):
        sheet.text(*sheet.anywhere(), 1, rng.randint(11, 20), rng.choice([sheet.ink, (80, 80, 80)]))


def code(sheet):
    cells = sheet.rng.randint(21, 45)
    side = min(sheet.width, sheet.height) // cells
    for x, y in ((x * side, y * side) for x in range(cells) for y in range(cells)):
        if sheet.rng.random() < 0.5:
            sheet.draw.rectangle((x, y, x + side - 1, y + side - 1), fill=sheet.ink)


def drawn(rng, draw, dark=False):
    ground = rng.choice([(255, 255, 255)] * 4 + [(250, 248, 240), (240, 240, 240), (235, 225, 205)])
    ink = rng.choice([(0, 0, 0), (30, 30, 30), (60, 50, 50), (20, 30, 80)])
    if dark:
        ground, ink = rng.choice([(0, 0, 0), (25, 28, 34), (18, 18, 40)]), rng.choice([(255, 255, 255), (220, 220, 230)])
    sheet = Sheet(rng, ground, ink)
    draw(sheet)
    return np.asarray(sheet.image)


def texture(rng, height, width):
    noise = np.random.default_rng(rng.randint(0, 1 << 30))
    sum_ = np.zeros((height, width), np.float32)
    for cells, size in ((6, 1), (14, 0.8), (30, 0.6), (80, 0.3), (200, 0.15)):
        grid = noise.standard_normal((max(2, height * cells // width), cells)).astype(np.float32)
        sum_ += size * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return sum_ / sum_.std(), noise


def thin(rng, _photo):
    """Fine lines of a large sheet, scaled down to gray."""
    sheet = drawn(rng, rng.choice([plan, document]))
    sheet = np.concatenate([np.concatenate([sheet, sheet[:, ::-1]], 1), np.concatenate([sheet[::-1], sheet], 1)], 0)
    scale = rng.uniform(0.28, 0.6)
    return cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def scanned(rng, _photo):
    """A sheet of paper under a lamp."""
    sheet = drawn(rng, rng.choice([plan, document])).astype(np.float32)
    height, width = sheet.shape[:2]
    _, noise = texture(rng, height, width)
    lamp = cv2.resize(noise.uniform(0.72, 1, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    tint = np.array([1, rng.uniform(0.9, 1), rng.uniform(0.78, 1)], np.float32)
    sheet = cv2.GaussianBlur(sheet * lamp[..., None] * tint * 0.96 + 8, (0, 0), rng.uniform(0.4, 0.9))
    return np.clip(sheet + noise.normal(0, rng.uniform(0.5, 3), (height, width, 1)), 0, 255).astype(np.uint8)


def relief(rng, _photo):
    """A map with shaded mountains."""
    ground = np.array([rng.randint(170, 215), rng.randint(165, 205), rng.randint(160, 200)])
    sheet = drawn(rng, rng.choice([street_map, street_map, document]))
    shade, _ = texture(rng, *sheet.shape[:2])
    light = sheet.min(2) > 150
    shaded = np.where(light[..., None], ground, sheet) + (shade * rng.uniform(6, 20))[..., None]
    over = Sheet(rng, (255, 255, 255), (40, 40, 40))
    over.image = Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))
    over.width, over.height = over.image.size
    over.draw = ImageDraw.Draw(over.image)
    for _ in range(60):
        over.text(*over.anywhere(), 1, rng.randint(11, 22), rng.choice([(40, 40, 40), (80, 70, 70), (110, 100, 100)]))
        over.draw.line(over.path(12, 40), fill=rng.choice([(170, 110, 100), (120, 120, 130), (150, 130, 120)]), width=1)
    return cv2.GaussianBlur(np.asarray(over.image), (0, 0), rng.uniform(0.3, 0.7))


def screenshot(rng, photo):
    """A page with a photo or two in it."""
    sheet = drawn(rng, rng.choice([document, document, chart])).copy()
    height, width = sheet.shape[:2]
    for _ in range(rng.choice([1, 1, 2])):
        inset = photo()
        across = int(width * rng.uniform(0.35, 1))
        down = min(int(height * 0.45), across * inset.shape[0] // inset.shape[1])
        x, y = rng.randint(0, width - across), rng.randint(0, height - down)
        sheet[y : y + down, x : x + across] = cv2.resize(inset, (across, down), interpolation=cv2.INTER_AREA)
    return sheet


def garden(rng, _photo):
    """A plan with trees around it."""
    sheet = drawn(rng, plan).copy()
    leaves, noise = texture(rng, *sheet.shape[:2])
    grain = noise.normal(0, 1, sheet.shape[:2])
    for _ in range(rng.randint(8, 30)):
        tree = np.zeros(sheet.shape[:2], np.uint8)
        centre = rng.randint(0, sheet.shape[1]), rng.randint(0, sheet.shape[0])
        cv2.circle(tree, centre, rng.randint(20, 70), 1, -1)
        colour = np.array([rng.randint(40, 140), rng.randint(80, 170), rng.randint(30, 90)])
        sheet = np.where(tree[..., None] > 0, np.clip(colour + (leaves * 15 + grain * 22)[..., None], 0, 255), sheet)
    return sheet.astype(np.uint8)


def small(rng, _photo):
    sheet = drawn(rng, rng.choice([plan, street_map, chart, document]))
    scale = rng.uniform(0.3, 0.7)
    return cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


PLAIN = [plan, bare, document, chart, street_map, code]
KINDS = [thin, scanned, relief, screenshot, garden, small]


def drawing(seed, photo):
    """A drawing in RGB; `photo` gives a photo for screenshots."""
    rng = random.Random(seed)
    if seed % 3 == 0:
        dark = rng.random() < 0.15
        return drawn(rng, plan if dark else rng.choice(PLAIN), dark)
    return KINDS[seed % len(KINDS)](rng, photo) if seed % 3 == 1 else rng.choice(KINDS)(rng, photo)
