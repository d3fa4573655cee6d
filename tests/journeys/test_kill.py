"""`kill -9` in the middle of a turn, for real, at several moments; then life goes on."""

import json
import threading
import time

import httpx
import pytest

from tests.journeys.house import House

pytestmark = pytest.mark.journey

LOOK = """
import json
from billing.invariants import check
from billing.models import Hold, Charge
from chats.models import Chat, Message, Turn
chat = Chat.objects.order_by('created_at').first()
shown = Message.objects.filter(chat=chat, active=True)
print(json.dumps({
    'texts': [m.content for m in shown.order_by('position')],
    'states': list(Turn.objects.order_by('uid').values_list('state', flat=True)),
    'leased': chat.turn,
    'open_holds': Hold.objects.filter(state='open').count(),
    'charges': [c.completion_tokens for c in Charge.objects.order_by('id')],
    'ledger': check(),
}))
"""


def look(house: House) -> dict:
    return json.loads(house.rows(LOOK).splitlines()[-1])


@pytest.mark.parametrize(
    ("order", "wait_for", "seconds"),
    [
        ("tokens=3 wait=5", "user message", 0.2),
        ("tokens=200 delay=0.05", "user message", 0.4),
        ("tokens=400 delay=0.03", "user message", 7.0),
    ],
    ids=["before the first token", "early in the reply", "after a heartbeat"],
)
def test_killed_mid_turn_everything_committed_is_there(frail_house, order, wait_for, seconds):
    house = frail_house
    assert house.ask("tokens=2").status_code == 200
    before = look(house)
    key = house.key

    asking = threading.Thread(target=_ask_and_lose, args=(house, key, order), daemon=True)
    asking.start()
    time.sleep(seconds + 0.5)
    house.kill()
    asking.join(timeout=10)
    house.start()
    after = look(house)

    assert after["texts"][: len(before["texts"]) + 1] == [*before["texts"], order]
    assert after["leased"] == ""
    assert after["open_holds"] == 0
    assert after["ledger"] == []
    reply = after["texts"][len(before["texts"]) + 1 :]
    assert after["states"] == ["done", "partial" if reply else "voided"]
    if seconds > 6:
        assert reply[0].startswith("w0 w1 w2 ")
        assert len(after["charges"]) == 2
    _next_message_is_answered(house, after)


def _ask_and_lose(house: House, key: str, order: str) -> None:
    """Send a message and read its stream until the server is gone."""
    body = {"model": "Luna", "messages": [{"role": "user", "content": order}], "stream": True}
    try:
        with httpx.stream(
            "POST",
            f"{house.url}/api/device/v1/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        ) as response:
            for _ in response.iter_bytes():
                pass
    except httpx.HTTPError:
        pass


def _next_message_is_answered(house: House, before: dict) -> None:
    chat = house.rows("from chats.models import Chat; print(Chat.objects.get().uid)")
    answer = house.ask("tokens=2", headers={"X-Reverie-Chat": chat})

    texts = look(house)["texts"]
    assert answer.json()["choices"][0]["message"]["content"] == "w0 w1 "
    assert texts == [*before["texts"], "tokens=2", "w0 w1 "]


def test_terminated_mid_turn_saves_the_partial_reply_and_exits_cleanly(frail_house):
    house = frail_house
    key = house.key
    asking = threading.Thread(
        target=_ask_and_lose, args=(house, key, "tokens=900 delay=0.05"), daemon=True
    )
    asking.start()
    time.sleep(1.0)

    code = house.stop()
    house.start()
    after = look(house)

    assert code == 0
    assert after["states"] == ["partial"]
    assert after["texts"][-1].startswith("w0 w1 w2 ")
    assert (after["open_holds"], after["ledger"]) == (0, [])
