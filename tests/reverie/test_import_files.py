"""`reverie import FILE…`: each file is what it holds, whatever it is called."""

import base64
import json

import pytest

from characters.models import Character
from chats.files import read_chat
from chats.intake.sorting import Kind, kind_of
from chats.models import Chat
from core.errors import Invalid
from lore.models import Lorebook
from personas.models import Persona
from tests.chats.files.build import WHOLE, asked, jsonl, said
from tests.factories import CharacterFactory
from tests.reverie.silly import SETTINGS, card, header, picture, put, world

BOOK = world("tower Tall.")
AGNAI_CHAT = {"name": "Talk", "greeting": "Hi", "scenario": "", "messages": [{"msg": "Hi."}]}
OOBA = {"data_visible": [["Hello.", "Hi."]], "data": [["Hello.", "Hi."]]}


def b64(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (card("A"), "a.png", Kind.CARD),
        ({"name": "A", "description": "B", "create_date": "today"}, "a.json", Kind.CARD),
        ({"spec": "chara_card_v3", "data": {"character_book": {"entries": []}}}, "", Kind.CARD),
        ({"name": "A", "first_mes": "", "entries": {}}, "a.json", Kind.CARD),
        (BOOK, "a.json", Kind.BOOK),
        ({"spec": "lorebook_v3", "data": {"name": "A", "entries": []}}, "", Kind.BOOK),
        ({"kind": "memory", "name": "A", "description": "", "entries": []}, "", Kind.BOOK),
        ({"type": "risu", "ver": 1, "data": []}, "", Kind.BOOK),
        ({"lorebookVersion": 5, "entries": []}, "", Kind.BOOK),
        (picture(naidata=b64({"lorebookVersion": 5})), "a.png", Kind.BOOK),
        (SETTINGS, "settings.json", Kind.PERSONAS),
        ({"personas": {}}, "", Kind.PERSONAS),
        (picture(persona=b64({"name": "A"})), "a.png", Kind.PERSONAS),
        (jsonl(*WHOLE), "a.jsonl", Kind.CHAT),
        (jsonl(*WHOLE), "a.json", Kind.CHAT),
        (jsonl(*WHOLE), "a.txt", Kind.CHAT),
        (jsonl(said("Alone.")), "a.json", Kind.CHAT),
        ([said("In a list.")], "a.json", Kind.CHAT),
        (AGNAI_CHAT, "a.json", Kind.CHAT),
        (OOBA, "a.json", Kind.CHAT),
    ],
)
def test_a_file_is_what_it_holds(content, name, kind):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()

    assert kind_of(data, name) == kind


def opened(data):
    """The chats in a file, if it is one of chats."""
    return read_chat(data) if kind_of(data, "a.json") == Kind.CHAT else None


@pytest.mark.parametrize("data", [b"", b"words", b"{", b'{"a": 1}\n{"b":', b"\xff\xd8\xff"])
def test_what_is_nothing_is_refused(data):
    with pytest.raises(Invalid):
        opened(data)


@pytest.fixture
def files(tmp_path):
    put(tmp_path / "1.jsonl", jsonl(*WHOLE))
    put(tmp_path / "Old Town.json", BOOK)
    put(tmp_path / "Luna.png", card("Luna"))
    put(tmp_path / "personas.json", SETTINGS["power_user"])
    return tmp_path


@pytest.mark.django_db
def test_files_of_every_kind_are_taken_in_chats_last(run, owner, files):
    ran = run("import", files, "--owner", "owner")

    assert ran.code == 0
    luna, chat = Character.objects.get(), Chat.objects.get()
    assert (chat.character, chat.title) == (luna, "1")
    assert ran.out == (
        f"{files}/Luna.png: character Luna, imported\n"
        "    Read as a version 2 card (spec_version 2.0) from the `chara` chunk of a PNG picture.\n"
        f"{files}/Old Town.json: lorebook Old Town, imported\n"
        f"{files}/personas.json: persona Ana, imported\n"
        "    Its lorebook “Sea” is not here.\n"
        f"{files}/personas.json: persona Max, imported\n"
        "    The character “Sol” that it was worn for is not here.\n"
        f"{files}/1.jsonl: chat 1, imported\n"
        "1 character imported.\n1 chat imported.\n1 lorebook imported.\n2 personas imported.\n"
        "5 of 5 files read.\n"
    )


