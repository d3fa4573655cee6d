"""Catalogue models on the wire: what is listed, who may name them, and what they are asked."""

import httpx
import pytest

from billing.models import Charge, Hold, Plan
from characters.preferences import change_preference
from chats.models import Chat, Message, Turn
from llm import registry
from llm.models import UNIT, Model
from openai_compat import handler
from tests.conftest import settled
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db
HI = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
TOOL = {"type": "function", "function": {"name": "look"}}
PICTURE = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ],
}


@pytest.fixture
async def at(secret):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=handler.handle),
        base_url="http://testserver",
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    ) as client:
        yield client
    await settled()


@pytest.fixture
def author(db):
    return Plan.objects.create(slug="author", name="Author", rank=2)


def change(**values):
    Model.objects.filter(slug="test/model").update(**values)
    registry.forget()


async def ask(at, model, *messages, path="/v1", **more):
    body = {"model": model, "messages": list(messages) or [HI], **more}
    response = await at.post(f"{path}/chat/completions", json=body)
    await settled()
    return response


def refused(response):
    error = response.json()["error"]
    return response.status_code, error["code"], error["param"]


def untouched() -> bool:
    return not (Turn.objects.exists() or Hold.objects.exists() or Charge.objects.exists())


async def test_a_model_says_what_it_holds_can_do_and_costs(at, model):
    change(
        name="Test", context_tokens=32_000, input_multiplier_micro=250_000, supports_tools=True,
        supports_vision=True, supports_json_schema=False,
    )  # fmt: skip

    listed = (await at.get("/api/openai/v1/models")).json()["data"]
    looked_up = (await at.get("/v1/models/test/model")).json()

    assert listed == [looked_up]
    assert looked_up == {
        "id": "test/model",
        "object": "model",
        "created": looked_up["created"],
        "owned_by": "fake",
        "root": "test/model",
        "parent": None,
        "name": "Test",
        "context_length": 32_000,
        "max_output_tokens": 16_000,
        "abilities": ["tools", "vision"],
        "free": False,
        "pricing": {"unit": "credits_per_token", "input": "0.25", "output": "1"},
    }


async def test_the_free_model_costs_nothing(at, model):
    ModelFactory(slug="meta-llama/llama-3.1-8b-instruct", free=True)

    row = (await at.get("/v1/models/meta-llama/llama-3.1-8b-instruct")).json()

    assert (row["free"], row["pricing"]["input"], row["pricing"]["output"]) == (True, "0", "0")


async def test_what_ones_plan_is_not_enough_for_is_not_listed_and_403(at, provider, author):
    change(min_plan_rank=2)
    ModelFactory(slug="test/open")

    listed = [row["id"] for row in (await at.get("/v1/models")).json()["data"]]
    looked_up = await at.get("/v1/models/test/model")
    answer = await ask(at, "test/model")

    assert listed == ["test/open"]
    assert refused(looked_up) == refused(answer) == (403, "plan_required", "model")
    message = answer.json()["error"]["message"]
    assert message == "test/model needs the plan Author or a higher one."
    assert (untouched(), provider.requests) == (True, [])


async def test_whoever_has_the_plan_is_answered(at, provider, author):
    change(min_plan_rank=2)
    Plan.objects.update(is_default=True)

    answer = await ask(at, "test/model")

    assert (answer.status_code, answer.json()["model"]) == (200, "test/model")
    assert "x-reverie-fallback" not in answer.headers


@pytest.mark.parametrize("name", ["test/model", "test/model/text", 'test/model/{"a": 1}'])
async def test_a_model_that_is_off_is_not_found_and_nobody_else_answers(
    at, owner, luna, provider, name
):
    await ask(at, "Luna")
    Model.objects.create(slug="z/other", provider=Model.objects.get().provider, upstream_name="z")
    change(enabled=False)
    before = (Message.objects.count(), Turn.objects.count(), len(provider.requests))

    answer = await ask(at, name)

    assert refused(answer) == (404, "model_not_found", "model")
    assert "test/model is switched off." in answer.json()["error"]["message"]
    assert (Message.objects.count(), Turn.objects.count(), len(provider.requests)) == before


async def test_a_model_that_does_not_chat_says_so(at, luna, provider):
    ModelFactory(slug="shop/embed", is_embedding=True)

    answer = await ask(at, "shop/embed")

    assert refused(answer) == (400, "model_not_supported", "model")
    assert untouched()


@pytest.mark.parametrize("stream", [True, False])
async def test_the_reply_names_who_answered_and_whose_place_it_took(
    at, owner, luna, provider, stream
):
    other = ModelFactory(slug="shop/größer", output_multiplier_micro=10 * UNIT)
    change_preference(user=owner, character=luna, model=other.slug)
    Model.objects.filter(pk=other.pk).update(enabled=False)
    registry.forget()

    answer = await ask(at, "Luna", stream=stream)

    assert answer.headers["x-reverie-fallback"] == "shop/gr%C3%B6%C3%9Fer; reason=model_off"
    assert '"model":"test/model"' in answer.text.replace('": "', '":"')
    assert Charge.objects.get().model == "test/model"
    assert Charge.objects.get().output_multiplier_micro == UNIT


