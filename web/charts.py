"""Bars over time as values that a template draws as SVG: no style, no script, no library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

WIDTH: Final = 960
_LEFT, _RIGHT = 4, 56
_HEIGHT: Final = 150
_HEAD, _FOOT = 30, 16
_BAR_PART: Final = 0.72
_BAR_LEAST: Final = 2.0
_LABELS_MOST: Final = 8
_TICKS: Final = 3


class Tick(NamedTuple):
    """A line across a panel at a round value."""

    y: float
    label: str


class Series(NamedTuple):
    """All bars of one series in a panel, as one path. `number` chooses its colour."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure. Panels lie below each other and share their days."""

    title: str
    top: int
    ticks: list[Tick]
    series: list[Series]

    @property
    def title_y(self) -> int:
        return self.top + 16


class Column(NamedTuple):
    """What can be pointed at: all panels at one place. `text_x` is where its label stands."""

    x: float
    width: float
    href: str
    title: str
    label: str
    text_x: float


@dataclass(frozen=True, slots=True)
class Chart:
    panels: list[Panel]
    columns: list[Column]
    height: int
    width: int = WIDTH
    left: int = _LEFT
    right: int = WIDTH - _RIGHT

    @property
    def label_y(self) -> int:
        return self.height - 6


class Measure(NamedTuple):
    """A title, the values of each series at each place, and how a value is written."""

    title: str
    values: Sequence[Sequence[int]]
    written: Callable[[int], str]


class Place(NamedTuple):
    """One place on the axis: where it leads, what it is called in full and in short."""

    href: str
    title: str
    label: str


def draw(measures: Sequence[Measure], places: Sequence[Place]) -> Chart:
    """Stacked bars, a panel for each measure."""
    each = _HEAD + _HEIGHT + _FOOT
    panels = [
        _panel(measure, number * each, len(places)) for number, measure in enumerate(measures)
    ]
    return Chart(panels, _columns(places), len(panels) * each + 16)


def _panel(measure: Measure, top: int, count: int) -> Panel:
    sums = [sum(values) for values in zip(*measure.values, strict=True)]
    step = _step(max(sums, default=0))
    most = max(step, -(-max(sums, default=0) // step) * step)
    base = top + _HEAD + _HEIGHT
    scale = _HEIGHT / most
    ticks = [
        Tick(round(base - value * scale, 1), measure.written(value))
        for value in range(0, most + 1, step)
    ]
    below = [0] * count
    series = []
    for number, values in enumerate(measure.values):
        path = _path(values, below, base, scale)
        below = [low + value for low, value in zip(below, values, strict=True)]
        if path:
            series.append(Series(number, path))
    return Panel(measure.title, top, ticks, series)


def _path(values: Sequence[int], below: Sequence[int], base: int, scale: float) -> str:
    pitch = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    width = max(_BAR_LEAST, pitch * _BAR_PART)
    pieces = []
    for number, (value, low) in enumerate(zip(values, below, strict=True)):
        if value > 0:
            x = _LEFT + number * pitch + (pitch - width) / 2
            y, height = base - (low + value) * scale, max(1.0, value * scale)
            pieces.append(f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
    return "".join(pieces)


def _columns(places: Sequence[Place]) -> list[Column]:
    pitch = (WIDTH - _LEFT - _RIGHT) / max(1, len(places))
    every = -(-len(places) // _LABELS_MOST)
    columns = []
    for number, (href, title, label) in enumerate(places):
        x = _LEFT + number * pitch
        # Counted from the newest, so that today always has a label.
        shown = label if (len(places) - 1 - number) % every == 0 else ""
        columns.append(
            Column(round(x, 1), round(pitch, 1), href, title, shown, round(x + pitch / 2, 1))
        )
    return columns


def _step(most: int) -> int:
    """The distance of the lines: 1, 2 or 5 and noughts."""
    rough = max(1, most / _TICKS)
    power = 1
    while power * 10 <= rough:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
