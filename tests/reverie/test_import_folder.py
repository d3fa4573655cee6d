"""`reverie import FOLDER`: everything arrives once, and what belongs together stays so."""

import pytest

from catalog.models import ImportedFile
from characters.models import Character
from chats import importing
from chats.files.folder import scan
from chats.intake import Taker, take_folder
from chats.models import Chat, Message
from lore.models import Binding, Lorebook
from lore.queries import SETTINGS as SCAN
from lore.services import book_of, change_settings
from personas.models import Persona, PersonaLock
from tests.chats.files.build import jsonl, said
from tests.reverie.silly import SETTINGS, fill, header, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(tmp_path):
    return fill(tmp_path / "data/default-user")


@pytest.fixture
def moved(run, owner, root):
    return run("import", root, "--owner", "owner", "--json")


def everything():
    """How many rows of each kind there are."""
    models = (Lorebook, Character, Persona, Chat, Message, Binding, PersonaLock, ImportedFile)
    return {model.__name__: model.objects.count() for model in models}


WHOLE = {
    "Lorebook": 2, "Character": 2, "Persona": 2, "Chat": 3, "Message": 11, "Binding": 5,
    "PersonaLock": 1, "ImportedFile": 9,
}  # fmt: skip


def test_a_whole_folder_arrives(moved):
    assert moved.json["counts"] == {
        "character": {"made": 2},
        "chat": {"made": 4},
        "group": {"skipped": 1},
        "lorebook": {"made": 2},
        "persona": {"made": 2},
        "settings": {"made": 1},
    }
    assert moved.code == 0
    assert everything() == WHOLE


def test_twice_is_once(run, moved, root):
    again = run("import", root, "--owner", "owner", "--json")

    assert again.json["counts"] == {
        "character": {"here": 2},
        "chat": {"here": 4},
        "group": {"skipped": 1},
        "lorebook": {"here": 2},
        "persona": {"here": 2},
        "settings": {"here": 1},
    }
    assert everything() == WHOLE


def test_what_belongs_together_stays_so(moved, owner):
    luna, sol = Character.objects.order_by("name")
    ana, max_ = Persona.objects.order_by("name")
    first = Chat.objects.get(title="First")

    assert {(b.scope, b.target, b.lorebook.name) for b in Binding.objects.all()} == {
        ("character", luna.uid, "Old Town"),
        ("global", "", "Old Town"),
        ("character", sol.uid, "Sea"),
        ("persona", ana.uid, "Sea"),
        ("chat", first.uid, "Sea"),
    }
    assert [(lock.persona, lock.character) for lock in PersonaLock.objects.all()] == [
        (max_, sol.uid)
    ]
    assert (ana.is_default, bool(ana.avatar), max_.is_default) == (True, True, False)
    assert (first.character, first.persona) == (luna, max_)
    assert first.note == {"text": "Be brief.", "position": 1, "depth": 4, "interval": 1, "role": 0}
    owner.refresh_from_db()
    assert owner.preferences[SCAN] == {
        "scan_depth": 5, "insertion_strategy": 0, "recursive": False, "budget_percent": 40,
    }  # fmt: skip


def test_branches_are_one_chat(moved):
    first = Chat.objects.get(title="First")
    rows = Message.objects.filter(chat=first).order_by("position", "uid")

    assert [(m.position, m.content, m.active) for m in rows] == [
        (0, "Hello.", False),
        (0, "Hi.", True),
        (1, "Where?", True),
        (1, "When?", False),
        (2, "Here.", True),
        (2, "Now.", False),
    ]
    assert [(s.number, s.title) for s in first.sources.all()] == [(0, "First"), (1, "Branch")]


def test_a_groups_chat_is_with_the_one_who_said_the_most(moved):
    chat = Chat.objects.get(title="crew 1")

    assert chat.character.name == "Sol Invictus"
    assert list(chat.messages.values_list("speaker", flat=True)) == [
        "Luna", "Ana", "Sol Invictus", "Sol Invictus",
    ]  # fmt: skip


