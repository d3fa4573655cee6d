"""The worker and the clock inside the server's process."""

import threading

from reverie.celery import app
from reverie.jobs import EmbeddedJobs


def test_jobs_run_in_this_process_and_stop(settings):
    ran = threading.Event()

    @app.task(name="tests.wave")
    def wave() -> None:
        ran.set()

    jobs = EmbeddedJobs()
    jobs.start()
    wave.delay()
    assert ran.wait(10)

    jobs.stop()

    assert not any(thread.name in ("jobs", "Beat") for thread in threading.enumerate())
