"""Jobs as rows: asked for once, claimed by one, kept alive, and ended as they went."""

import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from core.errors import InsufficientCredits, Retryable, Terminal
from jobs import queries, queue, running, sweeping, work
from jobs.models import Job
from jobs.work import LEASE_SECONDS, Lost, claim, claim_next

pytestmark = pytest.mark.django_db

HANDLED: list[str] = []
TROUBLE: list[BaseException] = []


def handle(held):
    """The handler of the kind `test`: fails as told, else notes that it ran."""
    HANDLED.append(held.key)
    if TROUBLE:
        raise TROUBLE.pop(0)
    return held.payload.get("returns")


@pytest.fixture(autouse=True)
def _kinds(settings, monkeypatch):
    settings.JOBS = {"test": "tests.jobs.test_work.handle"}
    HANDLED.clear()
    TROUBLE.clear()
    monkeypatch.setattr(queue, "_waker", queue._Waker())  # what others asked for is not ours


def ask(key="k", **given):
    queue.enqueue("test", key, **given)
    return Job.objects.filter(key=key).first()


def make_due():
    Job.objects.update(run_at=timezone.now() - timedelta(seconds=1))


def test_asking_twice_makes_one_job_with_both_payloads():
    ask(payload={"a": 1, "b": 1})
    ask(payload={"b": 2})

    assert Job.objects.get().payload == {"a": 1, "b": 2}


def test_asking_while_it_runs_makes_it_run_again():
    ask()
    held = claim_next()
    ask()

    held.finish()

    assert Job.objects.get().state == "queued"
    assert Job.objects.get().again is False


def test_asking_after_it_ended_makes_another():
    ask()
    running.run_due()
    ask()

    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "queued"]


def test_a_rolled_back_request_asks_for_nothing(django_capture_on_commit_callbacks):
    with (
        django_capture_on_commit_callbacks() as callbacks,
        suppress(ZeroDivisionError),
        transaction.atomic(),
    ):
        ask()
        raise ZeroDivisionError

    assert (Job.objects.count(), callbacks) == (0, [])


def test_a_dead_broker_neither_fails_nor_delays_those_who_ask(
    django_capture_on_commit_callbacks, monkeypatch
):
    goes_on = threading.Event()
    refused = []

    def refuse(*args, **given):
        refused.append(goes_on.wait(30))
        raise OperationalError("no broker")

    monkeypatch.setattr(queue, "_waker", queue._Waker())
    monkeypatch.setattr(queue.current_app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        ask()

    assert refused == []
    assert running.run_due() == 1
    assert Job.objects.get().state == "done"
    goes_on.set()


def test_wake_up_is_asked_for_after_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    class Told(list):
        wake = list.append

    told = Told()
    monkeypatch.setattr(queue, "_waker", told)
    with django_capture_on_commit_callbacks() as callbacks:
        ask()
    assert told == []

    for callback in callbacks:
        callback()

    assert told == [1]


def test_wake_up_is_sent(monkeypatch):
    sent = threading.Event()
    monkeypatch.setattr(queue.current_app, "send_task", lambda *args, **given: sent.set())

    queue._Waker().wake(1)

    assert sent.wait(5)


def test_only_one_claim_holds_a_job():
    job = ask()

    first = claim(job.uid)

    assert first is not None
    assert claim(job.uid) is None
    assert claim_next() is None


def test_delivered_twice_runs_once():
    ask()

    assert [running.run_due(), running.run_due()] == [1, 0]
    assert HANDLED == ["k"]


def test_an_expired_lease_is_taken_over_and_the_first_holder_writes_nothing():
    job = ask()
    first = claim(job.uid)
    Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    second = claim(job.uid)

    with pytest.raises(Lost), first.writing(total=3):
        User.objects.create(handle="ghost")

    assert not User.objects.filter(handle="ghost").exists()
    assert (second.attempts, Job.objects.get().done) == (2, 0)
    with pytest.raises(Lost):
        first.finish()
    second.finish()
    assert Job.objects.get().state == "done"


def test_writing_commits_results_with_the_step_and_renews_the_lease():
    job = ask()
    held = claim(job.uid)
    Job.objects.update(lease_expires_at=timezone.now())

    with held.writing(total=3):
        User.objects.create(handle="kept")

    job.refresh_from_db()
    assert (job.done, job.total, job.attempts) == (1, 3, 0)
    assert job.lease_expires_at > timezone.now() + timedelta(seconds=LEASE_SECONDS - 5)
    assert User.objects.filter(handle="kept").exists()


def test_keep_renews_now_and_then():
    held = claim(ask().uid)
    soon = timezone.now()
    Job.objects.update(lease_expires_at=soon)
    held.keep()
    assert Job.objects.get().lease_expires_at == soon

    held.kept_at = time.monotonic() - work.KEEP_SECONDS - 1
    held.keep()

    assert Job.objects.get().lease_expires_at > soon + timedelta(seconds=60)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 15), (2, 60), (3, 240), (5, 3600)])
