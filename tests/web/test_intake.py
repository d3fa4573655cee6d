"""Files brought to the pages, and chats taken home."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from characters.models import Character
from chats.files import read_chat
from chats.importing import import_chats
from chats.models import Chat, Message
from lore.models import Lorebook
from tests.chats.files.build import WHOLE, asked, jsonl, said
from tests.conftest import settled
from web.views import exporting, turns

pytestmark = pytest.mark.django_db


def upload(name, *lines):
    return SimpleUploadedFile(name, jsonl(*lines))


def told(response):
    return [(line.outcome.path, line.outcome.status.name) for line in response.context["report"]]


def test_chats_are_imported_with_the_character_of_the_page(browser, owner, luna):
    response = browser.post(
        f"/app/characters/{luna.uid}/import",
        {"uploads": [upload("1.jsonl", *WHOLE), upload("2.jsonl", said("Hm.", name="Vera"))]},
    )

    assert told(response) == [("1.jsonl", "MADE"), ("2.jsonl", "MADE")]
    assert [(c.user, c.character) for c in Chat.objects.all()] == [(owner, luna)] * 2
    uids = [line.outcome.uid for line in response.context["report"]]
    assert [line.address for line in response.context["report"]] == [
        f"/app/chats/{uid}" for uid in uids
    ]


def test_one_that_cannot_be_read_does_not_stop_the_others(browser, luna):
    response = browser.post(
        f"/app/characters/{luna.uid}/import",
        {"uploads": [
            SimpleUploadedFile("0.jsonl", b""),
            SimpleUploadedFile("1.jsonl", b"words"),
            upload("2.jsonl", *WHOLE),
        ]},
    )  # fmt: skip

    assert told(response) == [("0.jsonl", "FAILED"), ("1.jsonl", "FAILED"), ("2.jsonl", "MADE")]
    assert "This file holds no chat that could be read." in response.content.decode()


def test_branches_that_come_together_are_one_chat(browser, luna):
    browser.post(
        f"/app/characters/{luna.uid}/import",
        {"uploads": [
            upload("Main.jsonl", said("a"), asked("b")),
            upload("B.jsonl", {"chat_metadata": {"main_chat": "Main"}}, said("a"), asked("B")),
        ]},
    )  # fmt: skip

    assert Chat.objects.get().messages.count() == 3


def test_anything_can_be_brought_at_once(browser, owner, luna):
    book = {"entries": {"0": {"uid": 0, "key": ["a"], "content": "b"}}}
    response = browser.post(
        "/app/import",
        {"uploads": [
            upload("1.jsonl", *WHOLE),
            SimpleUploadedFile("Sea.json", json.dumps(book).encode()),
            SimpleUploadedFile("Vera.json", b'{"name": "Vera", "description": "A sailor."}'),
        ]},
    )  # fmt: skip

    assert told(response) == [("Sea.json", "MADE"), ("Vera.json", "MADE"), ("1.jsonl", "MADE")]
    assert Lorebook.objects.get().name == "Sea"
    assert Chat.objects.get().character == luna
    assert Character.objects.count() == 2


def test_no_file_is_said(browser, luna):
    for path in ("/app/import", f"/app/characters/{luna.uid}/import"):
        response = browser.post(path, {})

        assert response.status_code == 400
        assert "Choose at least one file." in response.content.decode()


def test_pages_offer_it(browser, luna):
    page = browser.get(f"/app/characters/{luna.uid}").content.decode()

    assert f'action="/app/characters/{luna.uid}/import"' in page
    assert "Import chats with Luna" in page
    assert browser.get(f"/app/characters/{luna.uid}/import").status_code == 200
    assert browser.get("/app/import").status_code == 200


def test_a_stranger_cannot_import_with_a_private_character(elsewhere, luna):
    response = elsewhere.post(
        f"/app/characters/{luna.uid}/import", {"uploads": [upload("1.jsonl", *WHOLE)]}
    )

    assert (response.status_code, Chat.objects.count()) == (404, 0)


def test_a_guest_is_asked_to_sign_in(client, luna):
    for path in ("/app/import", f"/app/characters/{luna.uid}/import"):
        response = client.post(path, {"uploads": [upload("1.jsonl", *WHOLE)]})

        assert response.status_code == 302
    assert Chat.objects.count() == 0


async def body_of(response):
    return b"".join([block async for block in response.streaming_content])


@pytest.fixture
def whole(owner, luna):
    return import_chats(owner=owner, character=luna, data=jsonl(*WHOLE), filename="Ünter/x.jsonl")[
        0
    ].chat


@pytest.fixture
def get(rf, owner):
    """Open an asynchronous page, as `owner` unless told otherwise."""

    async def call(view, *args, user=None):
        request = rf.get("/", headers={"accept": "application/json"})

        async def auser():
            return user or owner

        request.auser = auser
        return await view(request, *args)

    return call


async def test_a_chat_is_exported_as_lines(get, whole):
    response = await get(exporting.export, whole.uid, "jsonl")

    assert response["Content-Disposition"] == 'attachment; filename="x.jsonl"'
    assert response["Content-Type"] == "application/jsonl"
    exported = read_chat(await body_of(response), "x.jsonl")[0]
    assert exported == read_chat(jsonl(*WHOLE), "x.jsonl")[0]


async def test_a_chat_is_exported_as_text(get, whole):
    response = await get(exporting.export, whole.uid, "text")

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert (
        (await body_of(response)).decode().startswith("x\n\nLuna (2024-06-05 14:56 UTC):\nHello.")
    )


async def test_a_chat_is_exported_with_its_branches(get, whole):
    response = await get(exporting.export, whole.uid, "zip")

    archive = zipfile.ZipFile(io.BytesIO(await body_of(response)))
    assert archive.namelist() == ["x.jsonl"]
    assert read_chat(archive.read("x.jsonl"))[0].messages == read_chat(jsonl(*WHOLE))[0].messages


async def test_a_long_chat_leaves_in_several_blocks(get, owner, luna):
    data = jsonl(*(said("x" * 50_000) for _ in range(5)))
    chat = import_chats(owner=owner, character=luna, data=data)[0].chat

    response = await get(exporting.export, chat.uid, "jsonl")

    assert len([block async for block in response.streaming_content]) == 3


@pytest.mark.parametrize("program", ["chub", "agnai", "cai", "ooba"])
async def test_a_chat_is_exported_for_other_programs(get, whole, program):
    response = await get(exporting.export, whole.uid, program)

    read = read_chat(await body_of(response), "x.json")[0]
    assert read.form == program
    spoken = [m.content for m in read_chat(jsonl(*WHOLE), "x.jsonl")[0].messages if m.content]
    assert [m.content for m in read.messages] == spoken


async def test_another_form_is_not_found(get, whole):
    response = await get(exporting.export, whole.uid, "docx")

    assert response.status_code == 404


async def test_a_stranger_exports_nothing(get, stranger, whole):
    response = await get(exporting.export, whole.uid, "jsonl", user=stranger)

    assert response.status_code == 404


def test_the_chat_page_offers_exports_and_marks_what_is_hidden(browser, whole):
    Message.objects.filter(chat=whole, content="Where are we?").update(hidden=True)

    page = browser.get(f"/app/chats/{whole.uid}").content.decode()

    for form in ("jsonl", "text", "zip", "chub", "agnai", "cai", "ooba"):
        assert f'href="/app/chats/{whole.uid}/export/{form}"' in page
    assert page.count("Kept from Luna") == 1


async def test_an_imported_chat_goes_on_without_what_is_hidden(post, owner, luna, provider):
    data = jsonl(WHOLE[0], said("Hello."), asked("Psst.", is_system=True), said("Mm."))
    chat = import_chats(owner=owner, character=luna, data=data)[0].chat

    await post(turns.send, chat.uid, content="Go on.", client="abc")
    await settled()

    told = [message.content for message in provider.requests[0].messages]
    assert [text for text in told if text in ("Hello.", "Psst.", "Mm.", "Go on.")] == [
        "Hello.", "Mm.", "Go on.",
    ]  # fmt: skip
    shown = Message.objects.filter(chat=chat, active=True).order_by("position")
    assert list(shown.values_list("content", flat=True)) == [
        "Hello.", "Psst.", "Mm.", "Go on.", "Hello there.",
    ]  # fmt: skip
    last = shown.last()
    assert last.state["variables"] == {"score": "4"}


def test_a_speaker_in_an_imported_chat_has_their_own_name(browser, owner, luna):
    sol = said("Hot.", name="Sol")
    chat = import_chats(owner=owner, character=luna, data=jsonl(said("Hi."), sol))[0].chat

    log = browser.get(f"/app/chats/{chat.uid}").context["view"].log

    assert [line.name for line in log.lines] == ["Luna", "Sol"]
