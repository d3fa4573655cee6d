"""Operators end what runs, for real: from the admin, in whichever process it runs.

The upstream speaks for a minute; that a stream ended early is told by what it did not say.
"""

import json
import re
import threading

import httpx
import pytest

from tests.journeys.house import House

pytestmark = pytest.mark.journey
LONG = "tokens=1200 delay=0.05"
WORDS_AFTER_MOST = 60
"""Three seconds of words. Without an order there would be hundreds more."""

LOOK = """
import json
from accounts.models import AuditEntry
from billing.invariants import check
from billing.models import Hold, Usage
print(json.dumps({
    'open_holds': Hold.objects.filter(state='open').count(),
    'tokens': list(Usage.objects.order_by('-id').values_list('completion_tokens', flat=True)),
    'noted': list(AuditEntry.objects.order_by('id').values_list('action', 'reason')),
    'ledger': check(),
}))
"""
NEWCOMER = """
from accounts.keys import issue_key
from accounts.services import create_user
user = create_user(handle={handle!r})
print(user.pk, issue_key(user=user, name='bot')[1])
"""


def look(house: House) -> dict:
    return json.loads(house.rows(LOOK).splitlines()[-1])


class Stream:
    """A reply that is being read in the background."""

    def __init__(self, house: House, secret: str, model: str) -> None:
        self.words = 0
        self.error = ""
        self.speaks = threading.Event()
        self._request = {
            "url": f"{house.url}/v1/chat/completions",
            "json": {
                "model": model,
                "messages": [{"role": "user", "content": LONG}],
                "stream": True,
            },
            "headers": {"Authorization": f"Bearer {secret}"},
        }
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.speaks.wait(30), self.error

    def _read(self) -> None:
        with httpx.stream("POST", timeout=60, **self._request) as response:
            if response.status_code != 200:
                self.error = response.read().decode()
                return
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    self._take(json.loads(line[6:]))

    def _take(self, event: dict) -> None:
        if "error" in event:
            self.error = event["error"]["code"]
        elif event["choices"] and event["choices"][0]["delta"].get("content"):
            self.words += 1
            if self.words == 3:
                self.speaks.set()

    def ended(self) -> tuple[str, int]:
        """The code of the error that it ends with, and how many words it had."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        return self.error, self.words


class Desk:
    """An operator's browser."""

    def __init__(self, house: House) -> None:
        self.client = httpx.Client(base_url=house.url, follow_redirects=True, timeout=30)
        assert self.client.get(house.link).status_code == 200

    def do(self, page: str, action: str, row: object, **fields: str) -> str:
        shown = self.client.get(page).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown)[1]
        form = {"csrfmiddlewaretoken": token, "action": action, "_selected_action": str(row)}
        answer = self.client.post(page, data={**form, "key": "k", **fields})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module", params=["one process", "two processes"])
def staffed(request, tmp_path_factory, mock):
    """A house and its operator. Two processes need PostgreSQL and Redis."""
    import os

    shared = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    if request.param == "two processes" and not shared:
        pytest.skip("needs PostgreSQL and Redis")
    place = House(tmp_path_factory.mktemp("house"), REVERIE_LLM=mock.url, REVERIE_LLM_MODEL="mock")
    if request.param == "two processes":
        place.environment["REVERIE_WORKERS"] = "2"
    place.start()
    yield place, Desk(place)
    place.stop()


def newcomer(house: House, handle: str) -> tuple[int, str]:
    pk, secret = house.rows(NEWCOMER.format(handle=handle)).splitlines()[-1].split()
    return int(pk), secret


def model_of(house: House) -> tuple[int, str]:
    code = (
        "from llm.models import Model; m = Model.objects.get(is_default=True); print(m.pk, m.slug)"
    )
    pk, slug = house.rows(code).splitlines()[-1].split()
    return int(pk), slug


def test_suspending_a_person_ends_their_streams_everywhere(staffed):
    house, desk = staffed
    pk, secret = newcomer(house, "mira")
    _, other = newcomer(house, "noor")
    _, model = model_of(house)
    streams = [Stream(house, secret, model) for _ in range(3)]
    others = Stream(house, other, model)
    said = max(stream.words for stream in streams)

    page = desk.do("/admin/accounts/user/", "suspend", pk, reason="spam")
    ends = [stream.ended() for stream in streams]
    refused = httpx.get(f"{house.url}/v1/models", headers={"Authorization": f"Bearer {secret}"})
    after = look(house)

    assert "ira: suspended." in page
    assert {code for code, _ in ends} == {"account_suspended"}
    assert all(words <= said + WORDS_AFTER_MOST for _, words in ends)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "account_suspended")
    assert others.error == ""
    assert max(after["tokens"][:3]) < 3 * (said + WORDS_AFTER_MOST)
    assert (after["open_holds"], after["ledger"]) == (1, [])
    assert after["noted"][-1] == ["user.suspend", "spam"]

    desk.do("/admin/accounts/user/", "unsuspend", pk, reason="sorry")
    again = httpx.get(f"{house.url}/v1/models", headers={"Authorization": f"Bearer {secret}"})
    assert again.status_code == 200


def test_a_kill_switch_ends_what_runs_and_survives_a_restart(staffed):
    house, desk = staffed
    _, secret = newcomer(house, "olga")
    pk, model = model_of(house)
    streams = [Stream(house, secret, model) for _ in range(2)]
    said = max(stream.words for stream in streams)

    desk.do("/admin/llm/model/", "switch_off", pk, reason="too dear", ends_running="on")
    ends = [stream.ended() for stream in streams]
    listed = httpx.get(f"{house.url}/v1/models", headers={"Authorization": f"Bearer {secret}"})
    banner = desk.client.get("/admin/").text

    assert {code for code, _ in ends} == {"model_switched_off"}
    assert all(words <= said + WORDS_AFTER_MOST for _, words in ends)
    assert model not in [row["id"] for row in listed.json()["data"]]
    assert f"model {model} is switched off" in banner

    assert house.stop() == 0
    house.start()
    code = f"from llm.models import Model; print(Model.objects.get(pk={pk}).enabled)"
    assert house.rows(code).splitlines()[-1] == "False"
    assert look(house)["ledger"] == []
    desk.do("/admin/llm/model/", "switch_on", pk, reason="cheap now")
    assert "is switched off" not in desk.client.get("/admin/").text
