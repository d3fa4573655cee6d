"""Changes to a lorebook as a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid, NotFound
from lore import editing
from lore.formats.reading import CONTENT_CHARS_MOST, KEY_CHARS_MOST, KEYS_MOST
from lore.timed import version_of
from lore.values import Book, CharacterFilter, Entry, Position

BOOK = Book(
    name="Harbour",
    entries=(
        Entry(uid=3, comment="a", unknown={"novelai": {"x": 1}}),
        Entry(uid=1, comment="b"),
        Entry(uid=2, comment="c", display_index=0),
    ),
)


def shown(book: Book) -> str:
    return "".join(entry.comment or "-" for entry in editing.shown(book))


def test_entries_are_shown_by_their_index_then_as_the_book_has_them():
    assert shown(BOOK) == "acb"


def test_new_entry_gets_a_number_of_its_own_and_goes_last():
    book, entry = editing.add_entry(BOOK, {"comment": "d", "keys": ["x"]})

    assert (entry.uid, entry.keys) == (4, ("x",))
    assert [entry.uid for entry in book.entries] == [3, 1, 2, 4]


def test_new_entry_stands_behind_another():
    book, _ = editing.add_entry(BOOK, {"comment": "d"}, after=3)

    assert shown(book) == "adbc"


def test_book_holds_only_so_many_entries(monkeypatch):
    monkeypatch.setattr(editing, "ENTRIES_MOST", 3)

    with pytest.raises(Invalid):
        editing.add_entry(BOOK, {})
    with pytest.raises(Invalid):
        editing.copy_entries(BOOK, [1])


def test_change_leaves_the_others_and_what_is_not_named():
    book = editing.change_entries(BOOK, [3], {"position": 4, "content": "x\x00y", "sticky": 2})

    first = book.entries[0]
    assert (first.position, first.content, first.sticky) == (Position.AT_DEPTH, "xy", 2)
    assert (first.comment, first.unknown) == ("a", {"novelai": {"x": 1}})
    assert book.entries[1:] == BOOK.entries[1:]


def test_filter_by_character_is_changed_as_a_whole():
    book = editing.change_entries(BOOK, [1], {"character_filter": {"names": ["Luna"]}})

    assert book.entries[1].character_filter == CharacterFilter(names=("Luna",))


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"order": "high"}, "order"),
        ({"position": 8}, "position"),
        ({"probability": 101}, "probability"),
        ({"priority": 10**12}, "priority"),
        ({"case_sensitive": "yes"}, "case_sensitive"),
        ({"keys": "lamp"}, "keys"),
        ({"keys": ["x"] * (KEYS_MOST + 1)}, "keys"),
        ({"secondary_keys": ["x" * (KEY_CHARS_MOST + 1)]}, "secondary_keys"),
        ({"character_filter": {"names": ["x"] * (KEYS_MOST + 1)}}, "character_filter"),
        ({"content": "x" * (CONTENT_CHARS_MOST + 1)}, "content"),
        ({"uid": 7}, "uid"),
        ({"unknown": {}}, "unknown"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_value_out_of_reason_is_refused(values, param):
    with pytest.raises(Invalid) as refused:
        editing.change_entries(BOOK, [3], values)

    assert refused.value.param == param


@pytest.mark.parametrize("change", [editing.remove_entries, editing.copy_entries])
def test_unknown_entry_is_not_found(change):
    with pytest.raises(NotFound):
        change(BOOK, [1, 77])


def test_removing_takes_out_the_named_ones():
    assert [e.uid for e in editing.remove_entries(BOOK, [1, 3]).entries] == [2]


def test_copies_stand_behind_their_originals_under_new_numbers():
    book = editing.copy_entries(BOOK, [3, 2])

    assert shown(book) == "aaccb"
    assert [entry.uid for entry in editing.shown(book)] == [3, 4, 2, 5, 1]
    assert book.entries[1].unknown == {}


def test_copying_nothing_changes_nothing():
    assert editing.copy_entries(BOOK, []) == BOOK
    assert editing.copy_entries(Book(), []) == Book()


@pytest.mark.parametrize(
    ("uid", "step", "expected"), [(3, 1, "cab"), (1, -1, "abc"), (3, -1, "acb"), (1, 9, "acb")]
)
def test_entry_moves_by_a_step(uid, step, expected):
    assert shown(editing.move_entry(BOOK, uid, step)) == expected


@pytest.mark.parametrize(
    ("uid", "before", "expected"), [(1, 3, "bac"), (3, None, "cba"), (3, 1, "cab"), (3, 3, "acb")]
)
def test_entry_is_placed_before_another(uid, before, expected):
    assert shown(editing.place_entry(BOOK, uid, before=before)) == expected


@given(st.lists(st.integers(0, 5)), st.integers(0, 5), st.integers(-7, 7))
def test_order_changes_lose_no_entry(uids, uid, step):
    book = Book(entries=tuple(Entry(uid=number, comment=str(number)) for number in range(6)))

    for changed in (editing.reorder(book, uids), editing.move_entry(book, uid, step)):
        assert sorted(shown(changed)) == list("012345")
        assert [e.display_index for e in editing.shown(changed)] == list(range(6))


def test_order_does_not_touch_what_lasts():
    moved = editing.move_entry(BOOK, 3, 1)

    before, after = editing.entry_of(BOOK, 3), editing.entry_of(moved, 3)
    assert before != after
    assert version_of(before) == version_of(after)


def test_book_is_changed():
    book = editing.change_book(BOOK, {"name": "Sea", "scan_depth": 3, "recursive_scanning": False})

    assert (book.name, book.scan_depth, book.recursive_scanning) == ("Sea", 3, False)
    assert book.entries == BOOK.entries


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"scan_depth": -1}, "scan_depth"),
        ({"token_budget": 10**10}, "token_budget"),
        ({"name": "x" * 3000}, "name"),
        ({"description": "x" * 30_000}, "description"),
        ({"entries": []}, "entries"),
    ],
)
def test_odd_change_of_a_book_is_refused(values, param):
    with pytest.raises(Invalid) as refused:
        editing.change_book(BOOK, values)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        (Entry(uid=1, comment="c", name="n", keys=("k",)), "c"),
        (Entry(uid=1, name="n", keys=("k",)), "n"),
        (Entry(uid=1, keys=("k",)), "k"),
        (Entry(uid=1), "Entry 1"),
    ],
)
def test_entry_has_a_title(entry, title):
    assert editing.title_of(entry) == title
