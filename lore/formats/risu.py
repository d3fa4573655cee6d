"""Risu's lorebooks: {type: "risu", ver: 1, data: [{key: "a, b", insertorder, …}]}. Pure.

Keys are one text with commas. An entry that is switched off begins with `@@dont_activate`, for
Risu has no switch.
"""

import re
from typing import Final

from lore.formats import patterns, shapes
from lore.formats.fields import DEFAULTS, order
from lore.formats.keeping import Json
from lore.formats.reading import (
    CONTENT_CHARS_MOST,
    KEY_CHARS_MOST,
    KEYS_MOST,
    TEXT_CHARS_MOST,
    Notes,
    Reader,
)
from lore.values import Book, Entry

FORM: Final = "risu"
_OFF: Final = "@@dont_activate\n"
_CASE: Final = "risu_case_sensitive"
_END: Final = re.compile(r"/[a-z]*\s*\Z")


def read(root: Json, notes: Notes) -> Book:
    return shapes.read_book(root, root.get("data"), SHAPE, notes)


def write(book: Book) -> Json:
    return shapes.write_book(book, SHAPE)


def _read_header(reader: Reader) -> Book:
    return Book(name=reader.text("name"))


def _write_header(book: Book) -> Json:
    return {"type": "risu", "ver": 1, **({"name": book.name} if book.name else {})}


def _read_entry(reader: Reader, uid: int) -> Entry:
    content = reader.text("content", most=CONTENT_CHARS_MOST)
    is_pattern = reader.flag("useRegex", False)
    secondary = _keys(reader, "secondkey", is_pattern=is_pattern)
    return Entry(
        uid=uid,
        keys=_keys(reader, "key", is_pattern=is_pattern),
        secondary_keys=secondary,
        comment=reader.text("comment", most=TEXT_CHARS_MOST),
        content=content.removeprefix(_OFF),
        enabled=not content.startswith(_OFF),
        constant=reader.flag("alwaysActive", False) or reader.data.get("mode") == "constant",
        selective=reader.flag("selective", False) and bool(secondary),
        order=order(reader, "insertorder"),
        probability=reader.whole(
            "activationPercent", DEFAULTS.probability, least=0, most=DEFAULTS.probability
        ),
        case_sensitive=reader.inside("extentions").maybe_flag(_CASE),
    )


def _keys(reader: Reader, name: str, *, is_pattern: bool) -> tuple[str, ...]:
    value = reader.data.get(name)
    if isinstance(value, list):
        reader.mend(name, "was a list and became one text with commas")
        text = ",".join(reader.kept(name, value))
    else:
        text = reader.text(name, most=KEY_CHARS_MOST * KEYS_MOST)
    parts = _patterns(text) if is_pattern else [part.strip() for part in text.split(",")]
    return reader.kept(name, [part for part in parts if part])


def _patterns(text: str) -> list[str]:
    """Patterns between commas, of which they may hold some themselves."""
    found: list[str] = []
    parts = text.split(",")
    begun = 0
    for place, part in enumerate(parts):
        is_last = place + 1 == len(parts)
        if is_last or (_is_end(part, parts[begun]) and parts[place + 1].lstrip().startswith("/")):
            found.append(",".join(parts[begun : place + 1]).strip())
            begun = place + 1
    return found


def _is_end(part: str, first: str) -> bool:
    """Whether a pattern whose text began with `first` can end with `part`."""
    slashes = 2 if part is first else 1
    opens = first.lstrip().startswith("/")
    return opens and part.count("/") >= slashes and _END.search(part) is not None


def _write_entry(entry: Entry) -> Json:
    has_comma = any("," in key for key in (*entry.keys, *entry.secondary_keys))
    some = any(patterns.is_pattern(key) for key in entry.keys)
    is_pattern = entry.use_regex or some or has_comma
    case = {} if entry.case_sensitive is None else {_CASE: entry.case_sensitive}
    return {
        "key": _joined(entry, entry.keys, is_pattern=is_pattern),
        "secondkey": _joined(entry, entry.secondary_keys, is_pattern=is_pattern),
        "insertorder": entry.order,
        "comment": entry.comment or entry.name,
        "content": entry.content if entry.enabled else _OFF + entry.content,
        "mode": "normal",
        "alwaysActive": entry.constant and not entry.use_regex,
        "selective": entry.selective and bool(entry.secondary_keys) and not entry.use_regex,
        "extentions": case,
        "activationPercent": entry.probability if entry.use_probability else 100,
        "useRegex": is_pattern,
    }


def _joined(entry: Entry, keys: tuple[str, ...], *, is_pattern: bool) -> str:
    """The keys as one text: if one of them is a pattern or has a comma, all become patterns."""
    said = [key.strip() for key in keys if key.strip()]
    if is_pattern:
        said = [
            patterns.as_pattern(key, is_raw=entry.use_regex, case_sensitive=entry.case_sensitive)
            for key in said
        ]
    return ", ".join(said)


SHAPE: Final = shapes.Shape(
    form=FORM,
    entries_name="data",
    uid_name="",
    read_entry=_read_entry,
    write_entry=_write_entry,
    read_header=_read_header,
    write_header=_write_header,
)
