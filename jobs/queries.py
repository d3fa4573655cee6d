"""How the queue stands, and what of it is one person's."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from jobs.models import Job
from jobs.queue import OPEN

LATE_SECONDS: Final = 600
"""Jobs that have been due for longer than this mean that no worker runs."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Jobs that are due, wait for later, run, and failed within a day; seconds the oldest waits."""

    due: int
    later: int
    running: int
    failed: int
    oldest_seconds: int

    @property
    def is_late(self) -> bool:
        return self.oldest_seconds > LATE_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def queue() -> Queue:
    """The whole queue in one query. What waits for somebody suspended is not due."""
    now = timezone.now()
    waits = Q(user=None) | Q(user__is_active=True)
    is_due = Q(waits, state=Job.State.QUEUED, run_at__lte=now)
    found = Job.objects.filter(
        Q(state__in=OPEN) | Q(state=Job.State.FAILED, ended_at__gt=now - timedelta(days=1))
    ).aggregate(
        due=Count("pk", filter=is_due),
        later=Count("pk", filter=Q(state=Job.State.QUEUED, run_at__gt=now)),
        running=Count("pk", filter=Q(state=Job.State.RUNNING)),
        failed=Count("pk", filter=Q(state=Job.State.FAILED)),
        oldest=Min("run_at", filter=is_due),
    )
    oldest = found.pop("oldest")
    return Queue(**found, oldest_seconds=int((now - oldest).total_seconds()) if oldest else 0)


def newest_of(user_id: int, key: str) -> QuerySet[Job]:
    """A person's jobs on one thing, the newest first."""
    return Job.objects.filter(user=user_id, key=key).order_by("-uid")
