"""Changes to a lorebook as a value: entries added, changed, taken out, put in order. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec
from msgspec.structs import fields, replace

from core.errors import Invalid, NotFound
from core.text import clean
from lore.formats.reading import (
    CONTENT_CHARS_MOST,
    KEY_CHARS_MOST,
    KEYS_MOST,
    LABEL_CHARS_MOST,
    TEXT_CHARS_MOST,
    WHOLE_MOST,
)
from lore.formats.shapes import ENTRIES_MOST
from lore.values import DEPTH_MOST, Book, Entry

_EDITABLE: Final = tuple(f.name for f in fields(Entry) if f.name not in ("uid", "unknown"))
_TYPES: Final = get_type_hints(Entry)
BOOK_FIELDS: Final = ("name", "description", "scan_depth", "token_budget", "recursive_scanning")


def entry_of(book: Book, uid: int) -> Entry:
    """The entry of this number. Raises NotFound."""
    found = next((entry for entry in book.entries if entry.uid == uid), None)
    if found is None:
        raise NotFound("There is no such entry in this lorebook.", code="entry_not_found")
    return found


def title_of(entry: Entry) -> str:
    """What to call an entry: its comment, its name, its first key, or its number."""
    return entry.comment or entry.name or next(iter(entry.keys), "") or f"Entry {entry.uid}"


def with_tag_names(book: Book, names: Mapping[str, str]) -> Book:
    """The book with the tags of its filters called by their names where they were ids."""

    def named(entry: Entry) -> Entry:
        only = entry.character_filter
        tags = tuple(names.get(tag, tag) for tag in only.tags)
        if tags == only.tags:
            return entry
        return replace(entry, character_filter=replace(only, tags=tags))

    return replace(book, entries=tuple(map(named, book.entries)))


def add_entry(
    book: Book, values: Mapping[str, Any], *, after: int | None = None
) -> tuple[Book, Entry]:
    """The book with a new entry, at the end or behind entry `after`. Raises Invalid."""
    if len(book.entries) >= ENTRIES_MOST:
        raise Invalid(f"A lorebook holds at most {ENTRIES_MOST} entries.", param="entries")
    entry = changed(Entry(uid=max((e.uid for e in book.entries), default=-1) + 1), values)
    place = len(book.entries)
    if after is not None:
        place = next((i + 1 for i, e in enumerate(book.entries) if e.uid == after), place)
    entries = (*book.entries[:place], entry, *book.entries[place:])
    return replace(book, entries=_numbered(entries)), entry


def change_entries(book: Book, uids: Iterable[int], values: Mapping[str, Any]) -> Book:
    """The book with these fields of these entries changed. Raises Invalid or NotFound."""
    return _each(book, uids, lambda entry: changed(entry, values))


def copy_entries(book: Book, uids: Iterable[int]) -> Book:
    """The book with a copy of each of these entries behind it. Raises Invalid or NotFound."""
    wanted = _known(book, uids)
    if len(book.entries) + len(wanted) > ENTRIES_MOST:
        raise Invalid(f"A lorebook holds at most {ENTRIES_MOST} entries.", param="entries")
    spare = count(max(entry.uid for entry in book.entries) + 1) if wanted else count()
    entries: list[Entry] = []
    for entry in shown(book):
        entries.append(entry)
        if entry.uid in wanted:
            entries.append(replace(entry, uid=next(spare), unknown={}))
    return replace(book, entries=_numbered(entries)) if wanted else book


def remove_entries(book: Book, uids: Iterable[int]) -> Book:
    """The book without these entries. Raises NotFound."""
    gone = _known(book, uids)
    return replace(book, entries=tuple(e for e in book.entries if e.uid not in gone))


def reorder(book: Book, uids: Sequence[int]) -> Book:
    """The book with its entries shown in this order; those not named keep to the end."""
    rank = {uid: index for index, uid in enumerate(uids)}
    kept = sorted(book.entries, key=lambda entry: rank.get(entry.uid, len(rank)))
    return replace(book, entries=_numbered(kept))


def move_entry(book: Book, uid: int, step: int) -> Book:
    """The book with one entry moved up (-1) or down (1) in the shown order."""
    uids = [entry.uid for entry in shown(book)]
    at = uids.index(entry_of(book, uid).uid)
    to = min(max(at + step, 0), len(uids) - 1)
    uids.insert(to, uids.pop(at))
    return reorder(book, uids)


def place_entry(book: Book, uid: int, *, before: int | None) -> Book:
    """The book with one entry shown just before another, or last. Raises NotFound."""
    uids = [entry.uid for entry in shown(book)]
    uids.remove(entry_of(book, uid).uid)
    at = len(uids)
    if before is not None and before != uid:
        at = uids.index(entry_of(book, before).uid)
    uids.insert(at, uid)
    return reorder(book, uids) if before != uid else book


def change_book(book: Book, values: Mapping[str, Any]) -> Book:
    """The book with these of BOOK_FIELDS changed. Raises Invalid."""
    for name in values:
        if name not in BOOK_FIELDS:
            raise Invalid(f"A lorebook has no field {name}.", param=name)
    changed_book: Book = _converted(book, values, Book)
    return _bounded(changed_book, _BOOK_RANGES, _BOOK_TEXTS)


def shown(book: Book) -> list[Entry]:
    """The entries in the order an editor shows them."""
    numbered = enumerate(book.entries)
    ranked = sorted(numbered, key=lambda e: (_place(e[1], e[0]), e[0]))
    return [entry for _, entry in ranked]


def _place(entry: Entry, index: int) -> int:
    return index if entry.display_index is None else entry.display_index


def _numbered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(replace(entry, display_index=place) for place, entry in enumerate(entries))


def _known(book: Book, uids: Iterable[int]) -> set[int]:
    """These numbers, each of them an entry's. Raises NotFound."""
    wanted = set(uids)
    if unknown := wanted.difference(entry.uid for entry in book.entries):
        entry_of(book, unknown.pop())
    return wanted


