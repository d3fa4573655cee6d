"""Lorebook files of every format are read, mended, refused and written."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from core import png
from core.errors import Invalid
from lore.formats import (
    FORMATS,
    book_from_character_book,
    read_book,
    to_agnai,
    to_character_book,
    to_character_book_v2,
    to_lorebook_v3,
    to_novelai,
    to_risu,
    to_sillytavern,
    write_book,
)
from lore.values import Book, CharacterFilter, Entry, Logic, Position, Role
from tests.lore.books import (
    AGNAI,
    NOVELAI,
    RISU,
    ST,
    ST_EXTENSIONS,
    STANDALONE,
    V3,
    V3_ENTRY,
    as_json,
    in_png,
    st_book,
    v3_book,
)

CARDS = Path(__file__).resolve().parents[3] / "shared" / "cards"


def entry_of(data: bytes) -> Entry:
    (entry,) = read_book(data).book.entries
    return entry


def said(entry: Entry) -> dict[str, Any]:
    """What an entry has other than a new one, without what is kept for export."""
    new = asdict(Entry(uid=0))
    found = asdict(entry)
    return {k: v for k, v in found.items() if v != new[k] and k not in ("uid", "unknown")}


def test_sillytavern_says_every_field():
    book = read_book(as_json(ST)).book

    assert (book.name, book.form, book.extensions) == ("World", "sillytavern", {"x": 1})
    assert book.entries[0].uid == 3
    assert said(book.entries[0]) == {
        "keys": ("magic", "/mana\\d+/i"),
        "secondary_keys": ("spell",),
        "comment": "Magic",
        "content": "Magic is real.",
        "enabled": False,
        "constant": True,
        "vectorized": True,
        "selective": False,
        "selective_logic": Logic.AND_ALL,
        "order": 7,
        "position": Position.AT_DEPTH,
        "depth": 2,
        "role": Role.ASSISTANT,
        "outlet_name": "door",
        "scan_depth": 9,
        "case_sensitive": True,
        "match_whole_words": False,
        "ignore_budget": True,
        "exclude_recursion": True,
        "prevent_recursion": True,
        "delay_until_recursion": 2,
        "probability": 40,
        "use_probability": False,
        "group": "a,b",
        "group_override": True,
        "group_weight": 5,
        "use_group_scoring": True,
        "sticky": 1,
        "cooldown": 2,
        "delay": 3,
        "match_persona_description": True,
        "match_character_description": True,
        "match_character_personality": True,
        "match_character_depth_prompt": True,
        "match_scenario": True,
        "match_creator_notes": True,
        "character_filter": CharacterFilter(is_exclude=True, names=("Ada",), tags=("t",)),
        "triggers": ("normal", "swipe"),
        "automation_id": "auto",
        "add_memo": True,
        "display_index": 11,
    }


def test_sillytavern_entry_without_fields_is_a_new_one():
    assert entry_of(st_book()) == Entry(uid=0, unknown=entry_of(st_book()).unknown)


def test_card_with_sillytavern_extensions_follows_its_rules():
    data = v3_book(keys=["a"], use_regex=True, position="before_char", extensions=ST_EXTENSIONS)

    assert said(entry_of(data)) == {
        "keys": ("a",),
        "selective": False,
        "position": Position.AT_DEPTH,
        "exclude_recursion": True,
        "delay_until_recursion": 1,
        "display_index": 2,
        "depth": 3,
        "selective_logic": Logic.NOT_ANY,
    }


def test_version_3_says_every_field():
    book = read_book(as_json(V3)).book

    assert replace(book, entries=(), unknown={}) == Book(
        name="World",
        description="All of it",
        scan_depth=6,
        token_budget=700,
        recursive_scanning=False,
        extensions={"deep": {"er": 1}},
        form="character_book",
    )
    assert said(book.entries[0]) == {
        "keys": ("^ma.ic$",),
        "name": "Magic",
        "content": "@@depth 3\n\nMagic is real.",
        "constant": True,
        "selective": False,
        "use_regex": True,
        "order": 5,
        "priority": 4,
        "case_sensitive": True,
    }


@pytest.mark.parametrize(
    ("fields", "is_pattern"),
    [
        ({"use_regex": True}, True),
        ({"use_regex": True, "extensions": {"risu_case_sensitive": False}}, True),
        ({"use_regex": True, "extensions": {"sticky": None}}, False),
        ({"use_regex": True, "extensions": {"depth": 4, "reverie": {"use_regex": True}}}, True),
        ({"use_regex": False, "extensions": {"reverie": {"use_regex": True}}}, False),
        ({}, False),
    ],
)
def test_use_regex_counts_under_version_3_rules(fields, is_pattern):
    assert entry_of(v3_book(keys=["a"], **fields)).use_regex is is_pattern


@pytest.mark.parametrize(
    ("fields", "position"),
    [
        ({}, Position.AFTER_CHARACTER),
        ({"position": ""}, Position.AFTER_CHARACTER),
        ({"position": "before_char"}, Position.BEFORE_CHARACTER),
        ({"position": "before_char_defs"}, Position.BEFORE_CHARACTER),
        ({"position": "after_char"}, Position.AFTER_CHARACTER),
        ({"position": "after_char", "extensions": {"position": 0}}, Position.BEFORE_CHARACTER),
        ({"position": "before_char", "extensions": {"position": 7}}, Position.OUTLET),
        ({"position": "before_char", "extensions": {"position": 9}}, Position.BEFORE_CHARACTER),
    ],
)
def test_extension_position_wins(fields, position):
    assert entry_of(v3_book(**fields)).position is position


def test_missing_selective_is_off_in_a_card_and_on_in_a_world():
    assert entry_of(v3_book(keys=["a"])).selective is False
    assert entry_of(st_book(key=["a"])).selective is True


def test_agnai_is_read():
    book = read_book(as_json(AGNAI)).book

    assert (book.name, book.description, book.form) == ("World", "All of it", "agnai")
    assert said(book.entries[0]) == {
        "keys": ("tea", r"/\bdrink\w*/i", r"/\bc\wp\b/i"),
        "name": "Drinks",
        "content": "Tea is served.",
        "enabled": False,
        "selective": False,
        "order": 3,
        "priority": 8,
        "case_sensitive": False,
        "match_whole_words": True,
    }


def test_risu_is_read():
    first, second = read_book(as_json(RISU)).book.entries

    assert said(first) == {
        "keys": ("tea", "coffee"),
        "secondary_keys": ("hot",),
        "comment": "Drinks",
        "content": "Tea is served.",
        "order": 50,
        "probability": 30,
        "case_sensitive": True,
    }
    assert said(second) == {
        "keys": ("/a,b/i", "/c/"),
        "content": "x",
        "constant": True,
        "selective": False,
    }


def test_novelai_is_read():
    assert said(read_book(as_json(NOVELAI)).book.entries[0]) == {
        "keys": ("tea", "/coff?ee/i"),
        "name": "Drinks",
        "content": "Tea is served.",
        "constant": True,
        "selective": False,
        "order": 400,
    }


def test_novelai_says_what_it_cannot_do():
    changed = {
        **NOVELAI,
        "entries": [{**NOVELAI["entries"][0], "keys": ["a & b"]}],
        "categories": [{"enabled": False}],
    }

    assert read_book(as_json(changed)).notes == [
        "Keys that join words with `&` were kept, but mean nothing here.",
        "A category is switched off in NovelAI; its entries stay on here.",
    ]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (ST, "sillytavern"),
        (V3, "character_book"),
        (STANDALONE, "lorebook_v3"),
        (AGNAI, "agnai"),
        (RISU, "risu"),
        (NOVELAI, "novelai"),
        ({"entries": {}}, "sillytavern"),
        ({"entries": []}, "character_book"),
    ],
)
def test_same_format_is_given_back_equal(value, form):
    found = read_book(as_json(value))

    assert found.notes == []
    assert found.book.form == form
    assert json.loads(write_book(found.book, form)) == value
    assert read_book(write_book(found.book, form)) == found


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (ST, ("entries", "3", "content")),
        (V3, ("entries", 0, "content")),
        (STANDALONE, ("data", "entries", 0, "content")),
        (AGNAI, ("entries", 0, "entry")),
        (RISU, ("data", 0, "content")),
        (NOVELAI, ("entries", 0, "text")),
    ],
)
def test_edit_changes_nothing_beside_it(value, content):
    book = read_book(as_json(value)).book
    first = replace(book.entries[0], content="New", enabled=True)
    off = replace(book.entries[0], content="New", enabled=False)

    on_out, off_out = (
        json.loads(write_book(replace(book, entries=(one, *book.entries[1:])), book.form))
        for one in (first, off)
    )

    for out, one in ((on_out, first), (off_out, off)):
        again = read_book(as_json(out)).book
        assert said(again.entries[0]) == said(one)
        assert again.entries[1:] == book.entries[1:]
    same = json.loads(as_json(value))
    *path, last = content
    where = on_out if book.entries[0].enabled else off_out
    place = same
    for step in path:
        place = place[step]
    place[last] = "New"
    assert where == same


def test_edit_wins_over_a_kept_spelling():
    data = v3_book(
        keys=["a"],
        use_regex=True,
        position="before_char",
        extensions={"position": 4, "delay_until_recursion": True, "x": 1},
    )
    book = read_book(data).book
    edited = replace(book.entries[0], position=Position.AFTER_CHARACTER, delay_until_recursion=0)

    (out,) = to_character_book(replace(book, entries=(edited,)))["entries"]

    assert out["extensions"] == {"x": 1}
    assert (out["position"], out["use_regex"]) == ("after_char", False)
    assert said(entry_of(v3_book(**out))) == said(edited)


def test_edit_wins_over_a_mode_of_risu():
    book = read_book(as_json(RISU)).book
    edited = replace(book.entries[1], constant=False)

    out = to_risu(replace(book, entries=(edited,)))["data"][0]

    assert read_book(as_json({"type": "risu", "data": [out]})).book.entries[0].constant is False


@pytest.mark.parametrize(
    "value",
    [
        {"spec": "chara_card_v2", "data": {"name": "A", "character_book": V3}},
        {"spec": "chara_card_v3", "name": "A", "data": {"name": "A", "character_book": V3}},
        {"name": "A", "description": "", "character_book": V3},
    ],
)
def test_book_of_a_card_is_read(value):
    assert read_book(as_json(value)) == read_book(as_json(V3))
    assert read_book(in_png(value, "ccv3")) == read_book(as_json(V3))


def test_novelai_picture_is_read():
    assert read_book(in_png(NOVELAI, "naidata")) == read_book(as_json(NOVELAI))


def test_book_is_called_after_its_file_and_does_not_say_so():
    book = read_book(st_book(key=["a"]), "dir\\Old Town.json").book

    assert book.name == "Old Town"
    assert "name" not in to_sillytavern(book)
    assert to_character_book(book)["name"] == "Old Town"
    assert to_sillytavern(replace(book, name="New"))["name"] == "New"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "lorebook_not_readable"),
        (b"hello", "lorebook_not_readable"),
        (b"PK\x03\x04", "lorebook_not_readable"),
        (b"\x89PNG\r\n\x1a\n", "not_a_lorebook"),
        (b"{", "lorebook_damaged"),
        (b"[1]", "not_a_lorebook"),
        (b"{}", "not_a_lorebook"),
        (b'{"entries": 5}', "not_a_lorebook"),
        (b'{"type": "risu", "data": {}}', "not_a_lorebook"),
        (b'{"spec": "chara_card_v2", "data": {"name": "A"}}', "not_a_lorebook"),
        (b'{"chat_metadata": {}}', "not_a_lorebook"),
        (b'{"entries": [' + b"{}," * 20_000 + b"{}]}", "lorebook_too_large"),
        (b'{"entries": [], "x": ' + b"[" * 101 + b"]" * 101 + b"}", "lorebook_too_complex"),
        (b'{"entries": [' + b"0," * 4_000_001 + b"]}", "lorebook_too_complex"),
        (as_json({"entries": [{str(n): n for n in range(1_001)}]}), "lorebook_too_complex"),
        (b" " * (24 * 2**20 + 1), "lorebook_too_large"),
    ],
)
def test_what_is_no_lorebook_is_refused(data, code):
    with pytest.raises(Invalid) as raised:
        read_book(data)

    assert (raised.value.code, raised.value.param) == (code, "file")


def test_damaged_picture_is_refused():
    whole = in_png(NOVELAI, "naidata")
    damaged = png.with_texts(whole, {"naidata": b"AAAAA"})

    with pytest.raises(Invalid) as raised:
        read_book(damaged)

    assert raised.value.code == "lorebook_damaged"


@pytest.mark.parametrize(
    ("fields", "name", "mended", "note"),
    [
        ({"key": "a, b"}, "keys", ("a", "b"), "`key` was one text and was split at its commas."),
        ({"key": 5}, "keys", (), "`key` was no list and was left out."),
        (
            {"key": ["a", None, {}]},
            "keys",
            ("a",),
            "`key` held things that are no texts; they were left out.",
        ),
        ({"key": [5]}, "keys", ("5",), "`key` held numbers; they became texts."),
        ({"content": 5}, "content", "5", "`content` was a number and became a text."),
        ({"content": []}, "content", "", "`content` was no text and was left out."),
        ({"order": "12"}, "order", 12, "`order` was no whole number and became one."),
        ({"order": 1.5}, "order", 1, "`order` was no whole number and became one."),
        ({"order": True}, "order", 100, "`order` was no number and was left out."),
        ({"order": "x"}, "order", 100, "`order` was no number and was left out."),
        ({"depth": -1}, "depth", 0, "`depth` was not from 0 to 1000 and was moved there."),
        (
            {"probability": 1e300},
            "probability",
            100,
            "`probability` was not from 0 to 100 and was moved there.",
        ),
        (
            {"position": 8},
            "position",
            Position.BEFORE_CHARACTER,
            "`position` was none of the known choices and was left out.",
        ),
        ({"role": "2"}, "role", Role.ASSISTANT, "`role` was a number written as a text."),
        (
            {"constant": "yes"},
            "constant",
            False,
            "`constant` was neither true nor false and was left out.",
        ),
        ({"disable": 1}, "enabled", False, "`disable` was true or false in an odd spelling."),
        (
            {"characterFilter": []},
            "character_filter",
            CharacterFilter(),
            "`characterFilter` was no object and was left out.",
        ),
        (
            {"characterFilter": {"names": "Ada"}},
            "character_filter",
            CharacterFilter(names=("Ada",)),
            "`characterFilter.names` was one text and was split at its commas.",
        ),
    ],
)
def test_wrong_field_is_mended_once_and_for_all(fields, name, mended, note):
    found = read_book(st_book(**fields))

    assert getattr(found.book.entries[0], name) == mended
    assert found.notes == [note]
    assert read_book(write_book(found.book, "sillytavern")) == type(found)(found.book, [])


@pytest.mark.parametrize(
    ("fields", "name", "length"),
    [
        ({"key": ["a" * 4_001]}, "keys", 1),
        ({"key": ["a"] * 1_001}, "keys", 1_000),
        ({"content": "a" * 500_001}, "content", 500_000),
        ({"comment": "a" * 20_001}, "comment", 20_000),
        ({"group": "a" * 2_001}, "group", 2_000),
    ],
)
def test_what_is_too_long_is_cut(fields, name, length):
    found = read_book(st_book(**fields))

    assert len(getattr(found.book.entries[0], name)) == length
    assert len(found.notes) == 1
    assert all(len(key) <= 4_000 for key in found.book.entries[0].keys)


def test_same_fault_in_many_entries_makes_one_note():
    data = as_json({"entries": {str(n): {"uid": n, "order": "x"} for n in range(3)}})

    assert read_book(data).notes == ["`order` was no number and was left out. (3 times)"]


def test_nul_and_halves_of_characters_are_cleaned():
    found = read_book(rb'{"entries": {"0": {"key": ["a\u0000b"], "content": "\ud83d"}}}')

    assert found.book.entries[0].keys == ("ab",)
    assert found.book.entries[0].content == "\ufffd"
    assert found.notes == ["Some characters were cut in half and were replaced."]


@pytest.mark.parametrize(
    ("entries", "uids", "notes"),
    [
        ({"7": {}, "x": {}}, [7, 1], []),
        ({"1": {"uid": 4}, "2": {}}, [4, 2], []),
        (
            {"0": {"uid": 1}, "1": {"uid": 1}},
            [1, 2],
            ["`uid` was used by two entries; the later one got a new number."],
        ),
        (
            {"0": {}, "1": 5},
            [0],
            ["`entries` held things that are no entries; they were left out."],
        ),
        (
            [{"key": []}, {"uid": 0}],
            [2, 0],
            ["`entries` was no object; its entries were numbered."],
        ),
    ],
)
def test_every_entry_has_a_number_of_its_own(entries, uids, notes):
    found = read_book(as_json({"entries": entries}))

    assert [entry.uid for entry in found.book.entries] == uids
    assert found.notes == notes
    again = read_book(write_book(found.book, "sillytavern")).book
    assert [entry.uid for entry in again.entries] == uids


def test_character_book_entries_in_an_object_are_read():
    found = read_book(as_json({"entries": {"0": {"keys": ["a"]}}}))

    assert found.book.entries[0].keys == ("a",)
    assert found.notes == ["`entries` was an object and became a list of its values."]


def test_book_from_character_book_notes_what_it_mended():
    notes = ["before"]

    book = book_from_character_book({"entries": None}, notes)

    assert book.entries == ()
    assert notes == ["before", "`entries` was no list and is empty now."]


def test_version_2_has_no_decorators_and_no_text_ids():
    (entry,) = to_character_book_v2(read_book(as_json(V3)).book)["entries"]

    left_out = {"use_regex", "id", "content"}
    assert entry == {
        **{k: v for k, v in V3_ENTRY.items() if k not in left_out},
        "content": "Magic is real.",
    }


@pytest.mark.parametrize(
    ("content", "without"),
    [
        ("plain", "plain"),
        ("\nplain", "\nplain"),
        ("@@depth 1\nplain", "plain"),
        ("@@depth 1\n\n@@@role user\n \n\nplain\n@@kept", "plain\n@@kept"),
        ("@@depth 1", ""),
        ("@mail", "@mail"),
    ],
)
def test_decorators_are_dropped_from_the_top(content, without):
    book = Book(entries=(Entry(uid=0, content=content),))

    assert to_character_book_v2(book)["entries"][0]["content"] == without


NATIVE = Entry(
    uid=1,
    keys=("a/b", "c, d"),
    secondary_keys=("e",),
    name="Title",
    content="Text",
    enabled=False,
    constant=True,
    order=9,
    priority=2,
    position=Position.AT_DEPTH,
    sticky=3,
    probability=50,
    case_sensitive=True,
    add_memo=True,
    character_filter=CharacterFilter(names=("Ada",)),
)


def test_native_entry_as_a_character_book():
    (entry,) = to_character_book(Book(entries=(NATIVE,)))["entries"]

    assert entry == {
        "id": 1,
        "keys": ["a/b", "c, d"],
        "secondary_keys": ["e"],
        "comment": "",
        "content": "Text",
        "constant": True,
        "selective": True,
        "insertion_order": 9,
        "enabled": False,
        "position": "after_char",
        "use_regex": False,
        "extensions": {
            "position": 4,
            "probability": 50,
            "risu_activationPercent": 50,
            "case_sensitive": True,
            "sticky": 3,
            "add_memo": True,
            "character_filter": {"isExclude": False, "names": ["Ada"], "tags": []},
        },
        "name": "Title",
        "priority": 2,
        "case_sensitive": True,
    }


@pytest.mark.parametrize("is_pattern", [False, True])
def test_character_book_holds_every_field_of_ours(is_pattern):
    book = Book(name="B", entries=(replace(NATIVE, use_regex=is_pattern),))

    again = read_book(as_json(to_lorebook_v3(book))).book

    assert [replace(entry, unknown={}) for entry in again.entries] == list(book.entries)


def test_patterns_of_version_3_become_sillytavern_ones():
    entry = replace(NATIVE, keys=("a/b", r"\/x", "/y/i"), use_regex=True)

    (out,) = to_sillytavern(Book(entries=(entry,)))["entries"].values()

    assert out["key"] == [r"/a\/b/", r"/\/x/", "/y/i"]
    assert (out["comment"], out["constant"], out["selective"]) == ("Title", False, False)


def test_native_entry_as_agnai():
    assert to_agnai(Book(name="B", entries=(NATIVE,))) == {
        "kind": "memory",
        "name": "B",
        "description": "",
        "entries": [
            {
                "name": "Title",
                "entry": "Text",
                "keywords": ["a/b", "c, d"],
                "priority": 2,
                "weight": 9,
                "enabled": False,
                "secondaryKeys": ["e"],
                "constant": True,
                "selective": True,
            }
        ],
    }


def test_native_entry_as_risu():
    assert to_risu(Book(name="B", entries=(NATIVE,))) == {
        "type": "risu",
        "ver": 1,
        "name": "B",
        "data": [
            {
                "key": r"/a\/b/, /c, d/",
                "secondkey": "/e/",
                "insertorder": 9,
                "comment": "Title",
                "content": "@@dont_activate\nText",
                "mode": "normal",
                "alwaysActive": True,
                "selective": True,
                "extentions": {"risu_case_sensitive": True},
                "activationPercent": 50,
                "useRegex": True,
            }
        ],
    }


def test_native_entry_as_novelai():
    (entry,) = to_novelai(Book(name="B", entries=(NATIVE,)))["entries"]

    said_there = ("text", "displayName", "keys", "enabled", "forceActivation", "contextConfig")
    assert {k: entry[k] for k in said_there} == {
        "text": "Text",
        "displayName": "Title",
        "keys": ["a/b", "c, d"],
        "enabled": False,
        "forceActivation": True,
        "contextConfig": {
            "prefix": "",
            "suffix": "\n",
            "tokenBudget": 2048,
            "reservedTokens": 0,
            "trimDirection": "trimBottom",
            "insertionType": "newline",
            "maximumTrimType": "sentence",
            "insertionPosition": -1,
            "budgetPriority": 9,
        },
    }


def test_unknown_format_is_refused():
    with pytest.raises(Invalid) as raised:
        write_book(Book(), "docx")

    assert (raised.value.code, raised.value.param) == ("unknown_lorebook_format", "format")


@pytest.mark.skipif(not CARDS.is_dir(), reason="no collection of cards here")
def test_collected_lorebooks_come_back_equal():
    for path in sorted(CARDS.glob("*")):
        data = path.read_bytes()
        try:
            found = read_book(data)
        except Invalid:
            continue
        assert json.loads(write_book(found.book, found.book.form)) == _book_in(data), path.name
        for form in FORMATS:
            other = read_book(write_book(found.book, form))
            assert len(other.book.entries) == len(found.book.entries)
            assert read_book(write_book(other.book, other.book.form)).book == other.book


def _book_in(data: bytes) -> Any:
    if png.is_png(data):
        texts = png.texts(data)
        data = base64.b64decode(texts.get("ccv3") or texts["chara"])
    root = json.loads(data)
    return root["data"]["character_book"] if "data" in root else root
