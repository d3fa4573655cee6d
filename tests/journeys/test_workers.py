"""Workers of their own on Redis and PostgreSQL: killed, woken too often, two on one chat."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.journeys.house import ROOT, House

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(
        not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")),
        reason="needs PostgreSQL and Redis",
    ),
]
MESSAGES = 340
LEARNT = {2: "Tea.", 100: "Tea.", 200: "Maps."}
"""Which messages make the one who reads them say so; the first also makes them wait."""

ASK = """
from accounts.models import User
from chats import memorising
from chats.models import Chat
chat = Chat.objects.get(title='')
user = User.objects.get(pk=chat.user_id)
memorising.read_now(user, chat.uid)
memorising.rebuild(user, chat.uid)
import time
time.sleep(1)  # for the thread that sends wake-ups
"""
EXPIRE = """
from datetime import timedelta
from django.utils import timezone
from billing.models import Hold
from jobs.models import Job
past = timezone.now() - timedelta(seconds=1)
Job.objects.filter(state='running').update(lease_expires_at=past)
Hold.objects.filter(state='open').update(expires_at=past)
"""
ASK_MORE = """
from chats import embedding
from chats.models import Chat
from jobs.queue import enqueue
from llm.models import Model
from llm.services import set_embedder
from reverie.celery import app
chat = Chat.objects.get(title='')
first = Model.objects.get(upstream_name='mock')
Model.objects.create(
    slug='mock/embed', upstream_name='embed', name='E', provider=first.provider, is_embedding=True
)
set_embedder('mock/embed')
embedding.embed_later(chat.uid, chat.user_id)
enqueue('index', chat.uid, user_id=chat.user_id)
for _ in range(8):
    app.send_task('jobs.run')
"""
FORGET = """
from memory.models import Memory
from memory.services import erase
erase(Memory.objects.get(text='Maps.'))
import time
time.sleep(1)
"""
LOOK = """
import json
from billing.invariants import check
from billing.models import Charge, Hold
from jobs.models import Job
from memory.models import IndexBlock, Memory, MemorySource, Reading, Summary, Vector
spans = Summary.objects.order_by('level', 'first_position')
print(json.dumps({
    'jobs': sorted(map(list, Job.objects.values_list('kind', 'state', 'error'))),
    'read': list(Reading.objects.order_by('position').values_list('position', flat=True)),
    'summed': [list(row) for row in spans.values_list('level', 'first_position', 'last_position')],
    'known': sorted(Memory.objects.values_list('text', flat=True)),
    'sources': MemorySource.objects.count(),
    'blocks': IndexBlock.objects.count(),
    'vectors': Vector.objects.values('kind', 'owner', 'piece').distinct().count(),
    'all_vectors': Vector.objects.count(),
    'paid': Charge.objects.filter(key__startswith='job:').count(),
    'held': Hold.objects.filter(state='open').count(),
    'ledger': check(),
}))
"""


@pytest.fixture
def crew(tmp_path, mock):
    """A house whose jobs are done by workers, and how to start one."""
    place = House(tmp_path / "house", REVERIE_LLM=mock.url, REVERIE_LLM_MODEL="mock")
    place.start()
    workers: list[subprocess.Popen] = []

    def start(*arguments: str) -> None:
        log = (place.folder / f"worker{len(workers)}.log").open("w")
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "reverie.cli", "worker", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=place.environment,
                cwd=ROOT,
            )
        )

    yield place, start, workers
    for worker in workers:
        worker.kill()
        worker.wait(timeout=20)
    place.stop()


def look(house: House) -> dict:
    return json.loads(house.rows(LOOK).splitlines()[-1])


def until(house: House, is_so) -> dict:
    """Look until it is so, or for two minutes. Returns the last look."""
    deadline = time.monotonic() + 120
    while not is_so(seen := look(house)) and time.monotonic() < deadline:
        time.sleep(1)
    return seen


def talk(house: House) -> None:
    """One request that brings a long conversation along."""
    said = [f"Line {n}." for n in range(MESSAGES)]
    for n, text in LEARNT.items():
        said[n] = f"fact={text}" + " wait=8" * (n == min(LEARNT))
    messages = [
        {"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(said)
    ]
    answer = httpx.post(
        f"{house.url}/api/device/v1/chat/completions",
        json={"model": "Luna", "messages": [*messages, {"role": "user", "content": "tokens=1"}]},
        headers={"Authorization": f"Bearer {house.key}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


def test_killed_workers_lose_and_double_nothing(crew, mock):
    house, start, workers = crew
    talk(house)
    start()
    start()
    house.rows(ASK)
    deadline = time.monotonic() + 60
    while mock.stats()["open"] < 2 and time.monotonic() < deadline:
        time.sleep(0.2)

    for worker in workers:  # one reads, one sums up: both are waiting for the model
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=20)

    killed = look(house)
    assert killed["jobs"] == [["extract", "running", ""], ["summarise", "running", ""]]
    assert (killed["read"], killed["summed"], killed["known"]) == ([], [], [])
    assert (killed["paid"], killed["held"], killed["ledger"]) == (0, 2, [])

    house.rows(EXPIRE)
    house.rows(ASK_MORE)
    start("--beat")
    start()
    done = until(
        house,
        lambda seen: all(state == "done" for _, state, _ in seen["jobs"]) and not seen["held"],
    )

    kinds = ("embed", "extract", "index", "summarise")
    assert done["jobs"] == [[kind, "done", ""] for kind in kinds]
    assert done["read"] == [*range(11, MESSAGES, 12), MESSAGES + 1]
    to = (MESSAGES + 2 - 32) // 16 * 16
    assert done["summed"] == [
        *([0, first, first + 15] for first in range(0, to, 16)),
        *([1, first, first + 127] for first in range(0, to - 127, 128)),
    ]
    assert (done["known"], done["sources"]) == (["Maps.", "Tea."], 3)
    assert done["blocks"] == 1
    assert done["vectors"] == done["all_vectors"] >= MESSAGES
    assert done["paid"] == len(done["read"]) + len(done["summed"])
    assert (done["held"], done["ledger"]) == (0, [])

    house.rows(FORGET)
    scrubbed = until(house, lambda seen: ["scrub", "done", ""] in seen["jobs"])
    assert ["scrub", "done", ""] in scrubbed["jobs"]
    assert scrubbed["known"] == ["Tea."]
