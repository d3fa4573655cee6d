"""Limits on the wire: who is served and who is refused, and what they are told."""

import asyncio
import math
import time

import httpx
import orjson
import pytest
from django.conf import settings
from django.db import connections

from billing import corrections, ledger
from billing.invariants import check
from billing.limits.changes import set_budgets
from billing.models import MICRO, Account, Charge, Hold, Plan
from chats import services, turns
from chats.models import Chat, Message, Turn
from chats.turns import TurnRequest
from core import metrics
from core.errors import RateLimited, Retryable
from core.hop import close_pool
from engine.events import Finished, TextDelta, UsageReport
from tests.conftest import settled
from tests.factories import ModelFactory
from tests.real_redis import needs_redis

pytestmark = pytest.mark.django_db
HI = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}
NAMES = (
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
)


def told(response: httpx.Response) -> tuple[str | None, ...]:
    return tuple(response.headers.get(name) for name in NAMES)


def error_of(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status_code, error["type"], error["code"]


def kept() -> tuple[int, ...]:
    """Everything that a refused turn must leave as it was."""
    tables = (Chat, Message, Turn, Hold, Charge)
    return tuple(table.objects.count() for table in tables)


def plan(**limits) -> None:
    Plan.objects.create(slug="d", name="D", is_default=True, **limits)


async def say(wire, **more) -> httpx.Response:
    return await wire.post("chat/completions", json={**HI, **more})


@pytest.fixture
def threads(settings):
    """Hops in threads with connections of their own, as in a server."""
    settings.INLINE_HOPS = False
    yield
    close_pool()
    connections.close_all()


@pytest.mark.django_db(transaction=True)
async def test_fifty_at_once_on_credits_for_ten_are_exactly_ten(
    threads, wire, luna, owner, provider
):
    """Every turn costs what was reserved for it: ten use up the balance to the last credit."""
    gate = asyncio.Event()
    costly = [TextDelta("Hello."), UsageReport(10**6, 10**6), Finished("stop")]
    provider.says(costly)
    assert (await say(wire, user="first")).status_code == 200
    price = await asyncio.to_thread(_leave_credits_for, owner, 10)
    provider.says([gate, *costly])

    asked = [asyncio.create_task(say(wire, user=f"lane {n}")) for n in range(50)]
    refused: set[asyncio.Task] = set()
    while len(refused) < 40:
        done, _ = await asyncio.wait(set(asked) - refused, return_when=asyncio.FIRST_COMPLETED)
        refused |= done
    gate.set()
    answers = await asyncio.gather(*asked)
    await settled()

    served = [answer for answer in answers if answer.status_code == 200]
    quota = (429, "insufficient_quota", "insufficient_quota")
    assert len(served) == 10
    assert {error_of(task.result()) for task in refused} == {quota}
    assert {task.result().headers["x-should-retry"] for task in refused} == {"false"}
    assert await asyncio.to_thread(_end) == (
        (0, 0),
        {"settled": 11},
        [price] * 11,
        11,
        [],
    )


def _leave_credits_for(owner, replies: int) -> int:
    """Take back all but so many times what a reply has cost. Returns that."""
    try:
        price = Charge.objects.get().amount_micro
        balance = Account.objects.get().balance_micro
        amount = replies * price - balance
        corrections.adjust(user_id=owner.pk, amount_micro=amount, key="k", reason="r", actor="op")
        return price
    finally:
        connections.close_all()


def _end() -> tuple:
    """Balance and holds, charges, messages of the person, what is wrong."""
    try:
        account = Account.objects.get()
        states = list(Hold.objects.values_list("state", flat=True))
        return (
            (account.balance_micro, account.held_micro),
            {state: states.count(state) for state in set(states)},
            list(Charge.objects.values_list("amount_micro", flat=True)),
            Message.objects.filter(role="user").count(),
            check(),
        )
    finally:
        connections.close_all()


async def test_every_answer_tells_what_is_left(wire, luna, provider):
    plan(requests_per_minute=5)
    before = math.ceil(time.time() + 60)

    answers = [
        await say(wire),
        await say(wire, stream=True),
        await wire.get("models"),
        await wire.get("models/Nobody"),
        await say(wire, model="Nobody"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 404]
    assert [told(answer) for answer in answers] == [
        ("5", str(left), "5", str(left), "1m0s") for left in (4, 3, 2, 1, 0)
    ]
    resets = [int(answer.headers["x-ratelimit-reset"]) for answer in answers]
    assert before <= min(resets) <= max(resets) <= math.ceil(time.time() + 60)


async def test_to_whom_is_not_known_nothing_is_told(wire, luna, provider):
    response = await wire.get("models", headers={"Authorization": "Bearer rk_wrong"})

    assert response.status_code == 401
    assert told(response) == (None,) * 5


@pytest.mark.parametrize("stream", [False, True])
async def test_too_many_requests_are_refused_and_leave_nothing(wire, luna, provider, stream):
    plan(requests_per_minute=1)
    await say(wire)
    await settled()
    before = kept()

    response = await say(wire, stream=stream)

    assert error_of(response) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert response.headers["content-type"] == "application/json"
    assert 58 <= int(response.headers["retry-after"]) <= 60
    assert "x-should-retry" not in response.headers
    assert told(response)[:4] == ("1", "0", "1", "0")
    assert kept() == before
    assert (await wire.get("models")).status_code == 429
    assert check() == []


async def test_replies_at_once_are_limited_and_a_place_is_free_at_once(wire, luna, provider):
    plan(concurrency=1)
    gate = asyncio.Event()
    provider.says([gate, TextDelta("Hello."), Finished("stop")])
    first = asyncio.create_task(say(wire, user="a"))
    while not provider.requests:
        await asyncio.sleep(0)
    before = kept()

    refused = await say(wire, user="b")
    left = kept()
    gate.set()
    assert (await first).status_code == 200
    again = [(await say(wire, user="b")).status_code for _ in range(3)]

    assert error_of(refused) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "2"
    assert refused.json()["error"]["message"] == (
        "Your plan allows 1 reply at the same time, and as many are being written."
        " Try again when one of them is done."
    )
    assert left == before
    assert again == [200, 200, 200]


async def test_a_retry_attaches_to_its_own_turn_though_no_place_is_left(wire, luna, provider):
    plan(concurrency=1)
    gate = asyncio.Event()
    provider.says([gate, TextDelta("Hello."), Finished("stop")])
    first = asyncio.create_task(say(wire))
    while not provider.requests:
        await asyncio.sleep(0)
    headers = {"x-stainless-retry-count": "1"}

    second = asyncio.create_task(wire.post("chat/completions", json=HI, headers=headers))
    other = await wire.post("chat/completions", json={**HI, "user": "b"}, headers=headers)
    gate.set()

    turns_ = {(await task).headers["x-reverie-turn"] for task in (first, second)}
    assert len(turns_) == 1
    assert other.status_code == 429


@pytest.mark.parametrize("body", [{"model": "Nobody"}, {"store": False}, {}])
async def test_a_turn_that_does_not_come_about_gives_its_place_back(wire, luna, provider, body):
    plan(concurrency=1)
    provider.says([Retryable("down")])

    for _ in range(3):
        assert (await say(wire, **body)).status_code in (404, 502)
    provider.says([TextDelta("Hello."), Finished("stop")])

    assert (await say(wire)).status_code == 200


@pytest.fixture
def free(provider, settings):
    """A free model that answers by default, twice a minute to each."""
    settings.FREE_TURNS = 2
    from llm.models import Model

    Model.objects.update(is_default=False)
    found = ModelFactory(
        slug="meta-llama/llama-3.1-8b-instruct", provider__slug="gift", free=True, is_default=True
    )
    from llm import registry

    registry.reset()
    registry.serve_instead("gift", provider)
    registry.serve_instead("fake", provider)
    return found


async def test_the_free_limit_is_one_over_pages_and_programs(wire, luna, owner, provider, free):
    chat = services.start_chat(user=owner, character=luna)
    page = TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="Hi")
    await turns.start(page)
    await settled()
    first = await say(wire)
    before = kept()

    refused = await say(wire)
    traceless = await say(wire, store=False)
    plain = await say(wire, model=free.slug)
    with pytest.raises(RateLimited) as caught:
        await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="More"))

    assert told(first)[:2] == ("2", "0")
    for response in (refused, traceless, plain):
        assert error_of(response) == (429, "rate_limit_error", "rate_limit_exceeded")
        assert 58 <= int(response.headers["retry-after"]) <= 60
        assert told(response)[:2] == ("2", "0")
    assert caught.value.message.startswith("Free models answer each person 2 messages a minute.")
    assert kept() == before
    assert (await say(wire, model="test/model")).status_code == 200


