"""A job as its handler holds it: claimed, kept alive, written step by step, and ended.

Whatever the handler writes is committed together with the job's own step, and only while the
job is still its own: a worker that was taken for dead changes nothing any more.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from core.ids import new_uid
from core.prepared import Select, Update
from jobs.models import Job

LEASE_SECONDS: Final = 90
_LEASE: Final = timedelta(seconds=LEASE_SECONDS)
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
            self._change(lease_expires_at=timezone.now() + _LEASE)
            self.kept_at = time.monotonic()

    @contextmanager
    def writing(self, *, steps: int = 1, total: int | None = None) -> Iterator[None]:
        """A transaction for the results of `steps` steps. Raises Lost at its end, undoing them.

        The job's row is the last to be locked, as it is for those who ask for work.
        """
        done, total = self.done + steps, self.total if total is None else total
        with transaction.atomic():
            yield
            lease = timezone.now() + _LEASE
            self._check(_step(uid=self.uid, claim=self.claim, lease=lease, done=done, total=total))
        self.done, self.total, self.attempts = done, total, 0
        self.kept_at = time.monotonic()

    def finish(self, note: str = "") -> None:
        """It is done; `note` says why nothing was. Asked for again meanwhile, it waits again."""
        self._check(_finish(uid=self.uid, claim=self.claim, now=timezone.now(), note=note[:200]))

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
        self._check(_held(self.uid, self.claim).update(**fields))

    def _check(self, changed: int) -> None:
        if not changed:
            raise Lost(self.uid)


_ENDED: Final[dict[str, Any]] = {
    "again": False,
    "claim": "",
    "lease_expires_at": None,
}
"""What every way of letting go of a job has in common."""


def _unless_again(state: str) -> Case:
    return Case(When(again=True, then=Value(Job.State.QUEUED)), default=Value(state))


def _held(uid: str, claim: str) -> QuerySet[Job]:
    return Job.objects.filter(uid=uid, claim=claim, state=Job.State.RUNNING)


_step = Update(
    lambda uid, claim, lease, done, total: (
        _held(uid, claim),
        {"lease_expires_at": lease, "done": done, "total": total, "attempts": 0},
    ),
    uid=str,
    claim=str,
    lease=datetime,
    done=int,
    total=int,
)
_finish = Update(
    lambda uid, claim, now, note: (
        _held(uid, claim),
        {
            **_ENDED,
            "state": _unless_again(Job.State.DONE),
            "run_at": now,
            "note": note,
            "error": "",
            "attempts": 0,
            "ended_at": now,
        },
    ),
    uid=str,
    claim=str,
    now=datetime,
    note=str,
)


def _due(kinds: Collection[str], now: datetime) -> Q:
    """What of these kinds can be claimed now: what waits, and what a dead worker left.

    Work for somebody who is suspended waits until they are let in again: it would cost them. Asked
    by a subquery, as a claim must look at the job's own row alone to be nobody else's as well.
    """
    suspended = get_user_model().objects.filter(pk=OuterRef("user_id"), is_active=False)
    return (
        Q(kind__in=kinds)
        & (
            Q(state=Job.State.QUEUED, run_at__lte=now)
            | Q(state=Job.State.RUNNING, lease_expires_at__lt=now)
        )
        & ~Q(Exists(suspended))
    )


class _Claiming(NamedTuple):
    """Looking for a job, and taking it."""

    look: Select[Any]
    take: Update


@lru_cache(maxsize=8)
def _claiming(kinds: tuple[str, ...]) -> _Claiming:
    """The statements of a process that can do these kinds."""

    def due_now(now: datetime) -> "QuerySet[Job, Any]":
        rows = Job.objects.filter(_due(kinds, now)).order_by("run_at", "uid")
        return rows.values_list("uid")[:_CANDIDATES]

    def taken(
        uid: str, claim: str, now: datetime, lease: datetime
    ) -> tuple[QuerySet[Job], dict[str, Any]]:
        return Job.objects.filter(_due(kinds, now), uid=uid), {
            "state": str(Job.State.RUNNING),
            "claim": claim,
            "lease_expires_at": lease,
            "attempts": F("attempts") + 1,
        }

    take = Update(
        taken,
        returning=("kind", "key", "user_id", "payload", "attempts", "done", "total"),
        uid=str,
        claim=str,
        now=datetime,
        lease=datetime,
    )
    return _Claiming(Select(due_now, now=datetime), take)


def longest_due() -> list[str]:
    """The uids of a few jobs that can be claimed now, the one that has waited longest first."""
    return [uid for (uid,) in _claiming(tuple(settings.JOBS)).look.all(now=timezone.now())]


def claim_next() -> Work | None:
    """Take the job that has waited longest, by one conditional update. None if there is none."""
    for uid in longest_due():
        if (work := claim(uid)) is not None:
            return work
    return None


def claim(uid: str) -> Work | None:
    """Take this job if it is due. One that was left for dead too often fails instead."""
    mark, now = new_uid(), timezone.now()
    take = _claiming(tuple(settings.JOBS)).take
    row = take(uid=uid, claim=mark, now=now, lease=now + _LEASE)
    if row is None:
        return None
    kind, key, user_id, payload, attempts, done, total = row
    work = Work(uid, kind, key, user_id, orjson.loads(payload), mark, attempts, done, total)
    if attempts > ATTEMPTS_MOST:
        work.fail("Every worker that began this job ended before it.")
        return None
    return work
