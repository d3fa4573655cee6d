"""Jobs inside the server's own process: a Celery worker and its clock, each in a thread.

Used when there is no Redis. The queue is in memory; what must not be lost is in the tables,
and the sweeper finds it there.
"""

import threading
from typing import Any

from celery.beat import EmbeddedService, Scheduler
from celery.worker import WorkController

from chats.running import drivers
from jobs.running import AT_ONCE, give_way_to
from jobs.work import stopping
from reverie.celery import app


class EmbeddedJobs:
    """Start it before the server and stop it after."""

    def __init__(self) -> None:
        self._worker: Any = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=AT_ONCE + 1,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._clock: Any = EmbeddedService(app, thread=True, scheduler_cls=Scheduler)
        self._thread = threading.Thread(target=self._worker.start, name="jobs", daemon=True)

    def start(self) -> None:
        stopping.clear()
        give_way_to(lambda: bool(drivers))
        self._thread.start()
        self._clock.start()

    def stop(self) -> None:
        stopping.set()
        self._clock.stop()
        self._worker.stop(in_sighandler=False)
        self._thread.join(timeout=5)
