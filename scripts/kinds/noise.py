"""White noise, as that of a dark room. The server needs a profile that bounds `noise`; the numbers are in the answers' `checks`."""

from .common import jpeg, view


def noisy(levels):
    def make(image, chance):
        image = view(image)
        return jpeg((image + chance.normal(0, levels, image.shape)).clip(0, 255).astype("uint8"), 95), None

    return make


KINDS = {"untouched": noisy(0)} | {f"noise of {levels} levels [13]": noisy(levels) for levels in (5, 10, 20, 35)}
