"""Receipts of messages: exact, of every turn that wrote them, and one's own."""

import pytest

from billing.models import Charge, Usage
from chats import queries, services
from chats.models import Cost, Message, Turn
from chats.receipts import messages_of, receipt_of
from core.errors import NotFound
from tests.chats.talking import again, closed, opened, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


@pytest.fixture
def get(client, secret):
    def ask(uid, key=secret):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return client.get(f"/api/chat/messages/{uid}/receipt", headers=headers)

    return ask


def test_a_reply_has_the_receipt_of_its_turn(get, chat):
    _, reply = say(chat)

    body = get(reply.uid).json()

    turn = Turn.objects.get()
    assert (body["message_id"], body["cost_micro"], body["estimated"]) == (
        reply.uid,
        12_000_000,
        False,
    )
    (receipt,) = body["receipts"]
    names = ("reference", "input_tokens", "cached_tokens", "output_tokens", "charged_micro")
    assert [receipt[name] for name in names] == [f"turn:{turn.uid}", 10, 0, 2, 12_000_000]


def test_a_continued_reply_has_a_receipt_for_each_turn(get, chat):
    _, reply = say(chat)
    turn = opened(chat.user, chat, message=reply.uid, kind=Turn.Kind.CONTINUE)
    closed(turn, " And on.")
    again(chat)

    body = get(reply.uid).json()

    keys = [f"turn:{uid}" for uid in Turn.objects.filter(reply=reply.uid).order_by("uid")
            .values_list("uid", flat=True)]  # fmt: skip
    assert [receipt["reference"] for receipt in body["receipts"]] == keys
    assert (len(keys), body["cost_micro"]) == (2, 24_000_000)
    assert Charge.objects.count() == 3


def test_beside_a_continued_reply_stands_what_all_of_it_cost(chat, django_assert_num_queries):
    _, plain = say(chat)
    _, reply = say(chat, "And?")
    for _ in range(2):
        closed(opened(chat.user, chat, message=reply.uid, kind=Turn.Kind.CONTINUE), " And on.")
    Turn.objects.filter(kind="continue").update(estimated=True)
    other = again(chat, reply.uid)

    with django_assert_num_queries(1):
        found = queries.receipts([plain, reply, other])

    assert {uid: turn.cost for uid, turn in found.items()} == {
        plain.turn: Cost(10, 2, 12_000_000, False),
        reply.turn: Cost(30, 6, 36_000_000, True),
        other.turn: Cost(10, 2, 12_000_000, False),
    }
    assert found[reply.turn].cost.amount_micro == receipt_of(chat.user, reply.uid).cost_micro


def test_a_free_reply_has_a_receipt_too(get, chat, model):
    from llm import registry

    model.free = True
    model.save()
    registry.forget()
    _, reply = say(chat)

    (receipt,) = get(reply.uid).json()["receipts"]

    assert (receipt["input_tokens"], receipt["cost_micro"], receipt["entry"]) == (10, 0, None)


def test_what_no_model_wrote_has_no_receipt(get, chat):
    said, _ = say(chat)
    greeting = Message.objects.get(position=0)

    for message in (said, greeting):
        response = get(message.uid)
        assert (response.status_code, response.json()["error"]["code"]) == (
            404,
            "receipt_not_found",
        )


def test_receipts_of_others_are_not_told(get, chat, stranger):
    from accounts.keys import issue_key

    _, reply = say(chat)

    theirs = get(reply.uid, issue_key(user=stranger, name="x")[1])

    assert (theirs.status_code, theirs.json()["error"]["code"]) == (404, "message_not_found")
    assert get(reply.uid, "").status_code == 401


def test_a_receipt_takes_the_same_queries_for_any_turns(chat, django_assert_num_queries):
    _, reply = say(chat)
    with django_assert_num_queries(5):
        receipt_of(chat.user, reply.uid)
    for _ in range(2):
        closed(opened(chat.user, chat, message=reply.uid, kind=Turn.Kind.CONTINUE), " More.")

    with django_assert_num_queries(5):
        assert len(receipt_of(chat.user, reply.uid).receipts) == 3


def test_usage_leads_to_messages_that_are_still_there(owner, chat, stranger):
    _, reply = say(chat)
    key = Usage.objects.get().key

    assert messages_of(owner, [key, "job:1", "turn:none"]) == {key: reply.uid}
    assert messages_of(stranger, [key]) == {}
    services.trash_chat(user=owner, chat_uid=chat.uid)
    assert messages_of(owner, [key]) == {}
    with pytest.raises(NotFound):
        receipt_of(owner, reply.uid)
