"""No sequence of requests ever loses a message from path, trash and branches together."""

import asyncio

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.keys import issue_key
from billing.invariants import check
from chats.models import Message
from engine.events import Finished, ToolCallDelta
from openai_compat import handler
from tests.conftest import settled
from tests.factories import CharacterFactory, ModelFactory, UserFactory
from tests.fakes.provider import FakeProvider, words

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALLED = Finished("tool_calls")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lone", "whole", "window", "shorter", "edited", "foreign", "again"]),
        st.integers(0, 6),
        st.sampled_from(["", "", "calls", "calls twice", "leaves it", "says it anew"]),
    ),
    min_size=1,
    max_size=7,
)


class Client:
    """A program that keeps a list of its own and treats it in one of many ways."""

    def __init__(self, wire: httpx.AsyncClient, provider: FakeProvider) -> None:
        self.wire = wire
        self.provider = provider
        self.local: list[dict] = []
        self.committed: set[str] = set()
        self.results: set[tuple[str, str]] = set()
        self.count = 0

    def _new(self) -> dict:
        self.count += 1
        return {"role": "user", "content": f"question {self.count}"}

    def _list(self, kind: str, size: int) -> list[dict]:
        local = self.local
        if kind == "lone":
            return [self._new()]
        if kind == "window":
            return [*local[-2 * size or len(local) :], self._new()]
        if kind == "shorter":
            return [*local[: 2 * size], self._new()]
        if kind == "edited" and local:
            place = size % len(local)
            changed = {**local[place], "content": f"edited {self.count} {place}"}
            return [*local[:place], changed, *local[place + 1 :], self._new()]
        if kind == "foreign":
            stranger = {"role": "assistant", "content": f"never said {self.count}"}
            return [self._new(), stranger, self._new()]
        if kind == "again" and len(local) >= 2:
            return local[:-1]
        return [*local, self._new()]

    async def step(self, kind: str, size: int, tools: str) -> None:
        sent = self._list(kind, size)
        answer = words(f"answer {self.count} {len(self.committed)} {len(self.results)}")
        call = [ToolCallDelta(0, "{}", f"c{self.count}.{len(self.results)}", "look"), CALLED]
        self.provider.says(*([call] if tools else []), answer)
        reply = await self._ask(sent)
        if sent[-1]["role"] == "user":
            self.committed.add(sent[-1]["content"])
        if tools and tools != "leaves it":
            await self._answer(f"seen {self.count}")
        if tools == "calls twice":
            self.provider.says(words(f"once more {self.count} {len(self.results)}"))
            await self._ask(self.local[:-1])
        if tools == "says it anew":
            self.local = self.local[:-2]
            await self._answer(f"seen anew {self.count}")
        if reply["content"]:
            self.committed.add(reply["content"])

    async def _answer(self, result: str) -> None:
        """Bring the results of the last call."""
        called = self.local[-1]["tool_calls"]
        self.results |= {(call["id"], result) for call in called}
        given = [{"role": "tool", "tool_call_id": c["id"], "content": result} for c in called]
        await self._ask([*self.local, *given])

    async def _ask(self, sent: list[dict]) -> dict:
        response = await self.wire.post(
            "chat/completions", json={"model": "Luna", "messages": sent, "tools": [LOOK]}
        )
        assert response.status_code == 200, response.text
        await settled()
        reply = response.json()["choices"][0]["message"]
        self.local = [*sent, {key: value for key, value in reply.items() if value is not None}]
        return reply


async def behave(steps: list[tuple[str, int, str]], secret: str, provider: FakeProvider) -> Client:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=handler.handle),
        base_url="http://testserver/v1/",
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    ) as wire:
        client = Client(wire, provider)
        for kind, size, tools in steps:
            await client.step(kind, size, tools)
    return client


@pytest.mark.django_db
@given(steps=STEPS)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_request_loses_a_message(steps):
    from llm import registry

    owner = UserFactory()
    CharacterFactory(owner=owner, name="Luna", first_mes="Hi.")
    model = ModelFactory()
    provider = FakeProvider()
    registry.reset()
    registry.serve_instead(model.provider.slug, provider)
    secret = issue_key(user=owner, name="x")[1]

    client = asyncio.run(behave(steps, secret, provider))

    mine = Message.objects.filter(chat__user=owner)
    stored = set(mine.values_list("content", flat=True))
    assert client.committed - stored == set()
    calls = [c for m in mine.exclude(tool_calls=None) for c in m.tool_calls]
    assert client.results - {(call["id"], call["result"]) for call in calls} == set()
    shown = mine.filter(active=True)
    assert shown.exclude(trashed_at=None).count() == 0
    for chat in owner.chats.all():
        positions = list(shown.filter(chat=chat).order_by("position").values_list("position"))
        assert positions == [(place,) for place in range(len(positions))]
    assert check() == []
    model.delete()
