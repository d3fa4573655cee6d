"""Pictures that people bring: decoded within bounds, re-encoded, stored and served.

Every picture is stored as WebP of our own making, at two sizes, under a name that changes with
its content, so that it can be cached for ever and carries nothing its sender put in.
"""

import io
import math
import random
import re
import struct
import warnings
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from PIL import Image, ImageOps

from core.errors import Invalid, NotFound

FOLDER: Final = "avatars"
FULL: Final = (512, 768)
SMALL: Final = (256, 384)
# What each decoder can be given and stay under a quarter of a gigabyte. JPEG is decoded small.
PIXELS_MOST: Final = {"JPEG": 40_000_000, "PNG": 24_000_000, "GIF": 24_000_000, "WEBP": 15_000_000}
BYTES_MOST: Final = 24 * 1024 * 1024
_DRAFT: Final = (1024, 1536)
_GROUND: Final = (24, 22, 34)
_NAME: Final = re.compile(r"[0-9a-f]{24}(-s)?\.webp")


def read_picture(data: bytes) -> Image.Image:
    """A picture that somebody uploaded, decoded within bounds. Raises Invalid."""
    if len(data) > BYTES_MOST:
        raise Invalid(f"The picture is larger than {BYTES_MOST // 2**20} MB.", param="avatar")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=list(PIXELS_MOST))
            if picture.width * picture.height > PIXELS_MOST[str(picture.format)]:
                raise Invalid("The picture has too many pixels.", param="avatar")
            picture.draft("RGB", _DRAFT)
            ImageOps.exif_transpose(picture, in_place=True)
            return _opaque(_reduced(picture))
    except (
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
        Warning,
    ) as error:
        raise Invalid(
            "The picture cannot be read. PNG, JPEG, WebP and GIF work.", param="avatar"
        ) from error


def _reduced(picture: Image.Image) -> Image.Image:
    """Large pictures brought near the size that is stored, before anything else copies them."""
    factor = min(picture.width // FULL[0], picture.height // FULL[1])
    if factor <= 1:
        return picture
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture.reduce(factor)


def _opaque(picture: Image.Image) -> Image.Image:
    """Without see-through parts: they show a dark ground, not the colours hidden beneath."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    ground = Image.new("RGB", layered.size, _GROUND)
    ground.paste(layered, mask=layered.getchannel("A"))
    return ground


def name_of(picture: Image.Image) -> str:
    """The name under which `store` keeps this picture."""
    return _name(_encode(_covering(picture, FULL)))


def _name(full: bytes) -> str:
    return sha256(full).hexdigest()[:24]


def store(picture: Image.Image) -> str:
    """Save both sizes and return the name to keep in a row's `avatar`."""
    full = _encode(_covering(picture, FULL))
    name = _name(full)
    folder = Path(settings.MEDIA_ROOT) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in (("", full), ("-s", _encode(_covering(picture, SMALL)))):
        path = folder / f"{name}{suffix}.webp"
        if not path.exists():
            partial = path.with_suffix(f".{random.getrandbits(32):x}.part")
            partial.write_bytes(data)
            partial.replace(path)
    return name


def _covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scaled and cropped to fill `size`; portraits keep their upper part, where faces are."""
    width, height = size
    scale = max(width / picture.width, height / picture.height)
    scaled = picture.resize(
        (math.ceil(picture.width * scale), math.ceil(picture.height * scale)),
        Image.Resampling.LANCZOS,
    )
    left = (scaled.width - width) // 2
    top = (scaled.height - height) // 4
    return scaled.crop((left, top, left + width, top + height))


def _encode(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


def hue_of(picture: Image.Image) -> int:
    """The picture's leading hue, 0 to 359: the average of its colourful pixels."""
    x = y = 0.0
    small = picture.resize((24, 36)).convert("HSV")
    pixels: Any = small.get_flattened_data()
    for hue, saturation, value in pixels:
        weight = (saturation / 255) * (value / 255)
        x += math.cos(hue / 255 * math.tau) * weight
        y += math.sin(hue / 255 * math.tau) * weight
    return round(math.degrees(math.atan2(y, x))) % 360


def hue_of_name(name: str) -> int:
    return int(sha256(name.encode()).hexdigest()[:6], 16) % 360


def avatar_url(name: str, *, small: bool = True) -> str:
    """The address of a stored picture, or "" for no name."""
    return f"{settings.MEDIA_URL}{FOLDER}/{name}{'-s' if small else ''}.webp" if name else ""


def avatar_path(file: str) -> Path:
    """The file behind an address's last part. Raises NotFound; no other file can be named."""
    path = Path(settings.MEDIA_ROOT) / FOLDER / file
    if not _NAME.fullmatch(file) or not path.is_file():
        raise NotFound("There is no such picture.")
    return path
