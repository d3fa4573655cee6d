"""What holds for every lorebook: nothing is lost on the way out and in, nothing crashes."""

import json
import random
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import Invalid
from lore.formats import FORMATS, patterns, read_book, write_book
from lore.formats.keeping import difference, restored
from lore.values import Book, CharacterFilter, Entry, Logic, Position, Role
from tests.lore.books import (
    AGNAI,
    NOVELAI,
    RISU,
    ST,
    ST_ENTRY,
    ST_EXTENSIONS,
    STANDALONE,
    V3,
    V3_ENTRY,
    as_json,
    in_png,
)

FUZZ_SECONDS = 3  # for each file, at most
MUTATIONS = 350  # for each file

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
texts = st.lists(text, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
flags = st.booleans() | st.none()
wholes = st.integers(0, 100)
spans = wholes | st.none()

st_fields: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys([name for name, v in ST_ENTRY.items() if isinstance(v, bool)], flags),
    **dict.fromkeys(["scanDepth", "sticky", "cooldown", "delay", "displayIndex"], spans),
    **dict.fromkeys(["comment", "content", "group", "automationId", "outletName"], text),
    **dict.fromkeys(["key", "keysecondary", "triggers"], texts),
    **dict.fromkeys(["order", "probability", "depth", "groupWeight"], spans),
    "delayUntilRecursion": st.booleans() | wholes,
    "position": st.integers(0, 7),
    "selectiveLogic": st.integers(0, 3),
    "role": st.integers(0, 2) | st.none(),
    "characterFilter": st.fixed_dictionaries(
        {"isExclude": st.booleans(), "names": texts, "tags": texts}
    ),
    "unknown thing": json_values,
}
st_entries = st.fixed_dictionaries({}, optional=st_fields)
st_books = st.fixed_dictionaries(
    {
        "entries": st.dictionaries(st.integers(0, 99), st_entries, max_size=4).map(
            lambda found: {str(uid): {"uid": uid, **entry} for uid, entry in found.items()}
        )
    },
    optional={"name": text, "extensions": st.dictionaries(text, json_values), "odd": json_values},
)
extensions = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["exclude_recursion", "useProbability", "case_sensitive"], flags),
        **dict.fromkeys(["probability", "sticky", "scan_depth", "display_index"], spans),
        "delay_until_recursion": st.booleans() | wholes,
        "position": st.integers(0, 7) | st.none(),
        "selectiveLogic": st.integers(0, 3),
        "risu_activationPercent": wholes,
        "reverie": st.fixed_dictionaries({}, optional={"use_regex": st.booleans(), "x": text}),
        "unknown thing": json_values,
    },
)
v3_entries = st.fixed_dictionaries(
    {"keys": texts, "content": text, "extensions": extensions},
    optional={
        **dict.fromkeys(["enabled", "constant", "selective", "use_regex"], st.booleans()),
        **dict.fromkeys(["name", "comment"], text),
        **dict.fromkeys(["insertion_order", "priority"], spans),
        "case_sensitive": flags,
        "position": st.sampled_from(["before_char", "after_char", "", "before_char_defs"]),
        "secondary_keys": texts,
        "id": st.text("abc", min_size=1),
        "unknown thing": json_values,
    },
)
v3_books = st.fixed_dictionaries(
    {"entries": st.lists(v3_entries, max_size=4)},
    optional={
        **dict.fromkeys(["name", "description"], text),
        **dict.fromkeys(["scan_depth", "token_budget"], spans),
        "recursive_scanning": flags,
        "extensions": st.dictionaries(text, json_values, max_size=2),
        "unknown thing": json_values,
    },
)
native_entries = st.builds(
    Entry,
    uid=st.integers(0, 10**6),
    keys=texts.map(tuple),
    secondary_keys=texts.map(tuple),
    **dict.fromkeys(["name", "comment", "content", "outlet_name", "group"], text),
    **dict.fromkeys(
        ["enabled", "constant", "selective", "use_regex", "group_override", "use_probability"],
        st.booleans(),
    ),
    **dict.fromkeys(["match_scenario", "add_memo", "vectorized"], st.booleans()),
    **dict.fromkeys(["case_sensitive", "match_whole_words", "use_group_scoring"], flags),
    **dict.fromkeys(["priority", "scan_depth", "sticky", "delay", "display_index"], spans),
    **dict.fromkeys(["order", "depth", "probability", "delay_until_recursion"], wholes),
    selective_logic=st.sampled_from(Logic),
    position=st.sampled_from(Position),
    role=st.sampled_from(Role),
    character_filter=st.builds(CharacterFilter, is_exclude=st.booleans(), names=texts.map(tuple)),
    triggers=texts.map(tuple),
)


def bare(book: Book) -> list[Entry]:
    return [replace(entry, unknown={}) for entry in book.entries]


