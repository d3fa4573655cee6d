"""The few numbers an operator watches. Names are stable; labels have few values."""

from typing import Final, Protocol

from prometheus_client import Counter, Gauge, Histogram

TURNS: Final = Counter("reverie_turns_total", "Turns by how they ended", ("state", "surface"))
RUNNING: Final = Gauge("reverie_turns_running", "Turns under way in this process")
SECONDS: Final = Histogram(
    "reverie_turn_seconds",
    "Length of a turn",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160),
)
FIRST_TOKEN: Final = Histogram(
    "reverie_first_token_seconds",
    "Time to the first token",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
)
TOKENS: Final = Counter("reverie_tokens_total", "Tokens by direction", ("direction",))
UPSTREAM_ERRORS: Final = Counter(
    "reverie_upstream_errors_total", "Failed upstream calls", ("code",)
)
HOLD_EXCESS: Final = Counter(
    "reverie_hold_excess_micro_credits_total", "Cost beyond what was reserved, not charged"
)
RECOVERED: Final = Counter("reverie_turns_recovered_total", "Turns ended for a dead process")


class Ended(Protocol):
    """What of a turn's outcome is measured."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def error_code(self) -> str: ...
    @property
    def first_token_ms(self) -> int | None: ...
    @property
    def duration_ms(self) -> int | None: ...


def turn_started() -> None:
    RUNNING.inc()


def turn_ended(state: str, surface: str, outcome: Ended) -> None:
    RUNNING.dec()
    TURNS.labels(str(state), str(surface)).inc()
    TOKENS.labels("in").inc(outcome.prompt_tokens)
    TOKENS.labels("out").inc(outcome.completion_tokens)
    if outcome.duration_ms is not None:
        SECONDS.observe(outcome.duration_ms / 1000)
    if outcome.first_token_ms is not None:
        FIRST_TOKEN.observe(outcome.first_token_ms / 1000)
    if outcome.error_code:
        UPSTREAM_ERRORS.labels(outcome.error_code).inc()


def turn_recovered() -> None:
    RECOVERED.inc()


def hold_exceeded(micro: int) -> None:
    HOLD_EXCESS.inc(micro)
