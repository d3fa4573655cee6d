"""What the clock does for the queue: messages get lost, and rows do not go away on their own."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from jobs.models import Job
from jobs.queue import wake
from jobs.work import due

WAKE_MOST: Final = 4
"""Wake-ups of one sweep: each worker goes on until nothing is due."""
_KEPT: Final = {Job.State.DONE: timedelta(days=7), Job.State.FAILED: timedelta(days=30)}
_DELETE_MOST: Final = 1000


def sweep() -> int:
    """Wake workers if something is due, and forget old ends. Returns the wake-ups sent."""
    waiting = len(Job.objects.filter(due()).values_list("pk")[:WAKE_MOST])
    if waiting:
        wake(waiting)
    for state, kept in _KEPT.items():
        old = Job.objects.filter(state=state, ended_at__lt=timezone.now() - kept)
        Job.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_DELETE_MOST])).delete()
    return waiting
