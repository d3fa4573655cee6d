"""Portraits painted for those who bring none: a lamplit evening, the same each time."""

import colorsys
import math
import random
import unicodedata
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from core.pictures import FULL

_NO_LETTER: Final = "\U0010ffff"


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
