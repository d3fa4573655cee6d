"""Lorebook files: bytes to values and back. Pure: no models, no files.

What is read and written into the same format again comes out equal as JSON, if every field
had the right type: keys that we do not know, absent ones and odd spellings included. Edits
win over what was kept. Wrong fields are mended with a note and written as mended. Another
format gets what it can say. A file is refused with `core.errors.Invalid`, param "file":

    not_a_lorebook  lorebook_not_readable  lorebook_damaged
    lorebook_too_large  lorebook_too_complex  picture_too_complex

Of a card only the book is read and written. A book called after its file keeps that name out
of a file of the same format. Entries of one number, and those in an object where a list
belongs, count as wrong.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import orjson

from core.errors import Invalid
from lore.formats import agnai, character_book, novelai, risu, sillytavern
from lore.formats.detect import book_in
from lore.formats.reading import Notes
from lore.values import Book


class ReadBook(msgspec.Struct, frozen=True):
    """A book out of a file, and in plain sentences what was mended in it."""

    book: Book
    notes: list[str]


def read_book(data: bytes, filename: str = "") -> ReadBook:
    """The lorebook in a file's bytes. Raises Invalid with a reason that a person understands."""
    notes: list[str] = []
    return ReadBook(book_in(data, filename, notes), notes)


def book_from_character_book(value: dict[str, Any], notes: list[str]) -> Book:
    """The book in a card's `character_book`; adds to `notes` what was mended."""
    found = Notes()
    book = character_book.read(value, found)
    notes.extend(found.lines())
    return book


def to_character_book(book: Book) -> dict[str, Any]:
    """The book as a card of version 3 holds it."""
    return character_book.write(book)


def to_character_book_v2(book: Book) -> dict[str, Any]:
    """The book as a card of version 2 holds it, without decorators in its texts."""
    return character_book.write_v2(book)


def to_lorebook_v3(book: Book) -> dict[str, Any]:
    """The book in a file of its own: {spec: "lorebook_v3", data: character_book}."""
    beside = book.unknown.get(character_book.STANDALONE, {})
    return {**beside, "spec": character_book.STANDALONE, "data": character_book.write(book)}


def to_sillytavern(book: Book) -> dict[str, Any]:
    """The book as a world info file."""
    return sillytavern.write(book)


def to_agnai(book: Book) -> dict[str, Any]:
    """The book as a memory book."""
    return agnai.write(book)


def to_risu(book: Book) -> dict[str, Any]:
    """The book as Risu exports one."""
    return risu.write(book)


def to_novelai(book: Book) -> dict[str, Any]:
    """The book as a lorebook of NovelAI."""
    return novelai.write(book)


FORMATS: Final[dict[str, tuple[str, Callable[[Book], dict[str, Any]]]]] = {
    sillytavern.FORM: ("SillyTavern world info", to_sillytavern),
    character_book.STANDALONE: ("Lorebook, version 3", to_lorebook_v3),
    character_book.FORM: ("Character book, version 3", to_character_book),
    "character_book_v2": ("Character book, version 2", to_character_book_v2),
    agnai.FORM: ("Agnai memory book", to_agnai),
    risu.FORM: ("Risu lorebook", to_risu),
    novelai.FORM: ("NovelAI lorebook", to_novelai),
}


def write_book(book: Book, form: str) -> bytes:
    """The book as a JSON file in one of FORMATS. Raises Invalid `unknown_lorebook_format`."""
    if form not in FORMATS:
        raise Invalid(
            f"A lorebook can be written as {', '.join(FORMATS)}.",
            code="unknown_lorebook_format",
            param="format",
        )
    _, writer = FORMATS[form]
    return orjson.dumps(writer(book), option=orjson.OPT_INDENT_2)
