"""The books inside character cards, versions 2 and 3, and alone as `lorebook_v3`. Pure.

An entry with extension keys of SillyTavern follows SillyTavern's rules: that program stamps
`use_regex` on everything it exports. `extensions.reverie.use_regex` says that an entry of ours
follows version 3's although it has such keys.
"""

from typing import Any, Final

from lore.decorators import undecorated
from lore.formats import shapes
from lore.formats.fields import DEFAULTS, FIELDS, default_of, order, plain, priority
from lore.formats.keeping import Json
from lore.formats.reading import CONTENT_CHARS_MOST, TEXT_CHARS_MOST, Notes, Reader
from lore.formats.sillytavern import read_filter, write_filter
from lore.values import Book, CharacterFilter, Entry, Position

FORM: Final = "character_book"
STANDALONE: Final = "lorebook_v3"
_HEADER: Final = ("scan_depth", "token_budget", "recursive_scanning")
_EXTENSIONS: Final = {field.extension for field in FIELDS}
_OURS: Final = "reverie"
_RISU_CHANCE: Final = "risu_activationPercent"


def read(root: Json, notes: Notes) -> Book:
    return shapes.read_book(root, root.get("entries"), SHAPE, notes)


def write(book: Book) -> Json:
    """The book in version 3's shape."""
    return shapes.write_book(book, SHAPE)


def write_v2(book: Book) -> Json:
    """The book for programs that know only version 2: no patterns said, no decorators."""
    out = write(book)
    for entry in out["entries"]:
        entry.pop("use_regex", None)
        entry["content"] = undecorated(entry.get("content") or "")
        if not isinstance(entry.get("id", 0), int | float):
            del entry["id"]
    return out


def _read_header(reader: Reader) -> Book:
    return shapes.book_fields(reader, _HEADER)


def _write_header(book: Book) -> Json:
    return {**shapes.said_fields(book, _HEADER), "extensions": book.extensions}


def _read_entry(reader: Reader, uid: int) -> Entry:
    inner = reader.inside("extensions")
    values = {f.name: f.read(inner, f.extension, default_of(f.name)) for f in FIELDS}
    values["position"] = _position(reader, inner)
    if values["case_sensitive"] is None:
        values["case_sensitive"] = reader.maybe_flag("case_sensitive")
    if inner.data.get("probability") is None:
        values["probability"] = inner.whole(_RISU_CHANCE, DEFAULTS.probability, least=0, most=100)
    return Entry(
        uid=uid,
        keys=reader.texts("keys"),
        secondary_keys=reader.texts("secondary_keys"),
        name=reader.text("name"),
        comment=reader.text("comment", most=TEXT_CHARS_MOST),
        content=reader.text("content", most=CONTENT_CHARS_MOST),
        enabled=reader.flag("enabled", True),
        constant=reader.flag("constant", False),
        selective=reader.flag("selective", False),
        use_regex=reader.flag("use_regex", False) and _is_version_3(inner.data),
        order=order(reader, "insertion_order"),
        priority=priority(reader, "priority"),
        add_memo=inner.flag("add_memo", False),
        character_filter=read_filter(inner, "character_filter"),
        **values,
    )


def _is_version_3(extensions: dict[str, Any]) -> bool:
    """Whether version 3's rules hold for an entry with these extensions."""
    ours = extensions.get(_OURS)
    is_said = isinstance(ours, dict) and ours.get("use_regex") is True
    return is_said or not _EXTENSIONS & extensions.keys()


def _position(reader: Reader, inner: Reader) -> Position:
    """`extensions.position`, else `position`; as in SillyTavern, all but "before_char" is after.

    Spellings that start with "before" are in use as well.
    """
    said = reader.text("position")
    base = Position.BEFORE_CHARACTER if said.startswith("before") else Position.AFTER_CHARACTER
    return inner.choice("position", base)


def _write_entry(entry: Entry) -> Json:
    is_first = entry.position is Position.BEFORE_CHARACTER
    out: Json = {
        "id": entry.uid,
        "keys": list(entry.keys),
        "secondary_keys": list(entry.secondary_keys),
        "comment": entry.comment,
        "content": entry.content,
        "constant": entry.constant,
        "selective": entry.selective,
        "insertion_order": entry.order,
        "enabled": entry.enabled,
        "position": "before_char" if is_first else "after_char",
        "use_regex": entry.use_regex,
        "extensions": _write_extensions(entry),
    }
    if entry.name:
        out["name"] = entry.name
    if entry.priority is not None:
        out["priority"] = entry.priority
    if entry.case_sensitive is not None:
        out["case_sensitive"] = entry.case_sensitive
    return out


def _write_extensions(entry: Entry) -> Json:
    """What the entry has other than a new one."""
    out = {
        f.extension: plain(getattr(entry, f.name))
        for f in FIELDS
        if getattr(entry, f.name) != default_of(f.name)
    }
    if entry.position is Position.AFTER_CHARACTER:
        del out["position"]
    if entry.use_regex:
        out.pop("case_sensitive", None)
    if entry.use_regex and out:
        out[_OURS] = {"use_regex": True}
    if entry.probability != DEFAULTS.probability:
        out[_RISU_CHANCE] = entry.probability
    if entry.add_memo:
        out["add_memo"] = True
    if entry.character_filter != CharacterFilter():
        out["character_filter"] = write_filter(entry.character_filter)
    return out


SHAPE: Final = shapes.Shape(
    form=FORM,
    also=STANDALONE,
    entries_name="entries",
    uid_name="id",
    read_entry=_read_entry,
    write_entry=_write_entry,
    read_header=_read_header,
    write_header=_write_header,
)
