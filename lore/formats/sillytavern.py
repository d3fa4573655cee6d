"""SillyTavern's world info files: {entries: {"<uid>": entry}}. Pure.

A file whose fields have the right types is given back equal, absent keys, keys that we do not
know and older spellings included, until what a key means is edited.
"""

from typing import Any, Final

from msgspec.structs import replace

from lore.formats import patterns, shapes
from lore.formats.fields import DEFAULTS, FIELDS, default_of, order, plain
from lore.formats.keeping import Json
from lore.formats.reading import CONTENT_CHARS_MOST, TEXT_CHARS_MOST, Notes, Reader, identity
from lore.values import Book, CharacterFilter, Entry

FORM: Final = "sillytavern"
_HEADER: Final = ("scan_depth", "token_budget", "recursive_scanning")


def read(root: Json, notes: Notes) -> Book:
    """The book in a file's root. Entries in a list are taken as well."""
    entries = root.get("entries")
    by_key = entries if isinstance(entries, dict) else {}
    found = [(key, raw) for key, raw in by_key.items() if isinstance(raw, dict)]
    if len(found) < len(by_key):
        notes.add("`entries` held things that are no entries; they were left out.")
    if not isinstance(entries, dict):
        found = list(enumerate(shapes.objects(entries, "entries", notes)))
        notes.add("`entries` was no object; its entries were numbered.")
    raws = [raw for _, raw in found]
    hints = [identity(key) for key, _ in found]
    read_entries = shapes.read_entries(raws, SHAPE, notes, hints)
    keyed = zip(read_entries, found, strict=True)
    return replace(
        shapes.read_header(root, SHAPE, notes),
        entries=tuple(_with_key(entry, str(key)) for entry, (key, _) in keyed),
    )


def _with_key(entry: Entry, key: str) -> Entry:
    """The entry, remembering the key it stood under if that is not its number."""
    if key == str(entry.uid):
        return entry
    kept = {**entry.unknown.get(FORM, {}), "key": key}
    return replace(entry, unknown={**entry.unknown, FORM: kept})


def write(book: Book) -> Json:
    out = shapes.write_header(book, SHAPE)
    uids = [str(entry.uid) for entry in book.entries]
    keys = [
        entry.unknown.get(FORM, {}).get("key", uid)
        for entry, uid in zip(book.entries, uids, strict=True)
    ]
    if len(set(keys)) < len(keys):
        keys = uids
    out["entries"] = {
        key: shapes.write_entry(entry, SHAPE, _place(key, entry))
        for key, entry in zip(keys, book.entries, strict=True)
    }
    return out


def _place(key: str, entry: Entry) -> int:
    """The number that the entry would be read with if it said none."""
    number = identity(key)
    return entry.uid if number is None else number


def _read_header(reader: Reader) -> Book:
    return shapes.book_fields(reader, _HEADER)


def _write_header(book: Book) -> Json:
    extensions = {"extensions": book.extensions} if book.extensions else {}
    return {**shapes.said_fields(book, _HEADER), **extensions}


def _read_entry(reader: Reader, uid: int) -> Entry:
    return Entry(
        uid=uid,
        keys=reader.texts("key"),
        secondary_keys=reader.texts("keysecondary"),
        comment=reader.text("comment", most=TEXT_CHARS_MOST),
        content=reader.text("content", most=CONTENT_CHARS_MOST),
        enabled=not reader.flag("disable", False),
        constant=reader.flag("constant", DEFAULTS.constant),
        selective=reader.flag("selective", DEFAULTS.selective),
        order=order(reader, "order"),
        add_memo=reader.flag("addMemo", DEFAULTS.add_memo),
        character_filter=read_filter(reader, "characterFilter"),
        **{f.name: f.read(reader, f.sillytavern, default_of(f.name)) for f in FIELDS},
    )


def _write_entry(entry: Entry) -> Json:
    """Every field. An entry under version 3's pattern rules is said by SillyTavern's."""
    keys: list[str] = list(entry.keys)
    if entry.use_regex:
        keys = [
            patterns.as_pattern(key, is_raw=True, case_sensitive=entry.case_sensitive)
            for key in keys
        ]
    return {
        "uid": entry.uid,
        "key": keys,
        "keysecondary": list(entry.secondary_keys),
        "comment": entry.comment or entry.name,
        "content": entry.content,
        "disable": not entry.enabled,
        "constant": entry.constant and not entry.use_regex,
        "selective": entry.selective and not entry.use_regex,
        "order": entry.order,
        "addMemo": entry.add_memo,
        "characterFilter": write_filter(entry.character_filter),
        **{f.sillytavern: plain(getattr(entry, f.name)) for f in FIELDS if _is_said(entry, f.name)},
    }


def _is_said(entry: Entry, name: str) -> bool:
    return name != "display_index" or entry.display_index is not None


def read_filter(reader: Reader, name: str) -> CharacterFilter:
    inner = reader.inside(name)
    return CharacterFilter(
        is_exclude=inner.flag("isExclude", False),
        names=inner.texts("names"),
        tags=inner.texts("tags"),
    )


def write_filter(found: CharacterFilter) -> dict[str, Any]:
    return {
        "isExclude": found.is_exclude,
        "names": list(found.names),
        "tags": list(found.tags),
    }


SHAPE: Final = shapes.Shape(
    form=FORM,
    entries_name="entries",
    uid_name="uid",
    read_entry=_read_entry,
    write_entry=_write_entry,
    read_header=_read_header,
    write_header=_write_header,
)
