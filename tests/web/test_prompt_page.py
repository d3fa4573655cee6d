"""The prompt behind a reply: the page, the resource API, and whom they refuse."""

import pytest
from django.test import Client
from django.urls import reverse

from characters.services import update_character
from chats import closing, opening, prompts, services, settings
from chats.models import Message, Turn
from chats.values import Outcome, Request
from core.errors import NotFound
from lore.services import bind, create_lorebook
from lore.values import Book, Entry
from memory.services import remember

pytestmark = pytest.mark.django_db

BOOK = {
    "name": "Coast",
    "entries": [
        {"keys": ["lamp"], "content": "The lamp burns clear oil.", "enabled": True,
         "insertion_order": 10, "extensions": {}, "comment": "The lamp"},
        {"keys": ["lamp"], "content": "Never.", "enabled": False, "insertion_order": 5,
         "extensions": {}, "comment": "Off"},
    ],
}  # fmt: skip


def answered(user, chat, content, reply):
    """One whole turn with this reply."""
    request = Request(user=user, surface="web")
    opened = opening.open_in_chat(request, chat.uid, content)
    closing.close_turn(
        opened,
        Outcome(
            text=reply,
            reasoning="",
            state=Turn.State.DONE,
            finish_reason="stop",
            prompt_tokens=100,
            completion_tokens=5,
        ),
    )
    return Message.objects.get(uid=opened.reply_uid)


@pytest.fixture
def chat(owner, luna, provider):
    update_character(character=luna, character_book=BOOK)
    return services.start_chat(user=owner, character=luna)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_page_shows_blocks_lore_and_messages(owner, chat):
    reply = answered(owner, chat, "Is the lamp lit? {{char}}", "It is.")

    page = signed_in(owner).get(reverse("prompt", args=[chat.uid, reply.uid]))

    html = page.content.decode()
    assert page.status_code == 200
    assert "The lamp burns clear oil." in html
    assert "“lamp” is in the newest message." in html
    assert "It is turned off." in html
    assert "Is the lamp lit? {{char}}" in html


def test_page_and_api_show_what_was_recalled_with_scores(owner, chat):
    fact = remember(chat.notebook, "Ana keeps bees.", author="person")
    reply = answered(owner, chat, "Hello?", "Hello.")
    client = signed_in(owner)

    html = client.get(reverse("prompt", args=[chat.uid, reply.uid])).content.decode()
    blocks = client.get(f"/api/chat/messages/{reply.uid}/prompt").json()["blocks"]

    [block] = [b for b in blocks if b["uids"]]
    assert (block["name"], block["text"]) == ("memories", "- Ana keeps bees.")
    assert block["uids"] == [fact.uid]
    assert f"from a memory, score {block['score']:.2f}" in html
    assert f'href="{reverse("memory-page", args=[fact.uid])}">Where it comes from' in html


def test_greeting_has_no_prompt_and_says_so(owner, chat):
    greeting = Message.objects.filter(chat=chat, active=True).get()

    page = signed_in(owner).get(reverse("prompt", args=[chat.uid, greeting.uid]))

    assert page.status_code == 200
    assert "No prompt was kept" in page.content.decode()


def test_stranger_finds_neither_page_nor_api(owner, stranger, chat):
    reply = answered(owner, chat, "Is the lamp lit?", "It is.")
    client = signed_in(stranger)

    page = client.get(reverse("prompt", args=[chat.uid, reply.uid]))
    answer = client.get(f"/api/chat/messages/{reply.uid}/prompt")

    assert (page.status_code, answer.status_code) == (404, 404)
    assert "clear oil" not in page.content.decode() + answer.content.decode()


def test_api_gives_the_exact_prompt(owner, chat):
    reply = answered(owner, chat, "Is the lamp lit?", "It is.")

    answer = signed_in(owner).get(f"/api/chat/messages/{reply.uid}/prompt").json()

    assert [said["content"] for said in answer["messages"]][-1] == "Is the lamp lit?"
    assert "The lamp burns clear oil." in answer["messages"][0]["content"]
    fired = [(v["title"], v["activated"], v["rule"], v["key"]) for v in answer["lore"]]
    assert fired == [("The lamp", True, "key", "lamp"), ("Off", False, "disabled", "")]
    assert answer["total_tokens"] == Turn.objects.get(uid=reply.turn).manifest["total_tokens"]
    assert answer["message_id"] == reply.uid


