"""Portraits: made for those who have none, re-encoded for those who bring one.

Every picture is stored as WebP of our own making, at two sizes, under a name that changes with
its content, so that it can be cached for ever and carries nothing its sender put in.
"""

import colorsys
import io
import math
import random
import struct
import unicodedata
import warnings
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from core.errors import Invalid

FOLDER: Final = "avatars"
FULL: Final = (512, 768)
SMALL: Final = (256, 384)
# What each decoder can be given and stay under a quarter of a gigabyte. JPEG is decoded small.
PIXELS_MOST: Final = {"JPEG": 40_000_000, "PNG": 24_000_000, "GIF": 24_000_000, "WEBP": 15_000_000}
_DRAFT: Final = (1024, 1536)
_NO_LETTER: Final = "\U0010ffff"
_GROUND: Final = (24, 22, 34)
BYTES_MOST: Final = 24 * 1024 * 1024


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
    """Save both sizes and return the name to keep in `Project.avatar`."""
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


def paint(name: str, hue: int) -> Image.Image:
    """A portrait for somebody without one: a lamplit evening and an initial, the same each time."""
    chance = random.Random(f"{name}/{hue}")
    canvas = _sky(hue)
    lamp = (
        chance.choice((chance.randint(80, 170), chance.randint(340, 430))),
        chance.randint(90, 190),
    )
    _glow(canvas, lamp, hue)
    _stars(canvas, hue, chance)
    _hills(canvas, hue, chance, first=0.66)
    letter = unicodedata.normalize("NFD", name)[:1].upper()
    font = ImageFont.load_default(size=330)
    if _can_write(font, letter):
        _monogram(canvas, letter, font, hue, lamp)
    else:
        _house(canvas, hue)
    _hills(canvas, hue + 12, chance, first=0.84)
    return canvas


def _sky(hue: int) -> Image.Image:
    width, height = FULL
    column = Image.new("RGB", (1, height))
    for y in range(height):
        t = y / height
        column.putpixel((0, y), _rgb(hue - 24 + 58 * t, 0.62 - 0.22 * t, 0.2 + 0.42 * t))
    return column.resize((width, height))


def _glow(canvas: Image.Image, lamp: tuple[int, int], hue: int) -> None:
    """A moon or a lamp, and the light around it."""
    light = Image.new("L", FULL, 0)
    draw = ImageDraw.Draw(light)
    for radius in range(320, 0, -10):
        draw.ellipse(_circle(lamp, radius), fill=int(140 * (1 - radius / 320) ** 2))
    draw.ellipse(_circle(lamp, 34), fill=235)
    warm = Image.new("RGB", FULL, _rgb(hue + 40, 0.3, 1.0))
    canvas.paste(warm, (0, 0), light.filter(ImageFilter.GaussianBlur(2)))


def _stars(canvas: Image.Image, hue: int, chance: random.Random) -> None:
    draw = ImageDraw.Draw(canvas)
    for _ in range(60):
        spot = (chance.randint(0, FULL[0]), chance.randint(0, int(FULL[1] * 0.6)))
        draw.ellipse(_circle(spot, chance.choice((0.6, 1.0, 1.8))), fill=_rgb(hue + 30, 0.2, 0.9))


def _hills(canvas: Image.Image, hue: int, chance: random.Random, *, first: float) -> None:
    """Three rolling lines, each nearer and darker."""
    width, height = FULL
    draw = ImageDraw.Draw(canvas)
    for layer in range(3):
        base = height * (first + 0.06 * layer)
        phase, swing, length = (
            chance.random() * math.tau,
            chance.randint(10, 34),
            chance.randint(70, 150),
        )
        line = [
            (x, base + swing * math.sin(x / length + phase) + 7 * math.sin(x / 31 + 2 * phase))
            for x in range(0, width + 4, 4)
        ]
        shade = 0.34 - 0.09 * layer - (first - 0.66) * 0.6
        draw.polygon(
            [*line, (width, height), (0, height)], fill=_rgb(hue - 12 * layer, 0.55, shade)
        )


def _monogram(canvas: Image.Image, letter: str, font: Any, hue: int, lamp: tuple[int, int]) -> None:
    """The initial, large and lit from the lamp's side, standing on the hills."""
    width, height = FULL
    spot = (width // 2, int(height * 0.47))
    away = 7 if lamp[0] < width // 2 else -7
    for shift, colour, opacity in (
        (away, _rgb(hue - 20, 0.6, 0.1), 190),
        (0, _rgb(hue + 38, 0.22, 0.98), 240),
    ):
        mask = Image.new("L", FULL, 0)
        ImageDraw.Draw(mask).text(
            (spot[0] + shift, spot[1] + abs(shift)), letter, opacity, font, anchor="mm"
        )
        canvas.paste(Image.new("RGB", FULL, colour), (0, 0), mask)


def _can_write(font: Any, letter: str) -> bool:
    """Whether the font draws this letter as anything but the box for letters it lacks."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))


def _house(canvas: Image.Image, hue: int) -> None:
    """A gabled house on the hills with one window lit."""
    draw = ImageDraw.Draw(canvas)
    wall = _rgb(hue - 20, 0.55, 0.14)
    draw.rectangle((190, 460, 322, 600), fill=wall)
    draw.polygon([(170, 464), (256, 370), (342, 464)], fill=wall)
    draw.rectangle((284, 380, 304, 440), fill=wall)
    draw.rounded_rectangle((232, 480, 280, 540), 6, fill=_rgb(hue + 38, 0.32, 0.98))
    draw.line((256, 480, 256, 540), fill=wall, width=4)
    draw.line((232, 510, 280, 510), fill=wall, width=4)


def _circle(centre: tuple[float, float], radius: float) -> tuple[float, float, float, float]:
    x, y = centre
    return (x - radius, y - radius, x + radius, y + radius)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, max(0.0, min(1.0, value)))
    return (int(red * 255), int(green * 255), int(blue * 255))
