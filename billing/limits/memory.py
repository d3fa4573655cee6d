"""The limits of one process, in its memory. Windows are short: a restart forgets at most those."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from billing.limits.rules import BUCKET_SECONDS, BUCKETS, Rule, Seat, Verdict, Window, allowance

_PRUNE_EVERY: Final = 4096


class MemoryStore:
    """Sliding logs: the times of what was let through within the window, oldest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logs: dict[str, tuple[float, deque[float]]] = {}
        self._seats: dict[str, dict[str, float]] = {}
        self._site: dict[int, int] = {}
        self._takes = 0

    def take(
        self, rules: Sequence[Rule], seat: Seat | None = None, *, counts: bool = True
    ) -> Verdict:
        with self._lock:
            now = self._clock()
            self._prune(now)
            load = self._load(now)
            seen = [self._look(rule, now, load) for rule in rules]
            waits = [(wait, window.name) for window, wait in seen if wait]
            taken = self._taken(seat.key, now) if seat is not None else {}
            seats = len(taken)
            if seat is not None and seats >= seat.limit and seat.uid not in taken:
                waits.append((min(taken.values(), default=now) - now, "seat"))
            windows = tuple(window for window, _ in seen)
            if waits or not counts:
                wait, refused = max(waits, default=(0.0, ""))
                return Verdict(
                    refused=refused,
                    wait_seconds=wait,
                    windows=windows,
                    seats=seats,
                    load=load,
                )
            if seat is not None:
                self._seats.setdefault(seat.key, taken)[seat.uid] = now + seat.seconds
            counted = tuple(
                self._count(rule, window, now) for rule, window in zip(rules, windows, strict=True)
            )
            return Verdict(windows=counted, seats=seats, load=load)

    def renew(self, seat: Seat) -> None:
        with self._lock:
            taken = self._seats.get(seat.key, {})
            if seat.uid in taken:
                taken[seat.uid] = self._clock() + seat.seconds

    def release(self, seat: Seat) -> None:
        with self._lock:
            taken = self._seats.get(seat.key, {})
            taken.pop(seat.uid, None)
            if not taken:
                self._seats.pop(seat.key, None)

    def _look(self, rule: Rule, now: float, load: int) -> tuple[Window, float]:
        """How a rule stands, and the seconds until it lets one more through."""
        _, log = self._logs.get(rule.key, (0.0, deque()))
        while log and log[0] <= now - rule.seconds:
            log.popleft()
        limit = allowance(rule.limit, rule.calm, load) if rule.calm else rule.limit
        reset = log[-1] + rule.seconds - now if log else 0.0
        over = len(log) - limit
        wait = log[over] + rule.seconds - now if over >= 0 else 0.0
        return Window(rule.name, limit, len(log), reset), wait

    def _count(self, rule: Rule, window: Window, now: float) -> Window:
        _, log = self._logs.setdefault(rule.key, (rule.seconds, deque()))
        log.append(now)
        if rule.calm:
            bucket = math.floor(now / BUCKET_SECONDS)
            self._site[bucket] = self._site.get(bucket, 0) + 1
        return Window(rule.name, window.limit, window.used + 1, rule.seconds)

    def _taken(self, key: str, now: float) -> dict[str, float]:
        taken = self._seats.get(key, {})
        for uid in [uid for uid, until in taken.items() if until <= now]:
            del taken[uid]
        return taken

    def _load(self, now: float) -> int:
        first = math.floor(now / BUCKET_SECONDS) - BUCKETS + 1
        for bucket in [bucket for bucket in self._site if bucket < first]:
            del self._site[bucket]
        return sum(self._site.values())

    def _prune(self, now: float) -> None:
        """Forget now and then whoever was not here lately."""
        self._takes += 1
        if self._takes % _PRUNE_EVERY:
            return
        logs = self._logs
        for key in [k for k, (span, log) in logs.items() if not log or log[-1] <= now - span]:
            del logs[key]
        for key in [key for key in self._seats if not self._taken(key, now)]:
            del self._seats[key]