@pytest.mark.django_db
def test_twice_is_once(run, owner, files):
    run("import", files, "--owner", "owner")
    again = run("import", files, "--owner", "owner", "--json")

    assert again.json["counts"] == {
        "character": {"here": 1},
        "chat": {"here": 1},
        "lorebook": {"here": 1},
        "persona": {"here": 2},
    }
    kinds = (Character, Chat, Lorebook, Persona)
    assert [kind.objects.count() for kind in kinds] == [1, 1, 1, 2]


@pytest.mark.django_db
def test_a_dry_run_finds_the_character_that_it_would_make(run, owner, files):
    ran = run("import", files, "--owner", "owner", "--dry-run", "--json")

    assert [(row["kind"], row["status"]) for row in ran.json["files"]] == [
        ("character", "readable"),
        ("lorebook", "readable"),
        ("persona", "readable"),
        ("persona", "readable"),
        ("chat", "readable"),
    ]
    assert Chat.objects.count() == 0


@pytest.mark.django_db
def test_a_chat_without_its_character_says_what_to_do(run, owner, tmp_path):
    put(tmp_path / "1.jsonl", jsonl(*WHOLE))

    ran = run("import", tmp_path / "1.jsonl", "--owner", "owner")

    assert ran.code == 1
    assert ran.out.splitlines()[0] == (
        f"{tmp_path}/1.jsonl: You have no character called “Luna”. Import the card first, or say"
        " whom the chat is with."
    )


@pytest.mark.django_db
def test_a_chat_can_be_with_a_character_that_one_names(run, owner, luna, tmp_path):
    put(tmp_path / "1.jsonl", jsonl(header(), said("Hello.", name="Somebody")))
    sol = CharacterFactory(owner=owner, name="Sol")

    run("import", tmp_path / "1.jsonl", "--owner", "owner", "--character", sol.uid)

    assert Chat.objects.get().character == sol


@pytest.mark.django_db
def test_somebody_elses_character_cannot_be_named(run, owner, stranger, tmp_path):
    put(tmp_path / "1.jsonl", jsonl(said("Hello.")))
    hers = CharacterFactory(owner=stranger)

    ran = run("import", tmp_path / "1.jsonl", "--owner", "owner", "--character", hers.uid)

    assert (ran.code, Chat.objects.count()) == (1, 0)


@pytest.mark.django_db
def test_of_several_of_a_name_the_newest_gets_the_chat(run, owner, luna, tmp_path):
    newest = CharacterFactory(owner=owner, name="Luna")
    put(tmp_path / "1.jsonl", jsonl(*WHOLE))

    ran = run("import", tmp_path / "1.jsonl", "--owner", "owner", "--json")

    assert Chat.objects.get().character == newest
    assert ran.json["files"][0]["notes"] == [
        "Several of your characters are called “Luna”; this chat went to the newest one."
    ]


@pytest.mark.django_db
def test_branches_among_files_are_put_together(run, owner, luna, tmp_path):
    put(tmp_path / "Main.jsonl", jsonl(said("a"), asked("b")))
    put(tmp_path / "Branch.jsonl", jsonl(header(main_chat="Main"), said("a"), asked("B")))

    run("import", tmp_path, "--owner", "owner")

    assert Chat.objects.get().messages.count() == 3


@pytest.mark.django_db
def test_too_much_to_put_together_is_stored_apart(run, owner, luna, tmp_path, monkeypatch):
    from chats.intake import lineages

    monkeypatch.setattr(lineages, "TOGETHER_BYTES_MOST", 100)
    put(tmp_path / "Main.jsonl", jsonl(said("a"), asked("b")))
    put(tmp_path / "Branch.jsonl", jsonl(header(main_chat="Main"), said("a"), asked("B")))

    ran = run("import", tmp_path, "--owner", "owner", "--json")

    assert Chat.objects.count() == 2
    assert ran.json["files"][0]["notes"] == [
        "Its branches are too large to be put together; each is a chat of its own."
    ]


@pytest.mark.django_db
def test_a_file_that_is_not_there_is_one_line(run, owner, tmp_path):
    ran = run("import", tmp_path / "gone.png", "--owner", "owner")

    assert (ran.code, ran.out.splitlines()[0]) == (
        1,
        f"{tmp_path}/gone.png: The file cannot be read: No such file or directory.",
    )


@pytest.mark.django_db
def test_a_file_without_end_is_not_read(run, owner, tmp_path, monkeypatch):
    from chats.intake import sources

    monkeypatch.setattr(sources, "BYTES_MOST", 2**20)
    put(tmp_path / "a.jsonl", b" " * (2**20 + 1))

    ran = run("import", tmp_path / "a.jsonl", "--owner", "owner")

    assert ran.out.splitlines()[0] == f"{tmp_path}/a.jsonl: The file is larger than 1 MB."