def _each(book: Book, uids: Iterable[int], change: Callable[[Entry], Entry]) -> Book:
    wanted = _known(book, uids)
    entries = (change(e) if e.uid in wanted else e for e in book.entries)
    return replace(book, entries=tuple(entries))


def changed(entry: Entry, values: Mapping[str, Any]) -> Entry:
    """The entry with these fields changed, named as in `Entry`. Raises Invalid."""
    for name in values:
        if name not in _EDITABLE:
            raise Invalid(f"An entry has no field {name}.", param=name)
    new: Entry = _bounded(_converted(entry, values, Entry), _RANGES, _TEXTS)
    for name in _LISTS:
        _bound_list(name, getattr(new, name))
    _bound_list("character_filter", (*new.character_filter.names, *new.character_filter.tags))
    return new


def _converted(value: Any, values: Mapping[str, Any], kind: type) -> Any:
    hints = _TYPES if kind is Entry else get_type_hints(kind)
    new: dict[str, Any] = {}
    for name, given in values.items():
        try:
            new[name] = msgspec.convert(_cleaned(given), hints[name])
        except msgspec.ValidationError as error:
            raise Invalid(f"`{name}`: {_why(error, hints[name])}", param=name) from error
    return replace(value, **new)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _why(error: msgspec.ValidationError, hint: Any) -> str:
    allowed = ", ".join(str(int(m)) for m in hint) if hasattr(hint, "__members__") else ""
    may_be_empty = type(None) in get_args(hint)
    words = f"{error}." if not allowed else f"one of {allowed} is expected."
    return f"{words} Leave it empty to follow the settings." if may_be_empty else words


_Value = TypeVar("_Value", Book, Entry)


def _bounded(
    value: _Value, ranges: Iterable[tuple[str, int, int]], texts: Mapping[str, int]
) -> _Value:
    """The value if its numbers and texts are within reason. Raises Invalid."""
    for name, least, most in ranges:
        number = getattr(value, name)
        if number is not None and not least <= number <= most:
            raise Invalid(f"`{name}` is a number from {least:,} to {most:,}.", param=name)
    for name, most in texts.items():
        if len(getattr(value, name)) > most:
            raise Invalid(f"`{name}` has more than {most:,} characters.", param=name)
    return value


def _bound_list(name: str, texts: Sequence[str]) -> None:
    if len(texts) > KEYS_MOST:
        raise Invalid(f"`{name}` holds more than {KEYS_MOST:,} texts.", param=name)
    if any(len(text) > KEY_CHARS_MOST for text in texts):
        raise Invalid(
            f"A text in `{name}` has more than {KEY_CHARS_MOST:,} characters.", param=name
        )


_LISTS: Final = ("keys", "secondary_keys", "triggers")
_TEXTS: Final = {
    "content": CONTENT_CHARS_MOST,
    "comment": TEXT_CHARS_MOST,
    "name": TEXT_CHARS_MOST,
    "group": TEXT_CHARS_MOST,
    "outlet_name": TEXT_CHARS_MOST,
    "automation_id": TEXT_CHARS_MOST,
}
_RANGES: Final = (
    ("order", -1_000_000, 1_000_000),
    ("priority", -WHOLE_MOST, WHOLE_MOST),
    ("depth", 0, 10_000),
    ("scan_depth", 0, 1000),
    ("probability", 0, 100),
    ("group_weight", 0, 1_000_000),
    ("delay_until_recursion", 0, 1000),
    ("sticky", 0, 1_000_000),
    ("cooldown", 0, 1_000_000),
    ("delay", 0, 1_000_000),
)
_BOOK_TEXTS: Final = {"name": LABEL_CHARS_MOST, "description": TEXT_CHARS_MOST}
_BOOK_RANGES: Final = (("scan_depth", 0, DEPTH_MOST), ("token_budget", 0, WHOLE_MOST))