def test_what_could_not_be_kept_is_said(moved):
    told = {row["path"].rpartition("/")[2]: row for row in moved.json["files"]}

    assert told["9.json"]["error"] == (
        "A group itself is not kept: who was in it, who spoke when and its own prompts. Its chats"
        " are, each with the character who said the most."
    )
    assert told["crew 1.jsonl"]["notes"] == [
        "It was a group's chat. All that was said is kept under each speaker's name; from here on"
        " only Sol Invictus answers."
    ]
    assert told["settings.json"]["notes"] == [
        "The lorebook “Nowhere” that is switched on is not here.",
    ]


def test_a_dry_run_stores_nothing_and_tells_the_same(run, owner, root):
    ran = run("import", root, "--owner", "owner", "--dry-run", "--json")

    assert ran.json["counts"] == {
        "character": {"readable": 2},
        "chat": {"readable": 4},
        "group": {"skipped": 1},
        "lorebook": {"readable": 2},
        "persona": {"readable": 2},
        "settings": {"readable": 1},
    }
    assert set(everything().values()) == {0}
    told = {row["path"].rpartition("/")[2]: row for row in ran.json["files"]}
    assert told["settings.json"]["notes"] == [
        "The lorebook “Nowhere” that is switched on is not here.",
    ]


def test_tags_go_by_their_names(run, owner, root):
    settings = {
        **SETTINGS,
        "tags": [{"id": "7f", "name": "Sea folk"}],
        "tag_map": {"Luna.png": ["7f", "gone"]},
    }
    only = {"isExclude": False, "names": ["Luna"], "tags": ["7f", "plain"]}
    tide = {"uid": 0, "key": ["tide"], "content": "Twice a day.", "characterFilter": only}
    put(root / "settings.json", settings)
    put(root / "worlds/Sea.json", {"entries": {"0": tide}})

    ran = run("import", root, "--owner", "owner", "--json")

    (entry,) = book_of(Lorebook.objects.get(name="Sea")).entries
    luna = Character.objects.get(name="Luna")
    assert entry.character_filter.tags == ("Sea folk", "plain")
    assert luna.card_tags == ["Sea folk"]
    assert [tag.name for tag in luna.tags.all()] == ["sea folk"]
    told = {row["path"].rpartition("/")[2]: row["notes"] for row in ran.json["files"]}
    assert told["Luna.png"][-1] == "Tagged as it was there: Sea folk."


def test_settings_that_may_not_be_become_the_nearest(run, owner, root):
    said = {"world_info_depth": 5000, "world_info_budget": 0, "world_info_recursive": True}
    put(root / "settings.json", {**SETTINGS, "world_info_settings": said})

    run("import", root, "--owner", "owner")

    owner.refresh_from_db()
    assert owner.preferences[SCAN] == {
        "scan_depth": 1000, "budget_percent": 1, "recursive": True,
    }  # fmt: skip


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("steps", range(12))
def test_an_import_that_broke_off_goes_on(run, owner, root, steps):
    outcomes = take_folder(Taker(owner), scan(root))
    for _ in range(steps):
        next(outcomes, None)
    outcomes.close()

    run("import", root, "--owner", "owner")

    assert everything() == WHOLE


@pytest.mark.parametrize("batch", [0, 1, 2, 3])
def test_a_chat_that_was_half_stored_is_stored_whole_later(run, owner, root, monkeypatch, batch):
    class Breaking:
        """Bulk creation that dies at one batch."""

        def __init__(self):
            self.count = 0
            self.create = Message.objects.bulk_create

        def __call__(self, rows):
            self.count += 1
            if self.count > batch:
                raise Killed
            return self.create(rows)

    monkeypatch.setattr(importing, "BATCH", 3)
    monkeypatch.setattr(Message.objects, "bulk_create", Breaking())
    with pytest.raises(Killed):
        list(take_folder(Taker(owner), scan(root)))
    half = Message.objects.count()
    monkeypatch.undo()

    run("import", root, "--owner", "owner")

    assert half in (0, 4)  # the group's chat, whole, or nothing
    assert everything() == WHOLE