def test_backoff_grows_up_to_an_hour(attempt, seconds):
    assert running.backoff(attempt, None) == seconds


def test_upstream_may_ask_for_a_longer_wait():
    assert running.backoff(1, 300) == 300
    assert running.backoff(1, 99999) == 3600


def test_transient_failure_waits_and_is_tried_again():
    ask()
    TROUBLE.append(Retryable("The model is busy."))
    running.run_due()

    job = Job.objects.get()
    assert (job.state, job.attempts, job.error) == ("queued", 1, "The model is busy.")
    assert 10 < (job.run_at - timezone.now()).total_seconds() < 16
    assert running.run_due() == 0

    make_due()
    running.run_due()
    job.refresh_from_db()
    assert (job.state, job.error, job.attempts) == ("done", "", 0)


def test_asking_again_does_not_shorten_the_wait():
    ask()
    TROUBLE.append(Retryable("The model is busy."))
    running.run_due()

    ask()

    assert running.run_due() == 0


def test_transient_failures_end():
    ask()
    for _ in range(work.ATTEMPTS_MOST):
        TROUBLE.append(Retryable("The model is busy."))
        make_due()
        running.run_due()

    job = Job.objects.get()
    assert (job.state, job.attempts) == ("failed", work.ATTEMPTS_MOST)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(Terminal("No such model."), "No such model."), (ValueError("my secret diary"), "ValueError")],
)
def test_other_failures_are_final_and_name_no_text(trouble, said):
    ask()
    TROUBLE.append(trouble)
    running.run_due()

    job = Job.objects.get()
    assert (job.state, job.error) == ("failed", said)
    make_due()
    assert running.run_due() == 0


def test_failed_job_that_was_asked_for_meanwhile_runs_again_from_the_start():
    job = ask()
    held = claim(job.uid)
    ask()

    held.fail("No.")

    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 0)


def test_without_credits_it_ends_quietly():
    ask()
    TROUBLE.append(InsufficientCredits("You are out of credits."))
    running.run_due()

    job = Job.objects.get()
    assert (job.state, job.note, job.error) == ("done", "no credits", "")


def test_more_to_do_stands_behind_the_others():
    ask("a", payload={"returns": True})
    ask("b")
    Job.objects.filter(key="a").update(run_at=timezone.now() - timedelta(minutes=1))
    held = claim_next()
    running.run(held)

    assert (held.key, claim_next().key) == ("a", "b")


def test_handler_may_say_why_nothing_was_done():
    ask(payload={"returns": "nothing to read"})
    running.run_due()

    assert Job.objects.get().note == "nothing to read"


def test_job_of_an_unknown_kind_waits():
    queue.enqueue("later", "k")

    assert running.run_due() == 0
    assert Job.objects.get().state == "queued"


def test_job_that_kills_its_workers_fails():
    job = ask()
    for _ in range(work.ATTEMPTS_MOST):
        assert claim(job.uid) is not None
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    assert claim(job.uid) is None
    job.refresh_from_db()
    assert job.state == "failed"


def test_stopping_puts_jobs_back():
    ask()
    held = claim_next()
    work.stopping.set()
    TROUBLE.append(work.Stopping())

    running.run(held)

    assert Job.objects.get().state == "queued"
    assert running.run_due() == 0
    with pytest.raises(work.Stopping):
        held.keep()


def test_operator_may_run_a_failed_job_again():
    job = ask()
    TROUBLE.append(Terminal("No."))
    running.run_due()

    assert queue.retry(job.uid) is True
    assert queue.retry(job.uid) is False
    running.run_due()
    assert HANDLED == ["k", "k"]
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")


