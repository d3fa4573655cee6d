"""The same request again, at once or later: one turn, one message, one charge."""

import asyncio

import pytest

from billing.invariants import check
from billing.models import Charge
from chats.models import Message, Turn
from core.errors import Retryable
from engine.events import TextDelta
from tests.fakes.provider import words

pytestmark = pytest.mark.django_db

HI = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}


def counts() -> tuple[int, int, int]:
    users = Message.objects.filter(role="user").count()
    return Turn.objects.count(), users, Charge.objects.count()


async def test_same_key_twice_at_once_makes_one_turn_and_one_charge(wire, luna, provider):
    provider.says([TextDelta("Slow "), 0.1, *words("reply.")])
    headers = {"Idempotency-Key": "k1"}

    first, second = await asyncio.gather(
        wire.post("chat/completions", json=HI, headers=headers),
        wire.post("chat/completions", json=HI, headers=headers),
    )

    texts = [r.json()["choices"][0]["message"]["content"] for r in (first, second)]
    assert texts == ["Slow reply.", "Slow reply."]
    assert first.headers["x-reverie-turn"] == second.headers["x-reverie-turn"]
    assert counts() == (1, 1, 1)
    assert check() == []


async def test_same_key_later_replays_the_reply(wire, luna, provider):
    headers = {"Idempotency-Key": "k1"}

    first = await wire.post("chat/completions", json=HI, headers=headers)
    provider.says(words("Something else."))
    second = await wire.post("chat/completions", json=HI, headers=headers)

    assert second.json()["choices"] == first.json()["choices"]
    assert second.json()["usage"]["total_tokens"] == first.json()["usage"]["total_tokens"]
    assert counts() == (1, 1, 1)


async def test_same_key_with_another_body_is_refused(wire, luna, provider):
    headers = {"Idempotency-Key": "k1"}
    await wire.post("chat/completions", json=HI, headers=headers)

    other = {"model": "Luna", "messages": [{"role": "user", "content": "Ho"}]}
    response = await wire.post("chat/completions", json=other, headers=headers)

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "idempotency_key_reused")
    assert counts() == (1, 1, 1)


async def test_key_belongs_to_its_api_key(wire, luna, provider, owner):
    from accounts.keys import issue_key

    headers = {"Idempotency-Key": "k1"}
    await wire.post("chat/completions", json=HI, headers=headers)
    other = {"Authorization": f"Bearer {issue_key(user=owner, name='b')[1]}", **headers}
    await wire.post("chat/completions", json=HI, headers=other)

    assert counts() == (2, 2, 2)


async def test_library_that_tries_again_attaches_to_the_running_turn(wire, luna, provider):
    gate = asyncio.Event()
    provider.says([TextDelta("Wait "), gate, *words("for it.")])

    first = asyncio.create_task(
        wire.post("chat/completions", json=HI, headers={"x-stainless-retry-count": "0"})
    )
    while not provider.requests:
        await asyncio.sleep(0.01)
    again = asyncio.create_task(
        wire.post("chat/completions", json=HI, headers={"x-stainless-retry-count": "1"})
    )
    await asyncio.sleep(0.1)
    gate.set()
    replies = await asyncio.gather(first, again)

    texts = [r.json()["choices"][0]["message"]["content"] for r in replies]
    assert texts == ["Wait for it.", "Wait for it."]
    assert counts() == (1, 1, 1)


async def test_library_that_tries_again_after_the_end_gets_the_same_reply(wire, luna, provider):
    first = await wire.post("chat/completions", json=HI)
    again = await wire.post("chat/completions", json=HI, headers={"x-stainless-retry-count": "1"})

    assert again.json()["id"] == first.json()["id"]
    assert counts() == (1, 1, 1)


async def test_library_that_tries_again_after_a_failure_is_answered_once(wire, luna, provider):
    provider.says([Retryable("down", retry_after=60)], words("Here now."))

    first = await wire.post("chat/completions", json=HI)
    again = await wire.post("chat/completions", json=HI, headers={"x-stainless-retry-count": "1"})

    assert first.status_code == 502
    assert again.json()["choices"][0]["message"]["content"] == "Here now."
    assert counts() == (2, 1, 1)
    assert [t.state for t in Turn.objects.order_by("uid")] == ["voided", "done"]


async def test_message_said_twice_by_a_person_is_two_messages(wire, luna, provider):
    await wire.post("chat/completions", json=HI)
    await wire.post("chat/completions", json=HI)

    assert counts() == (2, 2, 2)


async def test_second_turn_of_a_chat_waits_for_the_first(wire, luna, provider):
    provider.says([TextDelta("One."), 0.3, *words("")], words("Two."))
    other = {"model": "Luna", "messages": [{"role": "user", "content": "And?"}]}

    first = asyncio.create_task(wire.post("chat/completions", json=HI))
    while not provider.requests:
        await asyncio.sleep(0.01)
    second = await wire.post("chat/completions", json=other)
    await first

    assert second.json()["choices"][0]["message"]["content"] == "Two."
    shown = Message.objects.filter(active=True).order_by("position")
    assert [m.content for m in shown][1:] == ["Hi", "One.", "And?", "Two."]


async def test_second_turn_that_waits_too_long_is_told(wire, luna, provider, settings):
    settings.TURN_WAIT_SECONDS = 0
    gate = asyncio.Event()
    provider.says([TextDelta("One."), gate, *words("")])

    first = asyncio.create_task(wire.post("chat/completions", json=HI))
    while not provider.requests:
        await asyncio.sleep(0.01)
    second = await wire.post("chat/completions", json=HI)
    gate.set()
    await first

    assert (second.status_code, second.json()["error"]["code"]) == (409, "conversation_busy")
    assert second.headers["retry-after"] == "2"
    assert counts() == (1, 1, 1)
