"""Running jobs: call the handler of the kind, and decide what becomes of a failure."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string

from core import metrics
from core.errors import InsufficientCredits, RateLimited, Retryable, ReverieError, Unavailable
from jobs.work import ATTEMPTS_MOST, Lost, Stopping, Work, claim_next, stopping

log = structlog.get_logger(__name__)

Handler = Callable[[Work], bool | str | None]
"""Does the work of one claim. True says that there is more to do, a text why nothing was done."""

AT_ONCE: Final = 2
"""Jobs at a time in one process, so that the clock's own tasks always find a thread."""
GIVE_WAY_SECONDS: Final = 3.0
"""How long a job waits at most for what is more urgent in its process before it begins."""
RUN_MOST: Final = 50
_LOOK_SECONDS: Final = 0.05
_FIRST_WAIT_SECONDS: Final = 15
_WAIT_MOST_SECONDS: Final = 3600
_TRANSIENT: Final = (Retryable, Unavailable, RateLimited, OperationalError, InterfaceError)

_slots = threading.BoundedSemaphore(AT_ONCE)
_is_busy: Callable[[], bool] = bool  # False


def give_way_to(is_busy: Callable[[], bool]) -> None:
    """Let jobs of this process begin while this is false, or `GIVE_WAY_SECONDS` later.

    Where replies are written in the same process, a thread that computes would delay them.
    """
    global _is_busy  # noqa: PLW0603 - of the process, set once as it starts
    _is_busy = is_busy


def run_due() -> int:
    """Run jobs until none is due, or `RUN_MOST` have run. Returns how many did."""
    if not _slots.acquire(blocking=False):
        return 0
    try:
        count = 0
        while count < RUN_MOST and _may_begin() and (work := claim_next()) is not None:
            run(work)
            count += 1
        return count
    finally:
        _slots.release()


def _may_begin() -> bool:
    """Whether this process still takes jobs; says so when nothing more urgent is under way."""
    until = time.monotonic() + GIVE_WAY_SECONDS
    while _is_busy() and time.monotonic() < until and not stopping.wait(_LOOK_SECONDS):
        pass
    return not stopping.is_set()


def run(work: Work) -> None:
    """Run one claimed job to its end, whatever that is."""
    handler: Handler = import_string(settings.JOBS[work.kind])
    try:
        try:
            said_back = handler(work)
            if said_back is True:
                work.go_on_later()
            else:
                work.finish(said_back or "")
            outcome = "done"
        except InsufficientCredits:
            work.finish("no credits")
            outcome = "no credits"
        except _TRANSIENT as error:
            outcome = _wait_or_fail(work, error)
        except (Stopping, CancelledError):  # the latter when the server's loop ends first
            work.go_on_later()
            outcome = "put back"
        except Lost:
            raise
        except Exception as error:
            log.exception("job_failed", job=work.uid, kind=work.kind)
            work.fail(said(error))
            outcome = "failed"
    except Lost:
        log.warning("job_lost", job=work.uid, kind=work.kind)
        outcome = "lost"
    metrics.job_ended(work.kind, outcome)


def _wait_or_fail(work: Work, error: Exception) -> str:
    """Try again later, up to a number of times."""
    if work.attempts >= ATTEMPTS_MOST:
        work.fail(said(error))
        return "failed"
    seconds = backoff(work.attempts, getattr(error, "retry_after", None))
    log.info("job_waits", job=work.uid, kind=work.kind, seconds=seconds)
    work.wait(seconds, said(error))
    return "waits"


def backoff(attempts: int, retry_after: int | None) -> float:
    """Seconds until the next try: four times as long after each, or what the upstream asks."""
    seconds = _FIRST_WAIT_SECONDS * 4 ** max(0, attempts - 1)
    return float(min(_WAIT_MOST_SECONDS, max(seconds, retry_after or 0)))


def said(error: Exception) -> str:
    """What operators read. Only our own errors are known to hold nobody's text."""
    return error.message if isinstance(error, ReverieError) else type(error).__name__