async def test_a_stranger_has_free_turns_of_their_own(wire, luna, stranger, provider, free):
    from accounts.keys import issue_key

    for _ in range(2):
        await say(wire)
    _, other = issue_key(user=stranger, name="k")

    response = await wire.post(
        "chat/completions",
        json={**HI, "model": free.slug},
        headers={"Authorization": f"Bearer {other}"},
    )

    assert response.status_code == 200


async def test_a_budget_is_a_quota_until_midnight(wire, luna, owner, provider):
    await say(wire)
    await settled()
    set_budgets(user_id=owner.pk, day_micro=24 * MICRO, month_micro=None, reason="r", actor="op")
    before = kept()

    response = await say(wire)

    assert error_of(response) == (429, "insufficient_quota", "insufficient_quota")
    assert response.headers["x-should-retry"] == "false"
    assert 1 <= int(response.headers["retry-after"]) <= 86_400
    assert response.json()["error"]["message"].startswith(
        "Your budget for today is 24 credits, and this could exceed it: 1 are left."
    )
    assert kept() == before
    assert check() == []


async def test_with_redis_down_limits_are_open_and_credits_hold(
    wire, luna, owner, provider, settings
):
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"
    plan(requests_per_minute=1, concurrency=1)
    before = metrics.LIMITS_UNCOUNTED._value.get()

    answers = [await say(wire) for _ in range(3)]
    await settled()
    balance = ledger.get_account(owner.pk).balance_micro
    corrections.adjust(user_id=owner.pk, amount_micro=-balance, key="k", reason="r", actor="op")
    broke = await say(wire)

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [told(answer) for answer in answers] == [(None,) * 5] * 3
    assert metrics.LIMITS_UNCOUNTED._value.get() >= before + 4
    assert error_of(broke) == (429, "insufficient_quota", "insufficient_quota")
    assert broke.headers["x-should-retry"] == "false"
    assert check() == []


@needs_redis
async def test_with_redis_the_answers_are_the_same(wire, luna, owner, provider, redis_limits):
    plan(requests_per_minute=2, concurrency=1)

    answers = [await say(wire) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [told(answer)[:2] for answer in answers] == [("2", "1"), ("2", "0"), ("2", "0")]
    assert redis_limits.zcard(f"{settings.REDIS_PREFIX}:limits:seats:{owner.pk}") == 0


async def test_a_refusal_reaches_openais_shape_byte_for_byte(wire, luna, provider):
    plan(requests_per_minute=1)
    await wire.get("models")

    response = await wire.get("models")

    seconds = response.headers["retry-after"]
    assert response.content == orjson.dumps(
        {
            "error": {
                "message": f"Your plan allows 1 request a minute. Try again in {seconds} seconds.",
                "type": "rate_limit_error",
                "param": None,
                "code": "rate_limit_exceeded",
            }
        }
    )
