"""Run jobs in a process of their own. Needs REDIS_URL; one worker should have `--beat`."""

import argparse
import sys

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
    if options.beat:
        schedule = settings.DATA_DIR / "beat-schedule"
        arguments += ["--beat", f"--schedule={schedule}"]
    app.worker_main(arguments)
    return 0
