"""What changed between two versions of a card, in lines that a person can read. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain, zip_longest
from typing import Any, Final, Literal

LABELS: Final = {
    "name": "Name",
    "nickname": "Nickname",
    "description": "Description",
    "personality": "Personality",
    "scenario": "Scenario",
    "first_mes": "First greeting",
    "mes_example": "Examples of talk",
    "creator_notes": "Notes",
    "creator_notes_multilingual": "Notes in other languages",
    "system_prompt": "System prompt",
    "post_history_instructions": "Instructions after the talk",
    "alternate_greetings": "Other greetings",
    "group_only_greetings": "Greetings in groups",
    "character_book": "Lorebook",
    "creator": "Creator",
    "character_version": "Version by its creator",
    "tags": "Tags",
    "assets": "Assets",
    "source": "Sources",
    "creation_date": "Date of creation",
    "extensions": "Extensions",
}
# Comparing takes about the square of this; longer texts are shown as wholly replaced.
COMPARED_LINES_MOST: Final = 1000
SHOWN_LINES_MOST: Final = 1500
_AROUND: Final = 2
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
_NUMBERED: Final = ("alternate_greetings", "group_only_greetings")
_KEYS: Final = ("keys", "secondary_keys")

Kind = Literal["same", "gone", "new", "skipped"]
Block = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: in both, only in the older, only in the newer, or how many are not shown."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `name` is the specification's, `label` is for people."""

    name: str
    label: str
    lines: list[Line]


def label_of(name: str) -> str:
    """What people call a field; unknown fields keep their own name."""
    return LABELS.get(name, name)


def told(name: str, older: Any, newer: Any) -> Change:
    """The change of one field from one value to another (None: nothing)."""
    lines = _compared(_blocks(name, older), _blocks(name, newer))
    shown = list(_shortened(list(lines)))
    if len(shown) > SHOWN_LINES_MOST:
        left = len(shown) - SHOWN_LINES_MOST
        shown = [*shown[:SHOWN_LINES_MOST], Line("skipped", f"{left} more lines")]
    return Change(name, label_of(name), shown)


def _blocks(name: str, value: Any) -> list[Block]:
    """A value as blocks of lines that belong together: an entry, a greeting, a whole text."""
    if value in _NOTHING:
        return []
    if isinstance(value, str):
        return [tuple(value.split("\n"))]
    if name == "character_book" and isinstance(value, dict):
        return _book(value)
    if isinstance(value, list):
        numbered = name in _NUMBERED
        return [
            (*((f"Greeting {number}",) if numbered else ()), *_lines(item))
            for number, item in enumerate(value, start=2 if name == _NUMBERED[0] else 1)
        ]
    return [tuple(_lines(value))]


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split("\n")
    return json.dumps(value, ensure_ascii=False, indent=2).split("\n")


def _book(book: dict[str, Any]) -> list[Block]:
    entries = found if isinstance(found := book.get("entries"), list) else []
    head = [
        _field(name, value)
        for name, value in book.items()
        if name != "entries" and value not in _NOTHING
    ]
    blocks = [_entry(entry) for entry in entries if isinstance(entry, dict)]
    return [tuple(chain.from_iterable(head)), *blocks]


def _entry(entry: dict[str, Any]) -> Block:
    """Its name, its keys, what it says, and then whatever else it sets."""
    title = entry.get("name") or entry.get("comment") or "Entry"
    keys = [_field(name, entry[name]) for name in _KEYS if entry.get(name)]
    told_first = {"name", "content", *_KEYS}
    others = [
        _field(name, value)
        for name, value in entry.items()
        if name not in told_first and value not in _NOTHING
    ]
    content = _lines(entry.get("content") or "")
    return (f"— {title}", *chain.from_iterable(keys), *content, *chain.from_iterable(others))


def _field(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [f"{name}: {', '.join(value)}"]
    first, *rest = _lines(value)
    return [f"{name}: {first}", *rest]


def _compared(older: list[Block], newer: list[Block]) -> Iterator[Line]:
    """Whole blocks first, so that one changed entry among many is found; then lines in them."""
    for same, before, after in _runs(older, newer):
        if same:
            yield from _as_lines("same", chain.from_iterable(before))
        else:
            yield from _compared_lines(
                list(chain.from_iterable(before)), list(chain.from_iterable(after))
            )


def _compared_lines(older: list[str], newer: list[str]) -> Iterator[Line]:
    for same, before, after in _runs(older, newer):
        yield from _as_lines("same" if same else "gone", before)
        if not same:
            yield from _as_lines("new", after)


def _as_lines(kind: Kind, texts: Any) -> Iterator[Line]:
    return (Line(kind, text) for text in texts)


def _runs(older: list[Any], newer: list[Any]) -> Iterator[tuple[bool, list[Any], list[Any]]]:
    """(whether both say it, what the older says, what the newer says), in order."""
    start = _alike(older, newer)
    end = _alike(older[start:][::-1], newer[start:][::-1])
    before, after = older[start : len(older) - end], newer[start : len(newer) - end]
    yield True, older[:start], newer[:start]
    if max(len(before), len(after)) > COMPARED_LINES_MOST:
        yield False, before, after
    else:
        for kind, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
            yield kind == "equal", before[a:b], after[c:d]
    yield True, older[len(older) - end :], newer[len(newer) - end :]


def _alike(older: list[Any], newer: list[Any]) -> int:
    """How many items at the start are the same."""
    pairs = enumerate(zip_longest(older, newer, fillvalue=None))
    return next((n for n, (one, two) in pairs if one != two), len(older))


def _shortened(lines: list[Line]) -> Iterator[Line]:
    """Without the lines that are the same and far from any change."""
    changed = [n for n, line in enumerate(lines) if line.kind != "same"]
    near = {n + step for n in changed for step in range(-_AROUND, _AROUND + 1)}
    skipped = 0
    for number, line in enumerate(lines):
        if number in near:
            yield from _gap(skipped)
            skipped = 0
            yield line
        else:
            skipped += 1
    yield from _gap(skipped)


def _gap(count: int) -> Iterator[Line]:
    if count:
        yield Line("skipped", f"{count} line{'s' if count > 1 else ''} as before")
