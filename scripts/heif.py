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


def profile():
    """sRGB by an ICC profile, without the date, so that the same bytes are written again."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return box(b"colr", b"prof", data[:24] + bytes(12) + data[36:])


def group(kind, *items):
    """Items that belong together; the number of the group is no item's."""
    return full_box(kind, struct.pack(f">II{len(items)}I", 1000, len(items), *items))


def nclx(primaries, transfer, matrix, full):
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, full << 7))


class Writer:
    """Files of one codec: the type of its items, the brands of its files, and a function that gives configuration record and stream of
    an image, of a quality and with options of its own."""

    def __init__(self, item, brands, coded):
        self.item, self.brands, self.coded = item, brands, coded

    def container(self, items, properties, references=b"", primary=1, hidden=(), groups=b""):
        """A file of items (type, data, indices of their properties from one): the number of the primary one from one, the numbers of those
        that are not to be shown by themselves, and which of them belong together."""

        def meta(start):
            places, at = [], start
            for number, (_, data, _) in enumerate(items, 1):
                places.append(struct.pack(">HHHII", number, 0, 1, at, len(data)))
                at += len(data)
            entries = [
                full_box(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2, flags=int(number in hidden))
                for number, (kind, _, _) in enumerate(items, 1)
            ]
            used = [struct.pack(">HB", number, len(own)) + bytes(own) for number, (_, _, own) in enumerate(items, 1)]
            return full_box(
                b"meta",
                full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
                full_box(b"pitm", struct.pack(">H", primary)),
                full_box(b"iinf", struct.pack(">H", len(items)), *entries),
                full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), *places),
                box(b"iprp", box(b"ipco", *properties), full_box(b"ipma", struct.pack(">I", len(used)), *used)),
                full_box(b"iref", references) if references else b"",
                box(b"grpl", groups) if groups else b"",
            )

        kind = box(b"ftyp", self.brands[0], bytes(4), *self.brands[1:])
        start = len(kind) + len(meta(0)) + 8
        return kind + meta(start) + box(b"mdat", *(data for _, data, _ in items))

    def phone(self, image, quality, side=128, **options):
        """As an iPhone held upright stores it: tiles beyond the edges, turned a quarter clockwise by `irot`, said again by EXIF."""
        lying = image.transpose(Image.Transpose.ROTATE_90)
        columns, rows = -(-lying.width // side), -(-lying.height // side)
        canvas = Image.new("RGB", (columns * side, rows * side))
        canvas.paste(lying)
        places = [(column * side, row * side) for row in range(rows) for column in range(columns)]
        tiles = [self.coded(canvas.crop((x, y, x + side, y + side)), quality, **options) for x, y in places]
        assert len({configuration for configuration, _ in tiles}) == 1
        exif = bytes(4) + b"MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        properties = [tiles[0][0], size(Image.new("L", (side, side))), size(lying), box(b"irot", b"\3"), profile()]
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

    def with_thumbnail(self, image, quality, **options):
        """A small copy stands before the photo."""
        small = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        configuration, stream = self.coded(image, quality, **options)
        configuration_of_small, stream_of_small = self.coded(small, quality, **options)
        items = [(self.item, stream_of_small, (1, 2, 5)), (self.item, stream, (3, 4, 5))]
        properties = [configuration_of_small, size(small), configuration, size(image), profile()]
        return self.container(items, properties, box(b"thmb", struct.pack(">HHH", 1, 1, 2)), primary=2)

    def with_gain_map(self, image, quality, **options):
        """As iOS 18 stores it: an auxiliary picture says where the photo shines on a screen of high dynamic range, and is said again to be
        one part of a derived picture, which readers may prefer (ISO 21496-1). It is as large as the photo here, so that a reader who
        takes it for something else shows it."""
        gain = Image.linear_gradient("L").resize(image.size)
        configuration, stream = self.coded(image, quality, **options)
        configuration_of_gain, stream_of_gain = self.coded(gain, quality)
        kind = full_box(b"auxC", b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
        # Versions, one channel, in the photo's primaries; headrooms of 0 and 2 stops, gains of 0 to 2 stops, gamma 1, offsets of 1/64.
        how = struct.pack(">BHHB", 0, 0, 0, 0x40) + struct.pack(">14I", 0, 1, 2, 1, 0, 1, 2, 1, 1, 1, 1, 64, 1, 64)
        items = [(self.item, stream, (1, 2, 5)), (self.item, stream_of_gain, (3, 2, 4)), (b"tmap", how, (2, 5))]
        references = box(b"auxl", struct.pack(">HHH", 2, 1, 1)) + box(b"dimg", struct.pack(">HHHH", 3, 2, 1, 2))
        properties = [configuration, size(image), configuration_of_gain, kind, profile()]
        return self.container(items, properties, references, hidden=(2,), groups=group(b"altr", 3, 1))

    def burst(self, images, primary, quality, **options):
        """Photos of one size, any of which may be the primary one."""
        streams = [self.coded(image, quality, **options) for image in images]
        assert len({configuration for configuration, _ in streams}) == 1
        items = [(self.item, stream, (1, 2, 3)) for _, stream in streams]
        properties = [streams[0][0], size(images[0]), profile()]
        return self.container(items, properties, primary=primary, groups=group(b"brst", *range(1, len(images) + 1)))


def window(size, offset=(0, 0)):
    """The part of a picture that is shown, whose centre lies so far right of and below the picture's."""
    return box(b"clap", struct.pack(">IIIIiIiI", size[0], 1, size[1], 1, offset[0], 1, offset[1], 1))


# In the middle.
WINDOW = window((200, 160))
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