async def test_a_retry_is_told_the_same(at, owner, luna, provider):
    other = ModelFactory(slug="shop/other")
    change_preference(user=owner, character=luna, model=other.slug)
    Model.objects.filter(pk=other.pk).update(enabled=False)
    registry.forget()
    body = {"model": "Luna", "messages": [HI]}
    headers = {"Idempotency-Key": "k1"}

    first = await at.post("/v1/chat/completions", json=body, headers=headers)
    await settled()
    second = await at.post("/v1/chat/completions", json=body, headers=headers)

    assert second.headers["x-reverie-turn"] == first.headers["x-reverie-turn"]
    assert second.headers["x-reverie-fallback"] == "shop/other; reason=model_off"


async def test_a_reply_without_a_trace_says_it_too(at, owner, luna, provider):
    other = ModelFactory(slug="shop/other")
    change_preference(user=owner, character=luna, model=other.slug)
    Model.objects.filter(pk=other.pk).update(enabled=False)
    registry.forget()

    answer = await ask(at, "Luna", store=False)

    assert answer.headers["x-reverie-fallback"] == "shop/other; reason=model_off"


ASKED = [
    ({"response_format": SCHEMA}, "response_format", {"supports_json_schema": False}),
    ({"tools": [TOOL]}, "tools", {"supports_tools": False}),
    ({"response_format": SCHEMA}, "response_format", {"template": "chatml"}),
    ({"tools": [TOOL]}, "tools", {"template": "chatml"}),
]


@pytest.mark.parametrize("model_name", ["test/model", "Luna"])
@pytest.mark.parametrize(("more", "param", "able"), ASKED)
async def test_what_a_model_is_known_not_to_do_is_refused_by_name(
    at, luna, provider, model_name, more, param, able
):
    change(**able)

    answer = await ask(at, model_name, **more)

    assert refused(answer) == (400, "unsupported_parameter", param)
    assert (untouched(), provider.requests, Chat.objects.count()) == (True, [], 0)


@pytest.mark.parametrize("is_able", [True, None])
@pytest.mark.parametrize(
    ("more", "ability"),
    [({"response_format": SCHEMA}, "supports_json_schema"), ({"tools": [TOOL]}, "supports_tools")],
)
async def test_what_it_can_do_or_nobody_knows_is_passed_on(at, provider, more, ability, is_able):
    change(**{ability: is_able})

    answer = await ask(at, "test/model", **more)

    assert answer.status_code == 200
    assert provider.requests[0].sampling.extra == more


@pytest.mark.parametrize("model_name", ["test/model", "Luna"])
async def test_behind_the_prefix_that_promises_so_it_is_left_out(at, luna, provider, model_name):
    change(supports_tools=False, supports_json_schema=False)

    answer = await ask(
        at, model_name, path="/api/openai/v1", tools=[TOOL], tool_choice="required",
        response_format=SCHEMA, top_k=4,
    )  # fmt: skip

    assert answer.status_code == 200
    assert provider.requests[0].sampling.extra == {"top_k": 4}


async def test_a_json_object_needs_no_schema(at, provider):
    change(supports_json_schema=False)

    answer = await ask(at, "test/model", response_format={"type": "json_object"})

    assert answer.status_code == 200


async def test_a_picture_for_a_model_that_cannot_see_is_refused_by_its_place(at, provider):
    change(supports_vision=False)

    answer = await ask(at, "test/model", HI, {"role": "assistant", "content": "Hello."}, PICTURE)

    assert refused(answer) == (400, "unsupported_content", "messages.2.content.1")
    assert (untouched(), provider.requests) == (True, [])


@pytest.mark.parametrize("is_able", [True, None])
async def test_a_picture_is_handed_to_a_model_that_sees(at, provider, is_able):
    change(supports_vision=is_able)
    alone = {"role": "user", "content": PICTURE["content"][1:]}

    answers = [await ask(at, "test/model", message) for message in (PICTURE, alone)]

    assert [answer.status_code for answer in answers] == [200, 200]
    sent = [request.messages[-1].extra["content"] for request in provider.requests]
    assert sent == [PICTURE["content"], alone["content"]]


@pytest.mark.parametrize("store", [True, False])
async def test_characters_refuse_a_new_picture_instead_of_overlooking_it(at, luna, provider, store):
    answer = await ask(at, "Luna", PICTURE, store=store)

    assert refused(answer) == (400, "unsupported_content", "messages.0.content.1")
    assert (untouched(), Chat.objects.count()) == (True, 0)


async def test_an_earlier_picture_does_not_stop_a_conversation(at, luna, provider):
    answer = await ask(at, "Luna", PICTURE, {"role": "assistant", "content": "A cat."}, HI)

    assert answer.status_code == 200
