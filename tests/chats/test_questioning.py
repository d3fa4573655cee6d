"""The question of a turn as a vector: who may have one, what it costs, when a turn goes without."""

import asyncio

import numpy as np
import pytest

from billing import ledger
from billing.models import MICRO, Account, Hold, Usage
from chats import questioning, turns
from chats.models import Message, Turn
from chats.questioning import Asked, ask
from chats.services import start_chat
from chats.turns import TurnRequest
from core.errors import NotFound, Retryable, Unauthenticated
from llm import registry
from memory import vectors
from memory.vectors import Kind, Piece, Place
from tests.conftest import settled
from tests.fakes.embedder import FakeEmbedder, direction

pytestmark = pytest.mark.django_db
MODEL = "shop/words"


@pytest.fixture(autouse=True)
def _something_to_compare_with(owner):
    ledger.get_account(owner.pk)
    place = Place(owner.pk, Kind.PASSAGE, "chat-1")
    vectors.store(place, MODEL, [Piece("m0", 0, "sea")], np.array([direction("sea")]))


def asked(owner, text="where is the sea"):
    return lambda: Asked(owner.pk, text, "web")


def spent(owner) -> int:
    account = Account.objects.get(user=owner)
    assert account.held_micro == 0
    return 1_000_000 - account.balance_micro // MICRO


async def test_a_question_is_embedded_and_paid_for(embedder, owner):
    question = await ask(asked(owner))

    assert (question.text, question.model) == ("where is the sea", MODEL)
    np.testing.assert_allclose(question.vector, direction("where is the sea"), atol=1e-6)
    assert spent(owner) == 4
    assert Usage.objects.get().surface == "web"


async def test_the_same_question_is_embedded_once(embedder, owner):
    first, second = await ask(asked(owner)), await ask(asked(owner))

    assert (first.vector is second.vector, len(embedder.asked), spent(owner)) == (True, 1, 4)


async def test_without_an_embedder_nobody_looks_further(owner):
    def find():
        raise AssertionError("not to be asked")

    assert await ask(find) is None


async def test_off_is_remembered_for_a_while(embedder, owner, settings):
    settings.EMBEDDINGS = "off"
    assert await ask(asked(owner)) is None
    settings.EMBEDDINGS = ""

    assert await ask(asked(owner)) is None
    questioning.reset()
    assert await ask(asked(owner)) is not None


async def test_whoever_has_no_vectors_asks_nothing(embedder, stranger):
    assert await ask(asked(stranger)) is None
    assert embedder.asked == []


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_question_is_none(embedder, owner, text):
    assert await ask(asked(owner, text)) is None


async def test_a_long_question_is_cut(embedder, owner):
    await ask(asked(owner, "word " * 5000))

    assert len(embedder.asked[0][0]) == questioning.QUESTION_CHARS


async def test_a_failure_leaves_the_words_and_rests(embedder, owner):
    embedder.failures = [Retryable("busy")]

    assert await ask(asked(owner)) is None
    assert await ask(asked(owner)) is None

    assert (len(embedder.asked), spent(owner)) == (1, 0)
    assert Hold.objects.get().state == Hold.State.VOIDED


async def test_a_slow_model_is_not_waited_for(embedder, owner, settings):
    settings.QUESTION_EMBEDDING_SECONDS = 0.02

    class Slow(FakeEmbedder):
        async def embed(self, texts):
            await asyncio.sleep(5)

    registry.embed_instead("shop", Slow())
    async with asyncio.timeout(2):
        assert await ask(asked(owner)) is None

    assert spent(owner) == 0


async def test_without_credits_the_words_must_do(embedder, owner):
    Account.objects.filter(user=owner).update(balance_micro=1)

    assert await ask(asked(owner)) is None
    assert (embedder.asked, Hold.objects.count()) == ([], 0)


async def test_refusals_are_passed_on_before_a_model_is_asked(embedder):
    def find():
        raise Unauthenticated("no")

    with pytest.raises(Unauthenticated):
        await ask(find)
    assert embedder.asked == []


async def test_a_turn_on_a_page_asks_with_its_new_message(embedder, provider, luna, owner):
    chat = start_chat(user=owner, character=luna, surface="web")

    await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="Where is the sea?"))
    await settled()

    assert embedder.asked == [["Where is the sea?"]]


async def test_a_regenerated_reply_asks_with_what_it_answers(embedder, provider, luna, owner):
    chat = start_chat(user=owner, character=luna, surface="web")
    await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="First question"))
    await settled()
    await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="Second question"))
    await settled()
    reply = Message.objects.filter(chat=chat, role="assistant").order_by("position")[1]
    questioning.reset()

    await turns.start(
        TurnRequest(
            user_id=owner.pk,
            chat_uid=chat.uid,
            kind=Turn.Kind.REGENERATE,
            message_uid=reply.uid,
        )
    )
    await settled()

    assert embedder.asked[2:] == [["First question"]]


async def test_a_stranger_embeds_nothing_in_a_chat(embedder, provider, luna, owner, stranger):
    chat = start_chat(user=owner, character=luna, surface="web")

    with pytest.raises(NotFound):
        await turns.start(TurnRequest(user_id=stranger.pk, chat_uid=chat.uid, content="Sea?"))

    assert embedder.asked == []


async def test_the_wire_asks_with_its_last_message(embedder, provider, luna, owner, wire):
    body = {"model": "Luna", "messages": [{"role": "user", "content": "Where is the sea?"}]}

    response = await wire.post("chat/completions", json=body)

    assert (response.status_code, embedder.asked) == (200, [["Where is the sea?"]])
    assert Usage.objects.filter(model="shop/embed").get().surface == "api"


async def test_a_wrong_key_embeds_nothing(embedder, provider, luna, wire):
    wire.headers["Authorization"] = "Bearer rk_wrong"
    body = {"model": "Luna", "messages": [{"role": "user", "content": "Where is the sea?"}]}

    response = await wire.post("chat/completions", json=body)

    assert (response.status_code, embedder.asked) == (401, [])


@pytest.mark.parametrize("extra", [{"store": False}, {"model": "test/model"}])
async def test_what_leaves_no_trace_embeds_nothing(embedder, provider, luna, wire, extra):
    body = {"model": "Luna", "messages": [{"role": "user", "content": "Where is the sea?"}]}

    response = await wire.post("chat/completions", json=body | extra)

    assert (response.status_code, embedder.asked) == (200, [])
