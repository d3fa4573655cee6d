"""Agnai's memory books: {kind: "memory", entries: [{name, entry, keywords, …}]}. Pure.

Its keywords are whole words in any case, with `*` for letters and `?` for one letter; those
become patterns. The later an entry's `weight`, the nearer to the end its text is.
"""

from typing import Final

from lore.formats import patterns, shapes
from lore.formats.fields import order, priority
from lore.formats.keeping import Json
from lore.formats.reading import (
    CONTENT_CHARS_MOST,
    LABEL_CHARS_MOST,
    TEXT_CHARS_MOST,
    Notes,
    Reader,
)
from lore.values import Book, Entry, Position

FORM: Final = "agnai"
_HEADER: Final = ("scanDepth", "tokenBudget", "recursiveScanning")


def read(root: Json, notes: Notes) -> Book:
    return shapes.read_book(root, root.get("entries"), SHAPE, notes)


def write(book: Book) -> Json:
    return shapes.write_book(book, SHAPE)


def _read_header(reader: Reader) -> Book:
    return shapes.book_fields(reader, _HEADER)


def _write_header(book: Book) -> Json:
    extensions = {"extensions": book.extensions} if book.extensions else {}
    texts = {"name": book.name, "description": book.description}
    return {"kind": "memory", **texts, **shapes.said_fields(book, _HEADER), **extensions}


def _read_entry(reader: Reader, uid: int) -> Entry:
    is_last = reader.text("position") == "after_char"
    name, comment = reader.text("name"), reader.text("comment", most=TEXT_CHARS_MOST)
    secondary = reader.texts("secondaryKeys")
    return Entry(
        uid=uid,
        keys=tuple(patterns.from_wildcards(key) for key in reader.texts("keywords")),
        secondary_keys=secondary,
        name=name or comment[:LABEL_CHARS_MOST],
        comment=comment if name else "",
        content=reader.text("entry", most=CONTENT_CHARS_MOST),
        enabled=reader.flag("enabled", True),
        constant=reader.flag("constant", False),
        selective=reader.flag("selective", False) and bool(secondary),
        order=order(reader, "weight"),
        priority=priority(reader, "priority") or 0,
        position=Position.AFTER_CHARACTER if is_last else Position.BEFORE_CHARACTER,
        case_sensitive=False,
        match_whole_words=True,
    )


def _write_entry(entry: Entry) -> Json:
    """What Agnai can say, its optional fields only where they say something."""
    optional = {
        "comment": entry.comment if entry.name else "",
        "secondaryKeys": list(entry.secondary_keys),
        "constant": entry.constant,
        "selective": entry.selective and bool(entry.secondary_keys),
        "position": "after_char" if entry.position is Position.AFTER_CHARACTER else "",
    }
    return {
        "name": shapes.title(entry),
        "entry": entry.content,
        "keywords": [patterns.to_wildcards(key) for key in entry.keys],
        "priority": entry.priority or 0,
        "weight": entry.order,
        "enabled": entry.enabled,
        **{name: value for name, value in optional.items() if value},
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
