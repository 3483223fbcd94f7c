"""What several kinds share."""

import cv2

REFERENCE = 1024
THUMBNAIL = 100


def view(image, longest=REFERENCE):
    """The photo at the size of the reference view, or scaled down to another long side."""
    scale = longest / max(image.shape[:2])
    return image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def jpeg(image, quality=90):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
