"""What a SillyTavern folder holds is found, in order, and nothing outside of it."""

import json

import pytest

from chats.files.folder import (
    Character,
    Chat,
    Group,
    Persona,
    SettingsFound,
    Skipped,
    World,
    find_data,
    scan,
)
from chats.files.settings import Settings
from core.errors import Invalid
from personas.backup import PersonaFile

GROUP = {
    "id": 17,
    "name": "Crew",
    "members": ["Luna.png", "Sol.png", 5.5],
    "chats": ["g1", "gone", "g2"],
    "chat_id": "g2",
    "chat_metadata": {"note_prompt": "x"},
    "past_metadata": {"g1": {"note_prompt": "y"}, "g9": None},
}


def put(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def fill(root):
    for name in (
        "worlds/Old Town.json", "worlds/readme.txt", "characters/Luna.png", "characters/Sol.JSON",
        "characters/.hidden.png", "characters/Luna/joy.png", "chats/Luna/Luna - 1.jsonl",
        "chats/Luna/Luna - 2.jsonl", "chats/Luna/notes.txt", "chats/Gone/Gone.jsonl",
        "chats/stray.jsonl", "group chats/g1.jsonl", "group chats/g2.jsonl",
        "group chats/orphan.jsonl", "User Avatars/a.png", "secrets.json", "backups/chat_luna.jsonl",
    ):  # fmt: skip
        put(root / name)
    put(root / "groups/17.json", GROUP)
    personas = {"a.png": "Ana", "../secrets.json": "Eve", "none.png": "Bo"}
    put(root / "settings.json", {"username": "Ana", "power_user": {"personas": personas}})
    return root


def expected(root):
    chats = root / "chats"
    return [
        World(path=root / "worlds/Old Town.json", name="Old Town"),
        Character(path=root / "characters/Luna.png", name="Luna"),
        Character(path=root / "characters/Sol.JSON", name="Sol"),
        Persona(persona=PersonaFile(key="a.png", name="Ana"), picture=root / "User Avatars/a.png"),
        Persona(persona=PersonaFile(key="../secrets.json", name="Eve"), picture=None),
        Persona(persona=PersonaFile(key="none.png", name="Bo"), picture=None),
        SettingsFound(path=root / "settings.json", settings=Settings(username="Ana")),
        Group(
            path=root / "groups/17.json",
            uid="17",
            name="Crew",
            members=("Luna", "Sol"),
            chats=("g1", "gone", "g2"),
            metadata={"g1": {"note_prompt": "y"}, "g2": {"note_prompt": "x"}},
        ),
        Chat(path=root / "group chats/g1.jsonl", title="g1", group="17"),
        Chat(path=root / "group chats/g2.jsonl", title="g2", group="17"),
        Chat(path=root / "group chats/orphan.jsonl", title="orphan"),
        Chat(path=chats / "Gone/Gone.jsonl", title="Gone", character="Gone"),
        Chat(path=chats / "Luna/Luna - 1.jsonl", title="Luna - 1", character="Luna"),
        Chat(path=chats / "Luna/Luna - 2.jsonl", title="Luna - 2", character="Luna"),
    ]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (".", "."),
        ("data/default-user", "."),
        ("data/default-user", "data"),
        ("SillyTavern/data/default-user", "."),
        ("public", "."),
        ("SillyTavern/public", "."),
    ],
)
def test_folder_is_found_and_listed_in_order(tmp_path, data, named):
    root = fill(tmp_path / data)
    (tmp_path / "plugins").mkdir()

    assert find_data(tmp_path / named) == [root]
    assert list(scan(root)) == expected(root)


def test_several_users_are_told_apart(tmp_path):
    users = [fill(tmp_path / "data" / name) for name in ("ana", "bo")]
    put(tmp_path / "data/_storage/x.json")

    assert find_data(tmp_path) == users


@pytest.mark.parametrize("name", [".", "empty", "missing", "file.txt"])
def test_folder_without_data_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    put(tmp_path / "file.txt")

    with pytest.raises(Invalid) as caught:
        find_data(tmp_path / name)

    assert (caught.value.code, caught.value.param) == ("no_folder", "folder")


def test_empty_folder_holds_nothing(tmp_path):
    assert list(scan(tmp_path)) == []


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    root = tmp_path / "root"
    outside = put(tmp_path / "outside/secret.json", {"power_user": {"personas": {"a.png": "Eve"}}})
    inside = put(root / "worlds/real.json")
    (root / "worlds/linked.json").symlink_to(outside)
    (root / "worlds/circle.json").symlink_to(root / "worlds/circle.json")
    (root / "worlds/again.json").symlink_to(inside)
    (root / "characters").symlink_to(outside.parent)
    (root / "chats").mkdir()
    (root / "chats/Luna").symlink_to(outside.parent)
    (root / "settings.json").symlink_to(outside)
    put(root / "User Avatars/x.png")

    reason = "It is a link that leads nowhere or out of the folder."
    assert list(scan(root)) == [
        World(path=root / "worlds/again.json", name="again"),
        World(path=root / "worlds/real.json", name="real"),
        Skipped(path=root / "worlds/circle.json", reason=reason),
        Skipped(path=root / "worlds/linked.json", reason=reason),
        Skipped(path=root / "settings.json", reason=reason),
        Skipped(path=root / "characters", reason=reason),
        Skipped(path=root / "chats/Luna", reason=reason),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "The file is not valid JSON: unexpected end of data at line 1."),
        (b"[]", "It holds no JSON object."),
        (b"[" * 4_200_000, "It is too large."),
    ],
)
def test_unreadable_group_is_passed_over(tmp_path, content, reason):
    path = put(tmp_path / "groups/1.json", content)
    chat = put(tmp_path / "group chats/g1.jsonl")

    assert list(scan(tmp_path)) == [
        Chat(path=chat, title="g1"),
        Skipped(path=path, reason=reason),
    ]


def test_too_many_personas_leave_the_rest(tmp_path):
    personas = dict.fromkeys(map(str, range(10_001)), "x")
    path = put(tmp_path / "settings.json", {"power_user": {"personas": personas}})

    assert list(scan(tmp_path)) == [
        SettingsFound(path=path, settings=Settings()),
        Skipped(path=path, reason="There are more than 10000 personas."),
    ]
