"""One request's way past the limits. Each is asked at most once, however often the request is.

A request enters when it is known who asks; a turn begins when it is known which model answers and
that it is none that ran before. Synchronous, and where Redis counts a trip each: call inside a hop.
"""

import math
import time
from secrets import token_hex
from typing import Final

from django.conf import settings

from accounts.models import User
from billing.limits import store
from billing.limits.budgets import NO_KEY, KeyTerms
from billing.limits.rules import Rule, Seat, Verdict, Window
from billing.limits.terms import Terms, terms_of
from core import metrics
from core.errors import RateLimited

SEAT_RETRY_SECONDS: Final = 2


class Admission:
    """Raises RateLimited where a limit is reached; then nothing was counted.

    `window` is the one of this request's windows with the least left: what headers tell.
    """

    def __init__(self) -> None:
        self.window: Window | None = None
        self._terms: Terms | None = None
        self._seat: Seat | None = None
        self._has_entered = False
        self._has_begun = False

    def enter(self, user: User, key: KeyTerms = NO_KEY, *, for_turn: bool = False) -> None:
        """Count a request of this person. `for_turn` takes the seat of a turn in the same trip."""
        if self._has_entered:
            return
        self._terms = terms_of(user)
        rules = request_rules(user.pk, self._terms, key)
        self._ask(rules, self._wanted_seat(user.pk) if for_turn else None)
        self._has_entered = True

    def begin(self, user: User, *, free: bool) -> None:
        """Let a turn begin: a seat among this person's, and one of their free turns if it is."""
        if self._has_begun:
            return
        if self._terms is None:
            self._terms = terms_of(user)
        rules = free_rules(user.pk) if free else []
        self._ask(rules, self._wanted_seat(user.pk))
        self._has_begun = True

    def renew(self) -> None:
        """Keep the seat: the turn still runs. Without this it is lost within a minute or so."""
        if self._seat is not None:
            store.renew(self._seat)

    def release(self) -> None:
        """Give the seat back. A second call changes nothing."""
        if self._seat is not None:
            store.release(self._seat)
            self._seat = None

    def handed_over(self) -> "Admission":
        """Another one that has this one's seat: for the turn, which outlives its request."""
        other = Admission()
        other._seat, self._seat = self._seat, None
        return other

    @property
    def has_seat(self) -> bool:
        return self._seat is not None

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-*` and OpenAI's `x-ratelimit-*`; nothing where nothing is limited."""
        window = self.window
        if window is None:
            return {}
        seconds = math.ceil(window.reset_seconds)
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(math.ceil(time.time() + window.reset_seconds)),
            "x-ratelimit-limit-requests": str(window.limit),
            "x-ratelimit-remaining-requests": str(window.remaining),
            "x-ratelimit-reset-requests": duration(seconds),
        }

    def _wanted_seat(self, user_id: int) -> Seat | None:
        if self._seat is not None or self._terms is None or not self._terms.concurrency:
            return None
        return seat_of(user_id, self._terms.concurrency, token_hex(12))

    def _ask(self, rules: list[Rule], seat: Seat | None) -> None:
        if not rules and seat is None:
            return
        verdict = store.take(rules, seat)
        if verdict is None:
            return
        if verdict.refused:
            self.window = verdict.refusing or self.window
            metrics.limited(verdict.refused)
            raise _refusal(verdict, seat)
        self._seat = seat or self._seat
        seen = [*verdict.windows, *([self.window] if self.window else [])]
        self.window = min(seen, key=lambda window: window.remaining, default=None)


def request_rules(user_id: int, terms: Terms, key: KeyTerms = NO_KEY) -> list[Rule]:
    """The windows that a request counts in."""
    rules = []
    if terms.requests_per_minute:
        rules.append(
            Rule(name="requests", key=f"requests:{user_id}", limit=terms.requests_per_minute)
        )
    if key.requests_per_minute:
        rules.append(Rule(name="key", key=f"key:{key.uid}", limit=key.requests_per_minute))
    return rules


def free_rules(user_id: int) -> list[Rule]:
    """The window of a person's free turns, one over all surfaces."""
    if not settings.FREE_TURNS:
        return []
    return [
        Rule(
            name="free",
            key=f"free:{user_id}",
            limit=settings.FREE_TURNS,
            calm=settings.FREE_SITE_TURNS,
        )
    ]


def seat_of(user_id: int, limit: int, uid: str = "") -> Seat:
    """It outlasts the wait for a busy chat; from then on the turn's heartbeat renews it."""
    seconds = settings.TURN_WAIT_SECONDS + settings.TURN_LEASE_SECONDS
    return Seat(key=f"seats:{user_id}", uid=uid, limit=limit, seconds=seconds)


def duration(seconds: int) -> str:
    """As OpenAI writes it: `1s`, `6m0s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _refusal(verdict: Verdict, seat: Seat | None) -> RateLimited:
    window = verdict.refusing
    if window is None:
        limit = seat.limit if seat is not None else 0
        return RateLimited(
            f"Your plan allows {_counted(limit, 'reply', 'replies')} at the same time, and as many"
            " are being written. Try again when one of them is done.",
            retry_after=SEAT_RETRY_SECONDS,
        )
    wait = max(1, math.ceil(verdict.wait_seconds))
    again = f"Try again in {_counted(wait, 'second', 'seconds')}"
    if window.name == "free":
        many = _counted(window.limit, "message", "messages")
        is_busy = window.limit < settings.FREE_TURNS
        why = "The site is busy: for now free" if is_busy else "Free"
        return RateLimited(
            f"{why} models answer each person {many} a minute. {again}, or choose another model.",
            retry_after=wait,
        )
    many = _counted(window.limit, "request", "requests")
    whose = "This key" if window.name == "key" else "Your plan"
    return RateLimited(f"{whose} allows {many} a minute. {again}.", retry_after=wait)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
