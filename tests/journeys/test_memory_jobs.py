"""A server that ends in the middle of a job, politely or not: the next one goes on with it."""

import json
import time
from collections.abc import Callable

import httpx
import pytest

from tests.journeys.house import House, Mock

pytestmark = pytest.mark.journey

LOOK = """
import json
from billing.invariants import check
from billing.models import Hold, Usage
from jobs.models import Job
from memory.models import Reading
print(json.dumps({
    'job': list(Job.objects.filter(kind='extract').values_list('state', 'error')),
    'read': Reading.objects.count(),
    'paid': Usage.objects.filter(surface='job').count(),
    'ledger': check(),
}))
"""


def look(house: House) -> dict:
    return json.loads(house.rows(LOOK).splitlines()[-1])


def talk(house: House, order: str) -> str:
    """One request; who reads it for memories finds an order to take its time. The chat's id."""
    said = [
        {"role": role, "content": text}
        for role, text in (("user", "tokens=1"), ("assistant", order), ("user", "tokens=1"))
    ]
    answer = httpx.post(
        f"{house.url}/api/device/v1/chat/completions",
        json={"model": "Luna", "messages": said},
        headers={"Authorization": f"Bearer {house.key}"},
        timeout=60,
    )
    assert answer.status_code == 200
    return answer.headers["X-Reverie-Chat"]


def begin_reading(house: House, chat: str, mock: Mock) -> None:
    """Have the chat read, and wait until the model is being asked."""
    before = mock.stats()["requests"]
    answer = httpx.post(
        f"{house.url}/api/chat/session/{chat}/memory/read",
        headers={"Authorization": f"Bearer {house.key}"},
        timeout=60,
    )
    assert answer.status_code == 200
    wait_until(lambda: mock.stats()["requests"] > before)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.2)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_job_goes_on_after_the_server_ended_in_its_middle(frail_house, mock, ending):
    house = frail_house
    begin_reading(house, talk(house, "wait=12"), mock)

    getattr(house, ending)()
    between = look(house)
    assert (between["read"], between["paid"], between["ledger"]) == (0, 0, [])
    assert between["job"] == [["queued" if ending == "stop" else "running", ""]]

    house.start()
    wait_until(lambda: look(house)["read"] > 0)
    assert look(house) == {"job": [["done", ""]], "read": 1, "paid": 1, "ledger": []}
