"""NovelAI's lorebooks: {lorebookVersion, entries: [{keys, text, displayName, …}]}. Pure.

`contextConfig.budgetPriority` is the order, `forceActivation` constant; an entry that the text
of others may call up is `nonStoryActivatable`. Categories and biases are kept, not acted on.
"""

from typing import Any, Final
from uuid import UUID

from lore.formats import patterns, shapes
from lore.formats.fields import order
from lore.formats.keeping import Json
from lore.formats.reading import CONTENT_CHARS_MOST, UID_MOST, Notes, Reader
from lore.values import Book, Entry

FORM: Final = "novelai"
VERSION: Final = 5
_RANGE_CHARS: Final = 1000
_CONTEXT: Final[dict[str, Any]] = {
    "prefix": "",
    "suffix": "\n",
    "tokenBudget": 2048,
    "reservedTokens": 0,
    "trimDirection": "trimBottom",
    "insertionType": "newline",
    "maximumTrimType": "sentence",
    "insertionPosition": -1,
}


def read(root: Json, notes: Notes) -> Book:
    book = shapes.read_book(root, root.get("entries"), SHAPE, notes)
    if any("&" in key for entry in book.entries for key in entry.keys):
        notes.add("Keys that join words with `&` were kept, but mean nothing here.")
    categories = root.get("categories")
    if isinstance(categories, list) and any(map(_is_off, categories)):
        notes.add("A category is switched off in NovelAI; its entries stay on here.")
    return book


def _is_off(category: Any) -> bool:
    return isinstance(category, dict) and category.get("enabled") is False


def write(book: Book) -> Json:
    return shapes.write_book(book, SHAPE)


def _read_header(_: Reader) -> Book:
    return Book()


def _write_header(_: Book) -> Json:
    return {
        "lorebookVersion": VERSION,
        "settings": {"orderByKeyLocations": False},
        "categories": [],
    }


def _read_entry(reader: Reader, uid: int) -> Entry:
    return Entry(
        uid=uid,
        keys=reader.texts("keys"),
        name=reader.text("displayName"),
        content=reader.text("text", most=CONTENT_CHARS_MOST),
        enabled=reader.flag("enabled", True),
        constant=reader.flag("forceActivation", False),
        selective=False,
        order=order(reader.inside("contextConfig"), "budgetPriority"),
        exclude_recursion=not reader.flag("nonStoryActivatable", False),
    )


def _write_entry(entry: Entry) -> Json:
    keys: list[str] = list(entry.keys)
    if entry.use_regex:
        keys = [
            patterns.as_pattern(key, is_raw=True, case_sensitive=entry.case_sensitive)
            for key in keys
        ]
    return {
        "text": entry.content,
        "contextConfig": {**_CONTEXT, "budgetPriority": entry.order},
        "displayName": shapes.title(entry),
        "id": str(UUID(int=entry.uid + UID_MOST)),
        "keys": keys,
        "searchRange": _RANGE_CHARS,
        "enabled": entry.enabled,
        "forceActivation": entry.constant and not entry.use_regex,
        "keyRelative": False,
        "nonStoryActivatable": not entry.exclude_recursion,
        "category": "",
        "loreBiasGroups": [],
    }


SHAPE: Final = shapes.Shape(
    form=FORM,
    entries_name="entries",
    uid_name="",
    read_entry=_read_entry,
    write_entry=_write_entry,
    read_header=_read_header,
    write_header=_write_header,
)
