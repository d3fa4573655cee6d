"""A bar on standard error for long work of known length."""

import sys
import time
from typing import Final

_WIDTH: Final = 30
_SECONDS_BETWEEN: Final = 0.1


class Bar:
    """Draws itself at most ten times a second; a bar that is not `shown` writes nothing."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total = total
        self._shown = shown and total > 1
        self._done = 0
        self._drawn_at = 0.0

    def step(self) -> None:
        self._done = min(self._done + 1, self._total)
        now = time.monotonic()
        if self._shown and (now - self._drawn_at > _SECONDS_BETWEEN or self._done == self._total):
            self._drawn_at = now
            bar = "#" * (_WIDTH * self._done // self._total)
            sys.stderr.write(f"\r[{bar:<{_WIDTH}}] {self._done:,} of {self._total:,}")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\n")
