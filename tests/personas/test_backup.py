"""Persona backups: read, written and read again as they were."""

import base64
import json
import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.png import with_texts
from personas import backup
from personas.backup import PersonaFile, Position, read_personas, write_personas
from tests.characters.build import picture

BACKUP = {
    "personas": {"a.png": "Ana", "b.png": "Bo"},
    "persona_descriptions": {
        "a.png": {
            "description": "A pilot.",
            "position": 4,
            "depth": 3,
            "role": 1,
            "lorebook": "Skies",
            "title": "at work",
            "connections": [{"type": "character", "id": "Luna.png"}],
            "made_up": [1],
        },
        "c.png": {"description": "Nobody."},
    },
    "default_persona": "b.png",
}


def read(root):
    return read_personas(json.dumps(root).encode())


def risu(root):
    text = root if isinstance(root, bytes) else base64.b64encode(json.dumps(root).encode())
    return with_texts(picture(), {"persona": text})


def refused(data):
    with pytest.raises(Invalid) as caught:
        read_personas(data)
    return caught.value.code


def test_backup_is_read_whole():
    assert read(BACKUP) == [
        PersonaFile(
            key="a.png",
            name="Ana",
            title="at work",
            description="A pilot.",
            position=Position.AT_DEPTH,
            depth=3,
            role=1,
            lorebook="Skies",
            connections=({"type": "character", "id": "Luna.png"},),
            unknown={"made_up": [1]},
        ),
        PersonaFile(key="b.png", name="Bo", is_default=True),
        PersonaFile(key="c.png", name="c", description="Nobody."),
    ]


def test_settings_are_read_as_a_backup():
    assert read({"username": "x", "power_user": BACKUP}) == read(BACKUP)


@pytest.mark.parametrize(
    ("about", "same"),
    [
        ("A pilot.", {"description": "A pilot."}),
        (None, {}),
        ([], {}),
        ({"position": "9"}, {"position": Position.NOWHERE}),
        ({"position": 5}, {"unknown": {"position": 5}}),
        ({"position": None, "depth": None, "role": None}, {}),
        ({"depth": -1, "role": 3}, {}),
        ({"depth": True, "role": "2"}, {"role": 2}),
        ({"connections": {"a": 1}, "lorebook": None, "title": 4, "description": []}, {}),
        ({"connections": [4, {"type": "group", "id": "1"}]},
         {"connections": ({"type": "group", "id": "1"},)}),
    ],
)  # fmt: skip
def test_odd_values_are_mended(about, same):
    (persona,) = read({"personas": {"a.png": "Ana"}, "persona_descriptions": {"a.png": about}})

    assert persona == PersonaFile(key="a.png", name="Ana", **same)
    assert read_personas(write_personas([persona])) == [persona]


@pytest.mark.parametrize(
    ("key", "name", "found"),
    [("a.png", "", "a"), ("a.png", None, "a"), ("", 5, "Unnamed"), ("x", "n" * 300, "n" * 200)],
)
def test_name_is_never_blank_or_endless(key, name, found):
    assert read({"personas": {key: name}})[0].name == found


@pytest.mark.parametrize(
    ("root", "filename", "persona"),
    [
        (
            {"name": "Ana", "personaPrompt": "A pilot.", "note": "at work", "more": 1},
            "x.png",
            PersonaFile(name="Ana", description="A pilot.", title="at work", unknown={"more": 1}),
        ),
        ({"personaPrompt": 5}, "me/Ana.png", PersonaFile(name="Ana")),
        ({}, "", PersonaFile(name="Unnamed")),
    ],
)
def test_risu_picture_is_read(root, filename, persona):
    assert read_personas(risu(root), filename) == [persona]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_persona"),
        (b"hello", "no_persona"),
        (b"[]", "no_persona"),
        (b'{"personas": []}', "no_persona"),
        (b'{"persona_descriptions": {}}', "no_persona"),
        (b'{"personas": ', "persona_damaged"),
        (b"[" * 200 + b"]" * 200, "persona_too_complex"),
        (picture(), "no_persona"),
        (risu(b"A"), "persona_damaged"),
        (risu([]), "persona_damaged"),
        (b"{" + b" " * backup.FILE_BYTES_MOST, "persona_too_large"),
        (orjson.dumps({"personas": dict.fromkeys(map(str, range(10_001)))}), "persona_too_large"),
    ],
)
def test_what_holds_no_personas_is_refused(data, code):
    assert refused(data) == code


def test_written_backup_is_the_one_that_was_read():
    written = orjson.loads(write_personas(read(BACKUP)))

    assert written["personas"] == {**BACKUP["personas"], "c.png": "c"}
    assert written["default_persona"] == "b.png"
    assert written["persona_descriptions"]["a.png"] == BACKUP["persona_descriptions"]["a.png"]
    assert written["persona_descriptions"]["b.png"] == {
        "description": "",
        "position": 0,
        "depth": 2,
        "role": 0,
        "lorebook": "",
        "title": "",
        "connections": [],
    }


def test_personas_without_a_key_get_one_of_their_own():
    names = ["Ana", "Ana", "../Ana", "...", "Ana"]
    personas = [*(PersonaFile(name=name) for name in names), PersonaFile(key="Ana.png", name="Bo")]

    assert list(orjson.loads(write_personas(personas))["personas"]) == [
        "Ana.png", "Ana 2.png", "-Ana.png", "persona.png", "Ana 3.png", "Bo 2.png",
    ]  # fmt: skip


def test_no_personas_are_a_backup_too():
    assert read_personas(write_personas([])) == []


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10)
UNKNOWN = st.dictionaries(
    TEXTS.map("x_{}".format), st.none() | TEXTS | st.integers(0, 9), max_size=2
)
PERSONAS = st.builds(
    PersonaFile,
    key=TEXTS.filter(bool),
    name=TEXTS.filter(bool),
    title=TEXTS,
    description=TEXTS,
    position=st.sampled_from(Position),
    depth=st.integers(0, 99),
    role=st.integers(0, 2),
    lorebook=TEXTS,
    connections=st.lists(UNKNOWN, max_size=2).map(tuple),
    unknown=UNKNOWN,
)


@given(st.lists(PERSONAS, max_size=4, unique_by=lambda persona: persona.key))
def test_written_personas_are_read_as_they_were(personas):
    assert read_personas(write_personas(personas)) == personas


@pytest.mark.parametrize("seed", [json.dumps(BACKUP).encode(), risu({"name": "Ana"})])
def test_damaged_files_are_read_or_refused(seed):
    chance = random.Random(7)
    codes = set()
    for _ in range(1000):
        at = chance.randrange(len(seed))
        new = chance.choice([b"", b"[", b"null", b"5", b'"', b"\x00", b"\xff", b"\\ud800"])
        try:
            personas = read_personas(seed[:at] + new + seed[at + chance.choice([0, 1, 5]) :])
            assert len(read_personas(write_personas(personas))) == len(personas)
            codes.add("")
        except Invalid as error:
            codes.add(error.code)

    assert {"", "persona_damaged"} <= codes
