"""What the clock does for the queue: messages get lost, and rows do not go away on their own."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from jobs.models import Job
from jobs.queue import wake
from jobs.work import longest_due

WAKE_MOST: Final = 4
"""Wake-ups of one sweep: each worker goes on until nothing is due."""
_KEPT: Final = {Job.State.DONE: timedelta(days=7), Job.State.FAILED: timedelta(days=30)}
_DELETE_MOST: Final = 10_000


def sweep() -> int:
    """Wake workers if something is due. Returns the wake-ups sent."""
    waiting = min(WAKE_MOST, len(longest_due()))
    if waiting:
        wake(waiting)
    return waiting


def forget() -> int:
    """Delete what ended long ago, a bounded number at a time. Returns how many were."""
    count = 0
    for state, kept in _KEPT.items():
        old = Job.objects.filter(state=state, ended_at__lt=timezone.now() - kept)
        uids = list(old.values_list("pk", flat=True)[:_DELETE_MOST])
        count += Job.objects.filter(pk__in=uids).delete()[0] if uids else 0
    return count
