"""Jobs of the conversations. The rows are the truth; each job may run twice."""

from celery import shared_task

from chats import recovery


@shared_task(name="chats.sweep")  # type: ignore[untyped-decorator]  # celery is untyped
def sweep() -> int:
    """End turns and holds that a dead process left behind."""
    return recovery.recover_expired()


@shared_task(name="chats.empty_trash")  # type: ignore[untyped-decorator]  # celery is untyped
def empty_trash() -> int:
    return recovery.empty_trash()
