"""The model is asked while the opening commits: once, for nothing if that fails."""

import asyncio

import pytest

from billing.invariants import check
from billing.limits.admission import Admission
from chats import services, turns
from chats.headstart import HeadStart
from chats.inbound import Inbound
from chats.models import Message, Turn
from chats.opening import busy, open_in_chat
from chats.running import drivers
from chats.values import Existing, Request
from core.errors import Terminal
from engine.events import Finished, TextDelta, UsageReport
from tests.conftest import settled
from tests.web.test_consumers import listen, received

pytestmark = pytest.mark.django_db
REPLY = [TextDelta("Hello."), UsageReport(9, 2), Finished("stop")]


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna, greet=False)


def opened(chat, ready):
    request = Request(user=chat.user, surface="web", ready=ready)
    return open_in_chat(request, chat.uid, "Hi")


async def spin() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def ended(driver) -> None:
    driver.start(Admission())
    await settled()


async def test_the_model_is_asked_before_and_once(chat, provider):
    provider.says(REPLY)
    head = HeadStart()

    found = opened(chat, head.ready)
    await spin()
    asked = len(provider.requests)
    driver = head.take(found)
    before = (driver.turn.text, Message.objects.filter(role="assistant").count())
    await ended(driver)

    assert (asked, before) == (1, ("", 0))
    assert (len(provider.requests), provider.closed) == (1, 1)
    assert Message.objects.get(role="assistant").content == "Hello."
    assert (Turn.objects.get().state, check()) == ("done", [])


async def test_what_has_come_by_the_commit_is_there_at_the_start(owner, chat, provider):
    """Who listens first has it at once; those who show the chat hear of the turn before."""
    provider.says(REPLY)
    socket = listen(chat.uid, owner)
    await socket.connect()
    head = HeadStart()

    found = opened(chat, head.ready)
    await spin()
    driver = head.take(found)
    driver.start(Admission())
    text = driver.turn.text
    told = [event["type"] for event in await received(socket, "closed")]
    await socket.disconnect()
    await settled()

    assert (text, told) == ("Hello.", ["state", "opened", "delta", "closed"])
    assert (len(provider.requests), provider.closed, check()) == (1, 1, [])


async def test_without_the_time_for_it_the_model_is_asked_at_the_start(chat, provider):
    provider.says(REPLY)
    head = HeadStart()

    driver = head.take(opened(chat, head.ready))
    await ended(driver)

    assert (len(provider.requests), driver.turn.text) == (1, "Hello.")


@pytest.mark.parametrize("has_answered", [True, False])
async def test_what_is_not_committed_is_broken_off(chat, provider, has_answered):
    provider.says(REPLY if has_answered else [asyncio.Event()])
    head = HeadStart()

    opened(chat, head.ready)
    await spin()
    head.drop()
    await spin()

    assert (len(provider.requests), provider.closed) == (1, 1)
    assert not drivers


async def test_another_try_takes_the_place_of_the_one_before(chat, provider):
    provider.says([asyncio.Event()], REPLY)
    head = HeadStart()

    first = opened(chat, head.ready)
    await spin()
    Turn.objects.all().delete()
    chat.refresh_from_db()
    type(chat).objects.filter(pk=chat.pk).update(turn="", lease_expires_at=None)
    second = opened(chat, head.ready)
    await spin()
    driver = head.take(second)
    await ended(driver)

    assert first.uid != second.uid == driver.opened.uid
    assert (len(provider.requests), provider.closed, driver.turn.text) == (2, 2, "Hello.")


async def test_a_failure_that_comes_before_the_commit_is_told_after_it(chat, provider, caplog):
    provider.says([Terminal("No such model.")])
    head = HeadStart()

    found = opened(chat, head.ready)
    await spin()
    driver = head.take(found)
    await ended(driver)

    assert (driver.turn.error.message, Turn.objects.get().state) == ("No such model.", "voided")
    assert check() == []


async def test_who_has_left_is_not_asked_for(chat, provider):
    found = []

    async def begin() -> None:
        head = HeadStart()
        asyncio.current_task().cancel()
        found.append(opened(chat, head.ready))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        await spin()
        head.drop()

    task = asyncio.create_task(begin())
    await asyncio.wait({task})

    assert (len(found), provider.requests) == (1, [])


async def test_a_try_that_meets_its_own_twin_leaves_no_request(owner, chat, provider, monkeypatch):
    """The first try is ready and its commit fails; the second finds the turn of the twin."""
    provider.says([asyncio.Event()])
    tries = []

    def opener(inbound, question, ready):
        found = opened(chat, ready)
        tries.append(found)
        if len(tries) == 1:
            raise busy()
        return Existing(turn=Turn.objects.get(uid=found.uid))

    def once_free(inbound, question, ready):
        type(chat).objects.filter(pk=chat.pk).update(turn="", lease_expires_at=None)
        return opener(inbound, question, ready)

    monkeypatch.setattr(turns, "open_inbound", once_free)
    said = Inbound(secret="", ip=None, model="Luna", lines=[], messages=(), store=False)
    begun = await turns.receive(said)
    await spin()

    assert (begun.uid, len(tries)) == (tries[1].uid, 2)
    assert len(provider.requests) == provider.closed
    assert not drivers
