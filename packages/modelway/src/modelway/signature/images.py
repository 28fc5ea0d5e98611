"""Pictures by type hint: `PIL.Image.Image`, read from base64, from a form or from the body itself.

Pillow is never imported here: a hint that names it shows that the modeller's code already did.
"""

import io
import sys
from typing import Any

from modelway.errors import InvalidInputError
from modelway.signature.codec import Codec
from modelway.signature.octets import OCTETS

IMAGE = "image/*"
IMAGE_LABEL = "image"
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What callers may send; Pillow knows many more, with parsers that few have attacked yet."""

MAX_PIXELS = 64 * 1024 * 1024
"""About 200 MB in memory: a file of a few kilobytes can claim any size."""


def is_image_hint(hint: Any) -> bool:
    """Whether a hint is Pillow's image."""
    module = sys.modules.get("PIL.Image")
    return module is not None and hint is module.Image


def image_codec() -> Codec:
    """The codec of an image; `late`, as decompressing one takes milliseconds."""
    return Codec(
        wire=bytes,
        label=IMAGE_LABEL,
        schema={"type": "string", "contentEncoding": "base64", "contentMediaType": IMAGE},
        convert=read_image,
        media=(IMAGE, OCTETS),
        from_body=lambda body, _, path: read_image(body, path),
        late=True,
    )


def read_image(data: Any, path: str) -> Any:
    """The image, decompressed.

    Raises:
        InvalidInputError: Not an image of `FORMATS`, damaged, or of more than `MAX_PIXELS`.
    """
    pillow = sys.modules["PIL.Image"]
    try:
        image = pillow.open(io.BytesIO(data), formats=FORMATS)
    except pillow.UnidentifiedImageError:
        raise InvalidInputError(f"{path}: not an image", hint=f"send one of {', '.join(FORMATS)}") from None
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        raise InvalidInputError(f"{path}: more than {MAX_PIXELS} pixels") from None
    except Exception as error:  # noqa: BLE001 - parsers of hostile files raise whatever they meet
        raise _damaged(path, error) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInputError(f"{path}: more than {MAX_PIXELS} pixels")
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(path, error) from None
    return image


def _damaged(path: str, error: Exception) -> InvalidInputError:
    return InvalidInputError(f"{path}: a damaged image ({type(error).__name__})")


def write_image(image: Any) -> bytes:
    """As PNG, the one format that keeps every mode and loses nothing."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def is_image(value: Any) -> bool:
    """Whether a value is such an image."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)
