"""Windows and seats as values. Pure: knows no store and no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MINUTE: Final = 60.0
BUCKET_SECONDS: Final = 5
BUCKETS: Final = 12
"""The site's free turns are counted in so many buckets of so many seconds: a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """At most `limit` within any `seconds`. With `calm` it tightens as the site gets busier.

    `name` says what kind of limit it is, `key` whose.
    """

    name: str
    key: str
    limit: int
    seconds: float = MINUTE
    calm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One of at most `limit` places, taken for `seconds` by `uid` unless it is renewed."""

    key: str
    uid: str
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """How a rule stands: `limit` as it is now, and the seconds until all of it is there again."""

    name: str
    limit: int
    used: int
    reset_seconds: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of asking. `refused` is the rule that refused ("seat" for the seat), or "".

    Nothing was counted if anything refused. `wait_seconds` is when it would not refuse any more,
    `seats` how many were taken before, `load` the site's free turns of the last minute.
    """

    refused: str = ""
    wait_seconds: float = 0.0
    windows: tuple[Window, ...] = ()
    seats: int = 0
    load: int = 0

    @property
    def refusing(self) -> Window | None:
        return next((window for window in self.windows if window.name == self.refused), None)


class Store(Protocol):
    """Counts. Every method is atomic, across all processes that share the store."""

    def take(
        self, rules: Sequence[Rule], seat: Seat | None = None, *, counts: bool = True
    ) -> Verdict:
        """Count one for each rule and take the seat, all or nothing; only look without `counts`."""

    def renew(self, seat: Seat) -> None:
        """Keep a seat for another while."""

    def release(self, seat: Seat) -> None:
        """Give a seat back. Twice is once."""


def allowance(base: int, calm: int, load: int) -> int:
    """How much of `base` is left to each person while the site carries `load`.

    All of it up to `calm`; beyond, everybody's part shrinks as the load grows, to one at least.
    """
    return base if load <= calm else max(1, base * calm // load)
