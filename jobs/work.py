"""A job as its handler holds it: claimed, kept alive, written step by step, and ended.

Whatever the handler writes is committed together with the job's own step, and only while the
job is still its own: a worker that was taken for dead changes nothing any more.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.utils import timezone

from core.ids import new_uid
from jobs.models import Job

LEASE_SECONDS: Final = 90
ATTEMPTS_MOST: Final = 6
_CANDIDATES: Final = 10


KEEP_SECONDS: Final = 20

stopping = threading.Event()
"""Set while this process ends: jobs go back into the queue between two steps."""


class Lost(Exception):
    """Somebody else holds this job now, or it is gone. Nothing of it may be written."""


class Stopping(Exception):
    """This process ends, or the job's person is suspended: it goes on elsewhere, or later."""


@dataclass(slots=True)
class Work:
    """One claim of a job. `done` of `total` are its steps, over all the times it ran."""

    uid: str
    kind: str
    key: str
    user_id: int | None
    payload: dict[str, Any]
    claim: str
    attempts: int
    done: int = 0
    total: int = 0
    kept_at: float = field(default_factory=time.monotonic)

    def keep(self) -> None:
        """Say now and then that this worker lives. Raises Lost, or Stopping when it ends."""
        if stopping.is_set():
            raise Stopping
        if time.monotonic() - self.kept_at > KEEP_SECONDS:
            self._change(lease_expires_at=_lease())
            self.kept_at = time.monotonic()

    @contextmanager
    def writing(self, *, steps: int = 1, total: int | None = None) -> Iterator[None]:
        """A transaction for the results of `steps` steps. Raises Lost at its end, undoing them.

        The job's row is the last to be locked, as it is for those who ask for work.
        """
        done, total = self.done + steps, self.total if total is None else total
        with transaction.atomic():
            yield
            self._change(lease_expires_at=_lease(), done=done, total=total, attempts=0)
        self.done, self.total, self.attempts = done, total, 0
        self.kept_at = time.monotonic()

    def finish(self, note: str = "") -> None:
        """It is done; `note` says why nothing was. Asked for again meanwhile, it waits again."""
        self._change(
            **_ENDED,
            state=_unless_again(Job.State.DONE),
            run_at=timezone.now(),
            note=note[:200],
            error="",
            attempts=0,
            ended_at=timezone.now(),
        )

    def go_on_later(self) -> None:
        """There is more to do: stand in the queue again, behind the others."""
        self._change(**_ENDED, state=Job.State.QUEUED, run_at=timezone.now(), attempts=0)

    def wait(self, seconds: float, error: str) -> None:
        """Try again after a while."""
        at = timezone.now() + timedelta(seconds=seconds)
        self._change(**_ENDED, state=Job.State.QUEUED, run_at=at, error=error[:500])

    def fail(self, error: str) -> None:
        """It ended without success. Asked for again meanwhile, it waits again."""
        self._change(
            **_ENDED,
            state=_unless_again(Job.State.FAILED),
            attempts=Case(
                When(again=True, then=Value(0)), default=F("attempts"), output_field=IntegerField()
            ),
            run_at=timezone.now(),
            error=error[:500],
            ended_at=timezone.now(),
        )

    def _change(self, **fields: Any) -> None:
        held = Job.objects.filter(uid=self.uid, claim=self.claim, state=Job.State.RUNNING)
        if not held.update(**fields):
            raise Lost(self.uid)


_ENDED: Final[dict[str, Any]] = {
    "again": False,
    "claim": "",
    "lease_expires_at": None,
}
"""What every way of letting go of a job has in common."""


def _unless_again(state: str) -> Case:
    return Case(When(again=True, then=Value(Job.State.QUEUED)), default=Value(state))


def _lease() -> Any:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


def due() -> Q:
    """What can be claimed now: what waits, and what a dead worker left.

    Work for somebody who is suspended waits until they are let in again: it would cost them. Asked
    by a subquery, as a claim must look at the job's own row alone to be nobody else's as well.
    """
    now = timezone.now()
    suspended = get_user_model().objects.filter(pk=OuterRef("user_id"), is_active=False)
    return (
        Q(kind__in=list(settings.JOBS))
        & (
            Q(state=Job.State.QUEUED, run_at__lte=now)
            | Q(state=Job.State.RUNNING, lease_expires_at__lt=now)
        )
        & ~Q(Exists(suspended))
    )


def claim_next() -> Work | None:
    """Take the job that has waited longest, by one conditional update. None if there is none."""
    rows = Job.objects.filter(due()).order_by("run_at", "uid")
    for uid in rows.values_list("uid", flat=True)[:_CANDIDATES]:
        if (work := claim(uid)) is not None:
            return work
    return None


def claim(uid: str) -> Work | None:
    """Take this job if it is due. One that was left for dead too often fails instead."""
    mark = new_uid()
    taken = Job.objects.filter(due(), uid=uid).update(
        state=Job.State.RUNNING,
        claim=mark,
        lease_expires_at=_lease(),
        attempts=F("attempts") + 1,
    )
    job = Job.objects.filter(uid=uid, claim=mark).first() if taken else None
    if job is None:
        return None
    work = Work(
        job.uid,
        job.kind,
        job.key,
        job.user_id,
        job.payload,
        mark,
        job.attempts,
        job.done,
        job.total,
    )
    if job.attempts > ATTEMPTS_MOST:
        work.fail("Every worker that began this job ended before it.")
        return None
    return work