def test_edited_reply_is_shown_as_it_was_sent(owner, chat):
    first = answered(owner, chat, "Is the lamp lit?", "It is.")
    second = answered(owner, chat, "And now?", "Still.")
    services.edit_message(user=owner, message_uid=first.uid, content="It never was.")

    found = prompts.inspect(user=owner, message_uid=second.uid)

    said = {entry.uid: (entry.content, entry.changed) for entry in found.messages if entry.uid}
    assert said[first.uid] == ("It is.", True)


def test_comparison_names_the_blocks_that_differ(owner, chat):
    first = answered(owner, chat, "Good evening.", "Evening.")
    second = answered(owner, chat, "Is the lamp lit?", "It is.")

    page = signed_in(owner).get(reverse("prompt", args=[chat.uid, second.uid]), {"with": first.uid})
    found = prompts.compare(
        prompts.inspect(user=owner, message_uid=first.uid),
        prompts.inspect(user=owner, message_uid=second.uid),
    )

    assert page.status_code == 200
    assert [(d.name, d.lines) for d in found] == [
        ("history", []),
        ("lore after", ["+The lamp burns clear oil."]),
    ]


def test_page_and_api_say_that_the_scan_for_lore_was_cut_short(owner, chat, monkeypatch):
    whole = answered(owner, chat, "Is the lamp lit?", "It is.")
    monkeypatch.setattr("lore.activation.WORK_MOST", 0)
    cut = answered(owner, chat, "Is the lamp lit still?", "Still.")
    client = signed_in(owner)

    pages = [
        client.get(reverse("prompt", args=[chat.uid, reply.uid])).content.decode()
        for reply in (whole, cut)
    ]
    told = [client.get(f"/api/chat/messages/{r.uid}/prompt").json() for r in (whole, cut)]

    assert ["The scan took too long" in page for page in pages] == [False, True]
    assert [answer["is_cut_short"] for answer in told] == [False, True]
    assert [answer["is_over_budget"] for answer in told] == [False, False]


def test_page_and_api_show_what_authors_say_to_the_reader_and_never_want_written(owner, luna, chat):
    update_character(character=luna, description='Old.{{comment:For <you>.}}{{banned "the tide"}}')
    settings.change(user=owner, chat_uid=chat.uid, character_number=luna.number)
    reply = answered(owner, chat, "Is the lamp lit?", "It is.")
    client = signed_in(owner)

    page = client.get(reverse("prompt", args=[chat.uid, reply.uid])).content.decode()
    told = client.get(f"/api/chat/messages/{reply.uid}/prompt").json()

    assert "<li>For &lt;you&gt;.</li>" in page
    assert "<li>the tide</li>" in page
    assert (told["comments"], told["banned"]) == (["For <you>."], ["the tide"])


def test_page_names_the_entry_behind_each_block_of_lore_and_leads_to_it(owner, chat):
    book = Book(entries=(Entry(uid=7, keys=("lamp",), comment="Oil", content="Oil is dear."),))
    shelf = create_lorebook(owner=owner, name="Prices", book=book)
    bind(user=owner, lorebook=shelf, scope="global")
    reply = answered(owner, chat, "Is the lamp lit?", "It is.")

    page = signed_in(owner).get(reverse("prompt", args=[chat.uid, reply.uid])).content.decode()

    assert "from “Oil” · Prices" in page
    assert "from “The lamp” · Coast" in page
    link = f"{reverse('lorebook', args=[shelf.uid])}?entry=7"
    assert page.count(f'<a href="{link}">') == 2
    assert "card:" not in page


def test_prompt_of_a_message_that_is_not_there_is_refused(owner):
    with pytest.raises(NotFound):
        prompts.inspect(user=owner, message_uid="nothing")


def test_prompt_of_before_layouts_had_runs_is_shown(owner, chat):
    reply = answered(owner, chat, "Is the lamp lit?", "It is.")
    now = prompts.inspect(user=owner, message_uid=reply.uid).messages
    turn = Turn.objects.get(uid=reply.turn)
    system, talk = turn.manifest["layout"]
    assert (talk["roles"], len(talk["uids"])) == ("au", 2)
    roles = ("assistant", "user")
    said = [{"role": r, "uid": u} for r, u in zip(roles, talk["uids"], strict=True)]
    turn.manifest["layout"] = [system, *said]
    turn.save()

    assert prompts.inspect(user=owner, message_uid=reply.uid).messages == now
