"""Run jobs in a process of their own. Needs REDIS_URL; one worker should have `--beat`."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from celery.beat import EmbeddedService
from django.conf import settings

from jobs.running import AT_ONCE
from reverie.celery import app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--concurrency", type=int, default=AT_ONCE + 1)
    parser.add_argument("--beat", action="store_true", help="also keep the clock")


def run(options: argparse.Namespace) -> int:
    if not settings.REDIS_URL:
        sys.stderr.write(
            "reverie: Without REDIS_URL jobs run inside `reverie serve`; no worker is needed.\n"
        )
        return 1
    arguments = ["worker", "--pool=threads", f"--concurrency={options.concurrency}", "-l", "INFO"]
    with _clock() if options.beat else nullcontext():
        app.worker_main(arguments)
    return 0


@contextmanager
def _clock() -> Iterator[None]:
    """In a thread: a process of its own would outlive a worker that is killed."""
    schedule = settings.DATA_DIR / "beat-schedule"
    clock = EmbeddedService(app, thread=True, schedule_filename=str(schedule))
    clock.start()
    try:
        yield
    finally:
        clock.stop()
