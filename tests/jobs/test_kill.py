"""A worker is killed in the middle of a job, for real, or two work at once: nothing is doubled."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from billing import ledger
from billing.invariants import check
from billing.ledger import get_account
from billing.models import Charge, Hold
from chats import memorising, services
from chats.models import Message
from engine.events import Finished, TextDelta, UsageReport
from jobs import running
from jobs.models import Job
from jobs.work import claim_next
from llm import registry
from llm.models import Provider
from memory.models import Memory, Reading, Summary
from tests.factories import CharacterFactory, ModelFactory, UserFactory
from tests.fakes.provider import FakeProvider
from tests.journeys.house import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = 110_000_000


@pytest.fixture
def chat():
    ModelFactory(
        slug="test/model",
        provider__slug="fake",
        provider__kind=Provider.Kind.OPENAI_LIKE,
        is_default=True,
    )
    owner = UserFactory()
    get_account(owner.pk)
    luna = CharacterFactory(owner=owner, name="Luna", first_mes="")
    chat = services.start_chat(user=owner, character=luna)
    parent = None
    for n in range(48):
        role = "user" if n % 2 else "assistant"
        parent = Message.objects.create(
            chat=chat, parent=parent, position=n, role=role, content=f"I keep lamp {n}."
        )
    return chat


@pytest.fixture
def provider():
    registry.forget()
    fake = FakeProvider()
    fake.says([TextDelta("They lit the lamp."), UsageReport(100, 10), Finished("stop")])
    registry.serve_instead("fake", fake)
    return fake


def address():
    """The test database as another process reaches it."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    given = connection.settings_dict
    login = f"{given['USER']}:{given['PASSWORD']}" if given["PASSWORD"] else given["USER"]
    return f"postgres://{login}@{given['HOST']}:{given['PORT'] or 5432}/{given['NAME']}"


def kill_worker_at(place):
    """Start a worker, wait until it is at this place, and kill it."""
    environment = {
        **os.environ,
        "DATABASE_URL": address(),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "REDIS_URL": "",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.frail_worker", place],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    process.stdout.close()
    assert line == "here\n"


def ask_to_sum_up(chat):
    memorising.enqueue("summarise", chat.uid, user_id=chat.user_id, payload={"to": 48})


def expire():
    """What time does: the lease of the dead worker runs out, and the hold it left."""
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(state="running").update(lease_expires_at=past)
    Hold.objects.filter(state="open").update(expires_at=past)


def charges_are(chat, count):
    assert Charge.objects.filter(key__startswith="job:").count() == count
    assert check() == []
    account = get_account(chat.user_id)
    assert (account.held_micro, account.balance_micro) == (
        0,
        1_000_000 * 1_000_000 - count * PRICE,
    )


@pytest.mark.parametrize(("place", "there"), [("asked", 0), ("writing", 0), ("second", 1)])
def test_killed_worker_loses_and_doubles_nothing(chat, provider, place, there):
    ask_to_sum_up(chat)

    kill_worker_at(place)

    job = Job.objects.get()
    assert (job.state, job.done, Summary.objects.count()) == ("running", there, there)
    assert running.run_due() == 0  # its lease still holds
    expire()
    ledger.void_expired(timezone.now())
    assert running.run_due() == 1
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    found = Summary.objects.order_by("first_position")
    assert list(found.values_list("first_position", "last_position")) == [
        (0, 15),
        (16, 31),
        (32, 47),
    ]
    charges_are(chat, 3)


@pytest.mark.parametrize("place", ["asked", "writing"])
def test_worker_killed_while_it_reads_makes_each_memory_once(chat, provider, place):
    Message.objects.filter(position__lt=40).update(hidden=True)
    memorising.enqueue("extract", chat.uid, user_id=chat.user_id)

    kill_worker_at(place)

    assert (Memory.objects.count(), Reading.objects.count()) == (0, 0)
    fact = '{"facts": [{"text": "Tom keeps lamps.", "from": [2]}]}'
    provider.says([TextDelta(fact), UsageReport(100, 10), Finished("stop")])
    expire()
    ledger.void_expired(timezone.now())
    assert running.run_due() == 1
    assert running.run_due() == 0
    assert (Memory.objects.count(), Reading.objects.count()) == (1, 1)
    charges_are(chat, 1)


def test_worker_that_was_only_slow_writes_nothing_after_it_was_replaced(chat, provider):
    ask_to_sum_up(chat)
    slow = claim_next()
    expire()
    assert running.run_due() == 1
    before = list(Summary.objects.values_list("uid", "created_at"))

    running.run(slow)

    assert list(Summary.objects.values_list("uid", "created_at")) == before
    assert Job.objects.get().state == "done"
    charges_are(chat, 3)


def in_threads(count, call):
    """Do it in so many threads at once, each with a connection of its own."""
    barrier = threading.Barrier(count)
    results = []

    def go():
        barrier.wait()
        try:
            results.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_workers_at_once_share_one_job(chat, provider):
    ask_to_sum_up(chat)

    ran = in_threads(2, running.run_due)

    assert sorted(ran) == [0, 1]
    assert Summary.objects.count() == 3
    charges_are(chat, 3)


def test_one_chat_is_worked_on_by_one_of_many(chat, provider):
    ask_to_sum_up(chat)

    found = in_threads(6, claim_next)

    assert sum(work is not None for work in found) == 1


def test_asked_for_by_many_at_once_it_is_one_job(chat):
    in_threads(6, lambda: ask_to_sum_up(chat))

    assert Job.objects.count() == 1


def test_two_jobs_of_one_chat_at_once_disturb_nothing(chat, provider):
    """Reading and summing up the same messages."""
    Message.objects.filter(position__lt=32).update(content="I keep a lamp.")
    ask_to_sum_up(chat)
    memorising.enqueue("extract", chat.uid, user_id=chat.user_id, payload={"all": True})

    in_threads(2, running.run_due)

    assert set(Job.objects.values_list("state", flat=True)) == {"done"}
    assert (Summary.objects.count(), Reading.objects.count()) == (3, 4)
    charges_are(chat, 7)
