"""Jobs of the conversations. The rows are the truth; each job may run twice."""

from celery import shared_task
from django.utils import timezone

from chats import memorising, purging, recovery


@shared_task(name="chats.sweep")  # type: ignore[untyped-decorator]  # celery is untyped
def sweep() -> int:
    """End turns and holds that a dead process left behind."""
    return recovery.recover_expired()


@shared_task(name="chats.empty_trash")  # type: ignore[untyped-decorator]  # celery is untyped
def empty_trash() -> int:
    return purging.empty_trash()


@shared_task(name="chats.read_rested")  # type: ignore[untyped-decorator]  # celery is untyped
def read_rested() -> int:
    """Have chats read for memories that nobody talks in any more."""
    return memorising.ask_for_rested(timezone.now())
