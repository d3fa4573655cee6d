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
_TOKENS_IN: Final = TOKENS.labels("in")
_TOKENS_OUT: Final = TOKENS.labels("out")
UPSTREAM_ERRORS: Final = Counter(
    "reverie_upstream_errors_total", "Failed upstream calls", ("code",)
)
HOLD_EXCESS: Final = Counter(
    "reverie_hold_excess_micro_credits_total", "Cost beyond what was reserved, not charged"
)
CALLS_REFUSED: Final = Counter(
    "reverie_memory_calls_refused_total", "Calls of memory tools that changed nothing"
)
NOT_EMBEDDED: Final = Counter(
    "reverie_questions_not_embedded_total",
    "Turns that recalled by words for want of a vector",
    ("why",),
)
LIMITED: Final = Counter(
    "reverie_limited_total", "Requests that a limit refused, by limit", ("limit",)
)
LIMITS_UNCOUNTED: Final = Counter(
    "reverie_limits_uncounted_total", "Checks let through because Redis did not answer"
)
LEDGER_VIOLATIONS: Final = Gauge(
    "reverie_ledger_violations", "What the last check of the ledger found wrong"
)
LEDGER_CHECKED: Final = Gauge(
    "reverie_ledger_checked_timestamp_seconds", "When the ledger was last checked"
)
RECOVERED: Final = Counter("reverie_turns_recovered_total", "Turns ended for a dead process")
JOBS: Final = Counter("reverie_jobs_total", "Runs of jobs by how they ended", ("kind", "outcome"))
JOBS_DUE: Final = Gauge("reverie_jobs_due", "Jobs that wait for a worker")
JOBS_OLDEST: Final = Gauge("reverie_jobs_oldest_seconds", "How long the oldest of them waits")
JOBS_FAILED: Final = Gauge("reverie_jobs_failed", "Jobs that failed within a day")


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
    _TOKENS_IN.inc(outcome.prompt_tokens)
    _TOKENS_OUT.inc(outcome.completion_tokens)
    if outcome.duration_ms is not None:
        SECONDS.observe(outcome.duration_ms / 1000)
    if outcome.first_token_ms is not None:
        FIRST_TOKEN.observe(outcome.first_token_ms / 1000)
    if outcome.error_code:
        UPSTREAM_ERRORS.labels(outcome.error_code).inc()


def turn_recovered() -> None:
    RECOVERED.inc()


def tool_calls_refused(count: int) -> None:
    CALLS_REFUSED.inc(count)


def hold_exceeded(micro: int) -> None:
    HOLD_EXCESS.inc(micro)


def question_not_embedded(why: str) -> None:
    NOT_EMBEDDED.labels(why).inc()


def limited(limit: str) -> None:
    LIMITED.labels(limit).inc()


def limits_uncounted() -> None:
    LIMITS_UNCOUNTED.inc()


def job_ended(kind: str, outcome: str) -> None:
    JOBS.labels(kind, outcome).inc()


def queue_stands(*, due: int, oldest_seconds: int, failed: int) -> None:
    JOBS_DUE.set(due)
    JOBS_OLDEST.set(oldest_seconds)
    JOBS_FAILED.set(failed)


def ledger_checked(violations: int) -> None:
    LEDGER_VIOLATIONS.set(violations)
    LEDGER_CHECKED.set_to_current_time()
