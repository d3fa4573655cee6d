"""Which lorebook a file holds, or why it holds none. Pure."""

import base64
import binascii
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from msgspec.structs import replace

from core import png
from core.jsontext import looks_like_json, read_json
from core.text import clean
from lore.formats import agnai, character_book, novelai, risu, sillytavern
from lore.formats.keeping import Json
from lore.formats.reading import LABEL_CHARS_MOST, Notes
from lore.formats.shapes import NAMED_AFTER_FILE, refuse
from lore.values import Book

FILE_BYTES_MOST: Final = 24 * 1024 * 1024
_KEYWORDS: Final = ("naidata", "ccv3", "chara")


def book_in(data: bytes, filename: str, notes: list[str]) -> Book:
    """The book in a file's bytes, called after the file if it says no name."""
    if len(data) > FILE_BYTES_MOST:
        raise refuse(
            f"The file is larger than {FILE_BYTES_MOST // 2**20} MB.", "lorebook_too_large"
        )
    text = _text_in_picture(data) if png.is_png(data) else data
    if not looks_like_json(text):
        raise refuse(_why_unreadable(text), "lorebook_not_readable")
    root = read_json(text, what="lorebook", notes=notes)
    found = Notes()
    book = _book(root, found)
    notes.extend(found.lines())
    return _named(book, filename)


def _named(book: Book, filename: str) -> Book:
    stem = PurePosixPath(clean(filename).replace("\\", "/")).stem.strip()[:LABEL_CHARS_MOST]
    if book.name or not stem:
        return book
    return replace(book, name=stem, unknown={**book.unknown, NAMED_AFTER_FILE: stem})


def _text_in_picture(data: bytes) -> bytes:
    texts = png.texts(data)
    keyword = next((word for word in _KEYWORDS if texts.get(word)), None)
    if keyword is None:
        raise refuse("There is no lorebook inside this picture.", "not_a_lorebook")
    try:
        return base64.b64decode(texts[keyword], validate=False)
    except binascii.Error as error:
        raise refuse(
            "The lorebook inside this picture is damaged (base64).", "lorebook_damaged"
        ) from error


def _why_unreadable(data: bytes) -> str:
    if not data:
        return "The file is empty."
    if data[:4] == b"PK\x03\x04":
        return "This is an archive. Export the lorebook as JSON."
    return "This is neither a JSON file nor a PNG picture, so there is no lorebook to read."


def _book(root: Any, notes: Notes) -> Book:
    if not isinstance(root, dict):
        raise refuse(
            "A lorebook is a JSON object; this file holds something else.", "not_a_lorebook"
        )
    for is_it, read in _READERS:
        if is_it(root):
            return read(root, notes)
    raise refuse(_why_none(root), "not_a_lorebook")


def _why_none(root: Json) -> str:
    if str(root.get("spec")).startswith("chara_card") or "first_mes" in root:
        return "This is a character without a lorebook."
    if "chat_metadata" in root or "mes" in root:
        return "This is a chat, not a lorebook."
    return "This JSON file is not a lorebook: it has no entries."


def _is_novelai(root: Json) -> bool:
    return "lorebookVersion" in root


def _is_agnai(root: Json) -> bool:
    return root.get("kind") == "memory" or _has_all(root, {"keywords", "entry"})


def _is_risu(root: Json) -> bool:
    return root.get("type") == "risu" and isinstance(root.get("data"), list)


def _is_standalone(root: Json) -> bool:
    return root.get("spec") == character_book.STANDALONE and isinstance(root.get("data"), dict)


def _card_book(root: Json) -> Json | None:
    data = root.get("data")
    places = [data, root] if isinstance(data, dict) else [root]
    books = (place.get("character_book") for place in places)
    return next((book for book in books if isinstance(book, dict)), None)


def _is_card(root: Json) -> bool:
    return _card_book(root) is not None


def _is_sillytavern(root: Json) -> bool:
    is_object = isinstance(root.get("entries"), dict)
    return _has_all(root, {"key"}) or (is_object and not _has_all(root, {"keys"}))


def _is_bare(root: Json) -> bool:
    return isinstance(root.get("entries"), list | dict)


def _has_all(root: Json, names: set[str]) -> bool:
    """Whether the first entry that is an object has all of these keys."""
    entries = root.get("entries")
    values = entries.values() if isinstance(entries, dict) else entries
    found = values if isinstance(entries, list | dict) and values else ()
    first = next((value for value in found if isinstance(value, dict)), None)
    return first is not None and names <= first.keys()


def _read_standalone(root: Json, notes: Notes) -> Book:
    """The book, with what stands beside it in the file."""
    book = character_book.read(root["data"], notes)
    beside = {key: value for key, value in root.items() if key != "data"}
    kept = {character_book.STANDALONE: beside} if len(beside) > 1 else {}
    return replace(book, form=character_book.STANDALONE, unknown={**book.unknown, **kept})


def _read_card(root: Json, notes: Notes) -> Book:
    return character_book.read(_card_book(root) or {}, notes)


_READERS: Final[tuple[tuple[Callable[[Json], bool], Callable[[Json, Notes], Book]], ...]] = (
    (_is_novelai, novelai.read),
    (_is_agnai, agnai.read),
    (_is_risu, risu.read),
    (_is_standalone, _read_standalone),
    (_is_card, _read_card),
    (_is_sillytavern, sillytavern.read),
    (_is_bare, character_book.read),
)
