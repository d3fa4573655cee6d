"""Asking for work: a row in the caller's transaction, and a wake-up once it is committed."""

import threading
import time
from datetime import timedelta
from queue import SimpleQueue
from typing import Any, Final

import structlog
from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from core.prepared import Insert, Select, Update
from jobs.models import Job

log = structlog.get_logger(__name__)

OPEN: Final = (Job.State.QUEUED, Job.State.RUNNING)
_WAKE_MOST: Final = 8
_WAKE_DELAY_SECONDS: Final = 0.05
"""Sending takes the interpreter from whoever asked, who is about to answer somebody."""
_WAKE_SECONDS: Final = 60
"""A wake-up that nobody took for so long is worth nothing: the sweeper sends new ones."""


def enqueue(
    kind: str,
    key: str,
    *,
    user_id: int | None = None,
    payload: dict[str, Any] | None = None,
    is_urgent: bool = True,
) -> None:
    """Ask for a job. It joins one of the same kind and key that waits, or follows one that runs.

    Payloads are merged, the newer values winning. What waits after a failure goes on waiting.
    What is not urgent wakes nobody: the sweeper finds it, and a busy time asks once for all.
    """
    given = payload or {}
    # The open one may end between the two, and another be asked for: then once more.
    while not (
        _insert(kind=kind, key=key, user_id=user_id, payload=given) or _join(kind, key, given)
    ):
        pass
    if is_urgent:
        transaction.on_commit(wake)


_insert = Insert(Job, ignore_conflicts=True)
_open: Select[Job] = Select(
    lambda kind, key: Job.objects.select_for_update().filter(kind=kind, key=key, state__in=OPEN),
    kind=str,
    key=str,
)
_is_running = ExpressionWrapper(Q(state=Job.State.RUNNING), output_field=BooleanField())
_follow = Update(
    lambda kind, key: (
        Job.objects.filter(kind=kind, key=key, state__in=OPEN),
        {"again": _is_running},
    ),
    kind=str,
    key=str,
)


def _join(kind: str, key: str, payload: dict[str, Any]) -> bool:
    """Add to the open job of this kind and key. Returns whether there is one."""
    if not payload:
        return bool(_follow(kind=kind, key=key))
    with transaction.atomic():
        job = _open.first(kind=kind, key=key)
        if job is None:
            return False
        merged = {**job.payload, **payload}
        if merged != job.payload:
            Job.objects.filter(pk=job.pk).update(payload=merged)
        return bool(_follow(kind=kind, key=key))


class _Waker:
    """Sends wake-ups in a thread of its own: a broker that is down must not hold a turn up."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self, times: int) -> None:
        self._asked.put(times)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name="waker", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while True:
            times = self._asked.get()
            time.sleep(_WAKE_DELAY_SECONDS)
            while not self._asked.empty():
                times += self._asked.get()
            try:
                for _ in range(min(times, _WAKE_MOST)):
                    current_app.send_task("jobs.run", expires=_WAKE_SECONDS, retry=False)
            except (OperationalError, OSError):
                log.warning("jobs_wake_failed")


_waker = _Waker()


def wake(times: int = 1) -> None:
    """Tell workers that there is something to do. Without a broker, the sweeper finds the rows."""
    _waker.wake(times)


def retry(job_uid: str) -> bool:
    """Let a failed job run again. False if it did not fail, or another one was asked for since."""
    try:
        with transaction.atomic():
            changed = Job.objects.filter(uid=job_uid, state=Job.State.FAILED).update(
                state=Job.State.QUEUED, attempts=0, run_at=timezone.now(), error="", ended_at=None
            )
    except IntegrityError:
        return False
    if changed:
        transaction.on_commit(wake)
    return bool(changed)


def recover_all() -> int:
    """Free every job that is under way. For a single process that has just started."""
    past = timezone.now() - timedelta(seconds=1)
    return Job.objects.filter(state=Job.State.RUNNING).update(lease_expires_at=past)