@settings(max_examples=60)
@given(st_books)
def test_sillytavern_books_come_back_equal(value):
    found = read_book(as_json(value))

    assert found.notes == []
    assert json.loads(write_book(found.book, "sillytavern")) == value


@settings(max_examples=60)
@given(v3_books)
def test_character_books_come_back_equal(value):
    found = read_book(as_json(value))

    assert found.notes == []
    assert json.loads(write_book(found.book, "character_book")) == value
    standalone = {"spec": "lorebook_v3", "data": value}
    again = read_book(as_json(standalone)).book
    assert json.loads(write_book(again, "lorebook_v3")) == standalone


@settings(max_examples=60)
@given(st.lists(native_entries, max_size=4, unique_by=lambda entry: entry.uid))
def test_character_books_hold_every_field_of_ours(entries):
    book = Book(name="B", entries=tuple(entries))

    assert bare(read_book(write_book(book, "lorebook_v3")).book) == entries


@settings(max_examples=60)
@given(v3_books, native_entries)
def test_any_edit_wins_in_a_character_book(value, other):
    book = read_book(as_json(value)).book
    edited = [replace(other, uid=e.uid, unknown=e.unknown) for e in book.entries]

    again = read_book(write_book(replace(book, entries=tuple(edited)), "character_book")).book

    assert bare(again) == [replace(entry, unknown={}) for entry in edited]


@settings(max_examples=60)
@given(st_books, native_entries)
def test_any_edit_wins_in_a_sillytavern_book(value, other):
    book = read_book(as_json(value)).book
    sayable = replace(other, name="", priority=None, use_regex=False)
    edited = [replace(sayable, uid=e.uid, unknown=e.unknown) for e in book.entries]

    again = read_book(write_book(replace(book, entries=tuple(edited)), "sillytavern")).book

    assert bare(again) == [replace(entry, unknown={}) for entry in edited]


@settings(max_examples=60)
@given(
    st.lists(native_entries, max_size=3, unique_by=lambda entry: entry.uid),
    st.sampled_from(list(FORMATS)),
)
def test_second_reading_finds_what_the_first_found(entries, form):
    first = read_book(write_book(Book(name="B", entries=tuple(entries)), form))

    second = read_book(write_book(first.book, first.book.form))

    assert second.book == first.book


@settings(max_examples=60)
@given(st.dictionaries(text, json_values), st.dictionaries(text, json_values))
def test_difference_restores(written, was):
    assert restored(written, difference(written, was)) == was
    assert difference(was, was) == {}


@settings(max_examples=60)
@given(st.text("ab*?/\\.é話 ", max_size=8))
def test_wildcards_come_back(key):
    made = patterns.from_wildcards(key)

    assert (made == key) is not bool(set(key) & set("*?"))
    assert patterns.from_wildcards(patterns.to_wildcards(made)) == made


@pytest.mark.parametrize(
    "data",
    [
        as_json({"entries": {"3": ST_ENTRY}}),
        as_json({"entries": [{**V3_ENTRY, "extensions": ST_EXTENSIONS}]}),
        *(as_json(value) for value in (ST, V3, STANDALONE, AGNAI, RISU, NOVELAI)),
        in_png(NOVELAI, "naidata"),
    ],
)
def test_mutated_files_are_read_or_refused(data):
    chance = random.Random(20)
    until = monotonic() + FUZZ_SECONDS
    refused = 0

    for tried in range(MUTATIONS):  # noqa: B007 - compared below
        refused += not read_and_write(mutated(data, chance))
        if monotonic() > until:
            break

    assert 0 < refused < tried


def mutated(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(out))
        end = start + chance.choice((0, 1, 1, 1, 8))
        out[start:end] = chance.choice(
            (b"", b"null", b"[]", b"{}", b'"', b"-1e9", b"true", bytes([chance.randrange(256)]))
        )
    return bytes(out)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from([*ST_ENTRY, *V3_ENTRY, *RISU["data"][0]]), json_values),
    st.sampled_from(["sillytavern", "list", "agnai", "risu", "novelai"]),
)
def test_fields_of_any_kind_are_mended(entry, form):
    roots: dict[str, Any] = {
        "sillytavern": {"entries": {"0": entry}},
        "list": {"entries": [entry]},
        "agnai": {"kind": "memory", "entries": [entry]},
        "risu": {"type": "risu", "data": [entry]},
        "novelai": {"lorebookVersion": 5, "entries": [entry]},
    }

    read_and_write(as_json(roots[form]))


def read_and_write(data: bytes) -> bool:
    """Only Invalid may be raised; what is read once is read again the same, without notes."""
    try:
        found = read_book(data)
    except Invalid:
        return False
    again = read_book(write_book(found.book, found.book.form))
    assert bare(again.book) == bare(found.book)
    assert read_book(write_book(again.book, again.book.form)) == again
    lasting = [note for note in again.notes if "NovelAI" not in note and "`&`" not in note]
    assert lasting == []
    for form in FORMATS:
        write_book(found.book, form)
    return True