def test_a_newer_job_stands_in_for_a_failed_one():
    job = ask()
    TROUBLE.append(Terminal("No."))
    running.run_due()
    ask()

    assert queue.retry(job.uid) is False
    job.refresh_from_db()
    assert job.state == "failed"


def test_start_of_a_single_process_frees_what_the_last_one_held():
    claim(ask().uid)

    assert queue.recover_all() == 1
    assert claim_next() is not None


def test_sweeper_wakes_for_what_is_due_within_bounds(monkeypatch):
    woken = []
    monkeypatch.setattr(sweeping, "wake", woken.append)
    for n in range(10):
        ask(f"k{n}")
    sweeping.sweep()
    Job.objects.update(run_at=timezone.now() + timedelta(hours=1))
    sweeping.sweep()

    assert woken == [sweeping.WAKE_MOST]


def test_old_ends_only_are_forgotten():
    for n, (state, days) in enumerate(
        [("done", 8), ("done", 6), ("failed", 8), ("failed", 31), ("queued", 90)]
    ):
        ended = timezone.now() - timedelta(days=days)
        Job.objects.create(kind="test", key=f"k{n}", state=state, ended_at=ended)

    assert [sweeping.forget(), sweeping.forget()] == [2, 0]
    assert sorted(Job.objects.values_list("key", flat=True)) == ["k1", "k2", "k4"]


def test_queue_is_counted():
    now = timezone.now()
    for n, (state, run_at) in enumerate(
        [
            ("queued", now - timedelta(seconds=700)),
            ("queued", now - timedelta(seconds=5)),
            ("queued", now + timedelta(seconds=60)),
            ("running", now),
            ("failed", now),
            ("done", now),
        ]
    ):
        Job.objects.create(kind="test", key=f"k{n}", state=state, run_at=run_at, ended_at=now)

    stands = queries.queue()

    assert (stands.due, stands.later, stands.running, stands.failed) == (2, 1, 1, 1)
    assert 699 <= stands.oldest_seconds <= 710
    assert stands.is_late


def test_work_for_somebody_suspended_waits_until_they_are_let_in_again(owner, friend):
    waiting = ask("a", user_id=owner.pk)
    ask("b", user_id=friend.pk)
    ask("c")  # nobody's: what deletes for good, for one
    left = claim(ask("d", user_id=owner.pk).uid)
    Job.objects.filter(pk=left.uid).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    User.objects.filter(pk=owner.pk).update(is_active=False)
    Job.objects.filter(pk=waiting.uid).update(run_at=timezone.now() - timedelta(hours=1))

    assert (queries.queue().due, queries.queue().oldest_seconds) == (2, 0)
    assert (claim(waiting.uid), sweeping.sweep()) == (None, 2)
    assert running.run_due() == 2
    assert sorted(HANDLED) == ["b", "c"]
    assert Job.objects.get(pk=waiting.uid).state == "queued"

    User.objects.filter(pk=owner.pk).update(is_active=True)
    assert running.run_due() == 2
    assert sorted(HANDLED[2:]) == ["a", "d"]


@pytest.fixture
def busy():
    """What is more urgent in this process, as often as it is asked for."""
    answers: list[bool] = []
    asked: list[list[str]] = []

    def is_busy() -> bool:
        asked.append(HANDLED.copy())
        return answers.pop(0) if answers else False

    running.give_way_to(is_busy)
    yield answers, asked
    running.give_way_to(lambda: False)


def test_jobs_begin_when_nothing_more_urgent_is_under_way(busy):
    answers, asked = busy
    ask()
    answers += [True, True]

    assert running.run_due() == 1
    assert asked[:3] == [[], [], []]
    assert HANDLED == ["k"]


def test_jobs_do_not_wait_for_ever(busy, monkeypatch):
    answers, _ = busy
    monkeypatch.setattr(running, "GIVE_WAY_SECONDS", 0)
    ask()
    answers += [True] * 10

    assert running.run_due() == 1
    assert len(answers) == 8  # for the job, and for the next that there was not


def test_a_process_that_ends_begins_no_job(busy):
    answers, _ = busy
    ask()
    answers += [True] * 10
    work.stopping.set()

    assert running.run_due() == 0
    assert (HANDLED, Job.objects.get().state) == ([], "queued")