def test_a_chat_without_a_card_waits_for_it(run, owner, tmp_path):
    put(tmp_path / "data/worlds/a.json", {"entries": {}})
    put(tmp_path / "data/chats/Vera/x.jsonl", jsonl(header(), said("Hello.")))

    first = run("import", tmp_path / "data", "--owner", "owner")
    put(tmp_path / "data/characters/Vera.json", {"name": "Vera", "description": "A sailor."})
    second = run("import", tmp_path / "data", "--owner", "owner")

    assert (first.code, second.code) == (1, 0)
    assert first.out.splitlines()[1] == (
        f"{tmp_path}/data/chats/Vera/x.jsonl: There is no card for “Vera”. Import a character of"
        " that name, then run this again."
    )
    assert Chat.objects.get().character.name == "Vera"


def test_a_broken_file_does_not_stop_the_others(run, owner, root):
    put(root / "characters/Bad.png", b"no picture")
    put(root / "chats/Luna/Bad.jsonl", b"\x00\x01")
    put(root / "worlds/Bad.json", b"[")

    ran = run("import", root, "--owner", "owner", "--json")

    failed = [
        row["path"].rpartition("/")[2] for row in ran.json["files"] if row["status"] == "failed"
    ]
    assert failed == ["Bad.json", "Bad.png", "Bad.jsonl"]
    assert ran.code == 1
    assert everything() == WHOLE


def test_what_was_changed_here_since_is_not_changed_back(run, moved, root, owner):
    change_settings(user=owner, values={"scan_depth": 9})
    Binding.objects.all().delete()

    run("import", root, "--owner", "owner")

    owner.refresh_from_db()
    assert owner.preferences[SCAN] == {"scan_depth": 9}
    assert Binding.objects.count() == 0


def test_what_was_deleted_here_comes_back(run, moved, root):
    Chat.objects.get(title="First").delete()
    Lorebook.objects.filter(name="Sea").delete()

    run("import", root, "--owner", "owner")

    assert (Chat.objects.count(), Lorebook.objects.count()) == (3, 2)


def test_several_people_must_be_told_apart(run, owner, tmp_path):
    fill(tmp_path / "data/ana")
    fill(tmp_path / "data/bo")

    ran = run("import", tmp_path, "--owner", "owner")

    assert ran.code == 1
    assert ran.err == (
        f"reverie: {tmp_path} holds the data of several people. Name one of them:\n"
        f"  {tmp_path}/data/ana\n  {tmp_path}/data/bo\n"
    )
    assert set(everything().values()) == {0}


def test_a_book_that_the_card_holds_too_is_not_bound_twice(run, owner, tmp_path):
    from tests.reverie.silly import card, world

    book = {"entries": [{"keys": ["tower"], "content": "tower Tall.", "extensions": {}}]}
    put(tmp_path / "d/worlds/T.json", world("tower Tall."))
    put(tmp_path / "d/characters/A.png", card("A", character_book=book, extensions={"world": "T"}))

    run("import", tmp_path / "d", "--owner", "owner")

    assert (Lorebook.objects.count(), Binding.objects.count()) == (1, 0)


def test_a_folder_with_nothing_in_it_is_a_failure(run, owner, tmp_path):
    ran = run("import", tmp_path, "--owner", "owner")

    assert (ran.code, ran.out) == (1, "0 of 0 files read.\n")


def test_a_terminal_shows_a_bar(run, owner, root, monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    ran = run("import", root, "--owner", "owner")

    assert ran.err.endswith("\r[##############################] 12 of 12\n")
