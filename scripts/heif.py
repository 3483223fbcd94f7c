"""Writes photos in HEIF containers (ISO/IEC 23008-12) that are put together here: what phones write no encoder at hand does."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"


def box(kind, *parts):
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def found(data, kind):
    """The first box of a kind in a file, wherever it lies."""
    at = data.index(kind) - 4
    return data[at : at + int.from_bytes(data[at : at + 4], "big")]


def size(image):
    return full_box(b"ispe", struct.pack(">II", *image.size))


def nclx(primaries, transfer, matrix, full):
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full << 7))


class Writer:
    """Files of one codec: the type of its items, the brands of its files, and a function that gives configuration record and stream of
    an image, of a quality and with options of its own."""

    def __init__(self, item, brands, coded):
        self.item, self.brands, self.coded = item, brands, coded

    def container(self, items, properties, references=b""):
        """A file of items (type, data, indices of their properties from one), the first being the primary one."""

        def meta(start):
            places, at = [], start
            for number, (_, data, _) in enumerate(items, 1):
                places.append(struct.pack(">HHHII", number, 0, 1, at, len(data)))
                at += len(data)
            entries = [full_box(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2) for number, (kind, _, _) in enumerate(items, 1)]
            used = [struct.pack(">HB", number, len(own)) + bytes(own) for number, (_, _, own) in enumerate(items, 1)]
            return full_box(
                b"meta",
                full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
                full_box(b"pitm", struct.pack(">H", 1)),
                full_box(b"iinf", struct.pack(">H", len(items)), *entries),
                full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), *places),
                box(b"iprp", box(b"ipco", *properties), full_box(b"ipma", struct.pack(">I", len(used)), *used)),
                full_box(b"iref", references) if references else b"",
            )

        kind = box(b"ftyp", self.brands[0], bytes(4), *self.brands[1:])
        start = len(kind) + len(meta(0)) + 8
        return kind + meta(start) + box(b"mdat", *(data for _, data, _ in items))

    def phone(self, image, quality, **options):
        """As an iPhone held upright stores it: tiles beyond the edges, turned a quarter clockwise by `irot`, said again by EXIF."""
        side, lying = 128, image.transpose(Image.Transpose.ROTATE_90)
        columns, rows = -(-lying.width // side), -(-lying.height // side)
        canvas = Image.new("RGB", (columns * side, rows * side))
        canvas.paste(lying)
        places = [(column * side, row * side) for row in range(rows) for column in range(columns)]
        tiles = [self.coded(canvas.crop((x, y, x + side, y + side)), quality, **options) for x, y in places]
        assert len({configuration for configuration, _ in tiles}) == 1
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        # Without the date, so that the same bytes are written again.
        profile = profile[:24] + bytes(12) + profile[36:]
        exif = bytes(4) + b"MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        properties = [tiles[0][0], size(Image.new("L", (side, side))), size(lying), box(b"irot", b"\3"), box(b"colr", b"prof", profile)]
        grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *lying.size)
        items = [(b"grid", grid, (3, 5, 0x84))] + [(self.item, data, (0x81, 2)) for _, data in tiles] + [(b"Exif", exif, ())]
        numbers = range(2, 2 + len(tiles))
        made_of = box(b"dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *numbers))
        described = box(b"cdsc", struct.pack(">HHH", len(items), 1, 1))
        return self.container(items, properties, made_of + described)

    def alone(self, image, quality, *more, **options):
        """One coded picture with further properties."""
        configuration, stream = self.coded(image, quality, **options)
        properties = [configuration, size(image), *more]
        return self.container([(self.item, stream, tuple(range(1, len(properties) + 1)))], properties)

    def with_alpha(self, image, quality, **options):
        """Opaque on the left, transparent on the right."""
        mask = Image.new("L", image.size)
        mask.paste(255, (0, 0, image.width // 2, image.height))
        (configuration, stream), (configuration_of_mask, stream_of_mask) = self.coded(image, quality, **options), self.coded(mask, 90)
        kind = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        items = [(self.item, stream, (1, 2)), (self.item, stream_of_mask, (3, 2, 4))]
        references = box(b"auxl", struct.pack(">HHH", 2, 1, 1))
        return self.container(items, [configuration, size(image), configuration_of_mask, kind], references)


# In the middle, 200 by 160 pixels.
WINDOW = box(b"clap", struct.pack(">IIIIiIiI", 200, 1, 160, 1, 0, 1, 0, 1))
# A quarter anticlockwise, then left and right exchanged.
MIRRORED = (box(b"irot", b"\1"), box(b"imir", b"\1"))


def photos():
    """The pavilion, and the tilted one in sides that are multiples of eight."""
    photo, tilted = (Image.open(FIXTURES / f"{name}.jpg").convert("RGB") for name in ("pavilion", "tilted"))
    tilted = tilted.crop((0, 0, tilted.width & ~7, tilted.height & ~7))
    return photo.resize((320, 208), Image.Resampling.LANCZOS), tilted


def smooth():
    """Many pixels in a few bytes."""
    y, x = np.mgrid[0:2400, 0:3600].astype(float)
    waves = [np.sin(x / length) * np.cos(y / length) * 100 + 128 for length in (97, 61, 43)]
    return Image.fromarray(np.stack(waves, -1).astype("uint8"))
