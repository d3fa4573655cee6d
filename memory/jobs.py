"""Jobs that concern notebooks alone."""

from django.utils import timezone

from jobs.work import Work
from memory import services


def purge(work: Work) -> bool:
    """Delete for good what was forgotten long ago. True if there is more."""
    with work.writing():
        count = services.purge(timezone.now())
    return count > 0
