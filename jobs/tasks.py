"""What the queue's messages start. They carry nothing: the rows say what is to be done."""

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from jobs import queue, running, sweeping
from jobs.work import stopping


@shared_task(name="jobs.run")  # type: ignore[untyped-decorator]  # celery is untyped
def run() -> int:
    """Run what is due."""
    count = running.run_due()
    if count >= running.RUN_MOST:
        queue.wake()
    return count


@shared_task(name="jobs.sweep")  # type: ignore[untyped-decorator]  # celery is untyped
def sweep() -> int:
    """Wake workers for what is due."""
    return sweeping.sweep()


@shared_task(name="jobs.forget")  # type: ignore[untyped-decorator]  # celery is untyped
def forget() -> int:
    """Delete what ended long ago."""
    return sweeping.forget()


@shared_task(name="jobs.ask")  # type: ignore[untyped-decorator]  # celery is untyped
def ask(kind: str, key: str) -> None:
    """Ask for a job that the clock wants."""
    queue.enqueue(kind, key)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # celery is untyped
def put_back(**_kwargs: Any) -> None:
    """Let running jobs return to the queue at their next step."""
    stopping.set()
