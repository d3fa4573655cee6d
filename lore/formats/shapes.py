"""What every format has in common: a header, entries, and giving both back as they came. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count, zip_longest
from typing import Any, Final

from msgspec.structs import replace

from core.errors import Invalid
from lore.formats import keeping
from lore.formats.keeping import Json
from lore.formats.reading import TEXT_CHARS_MOST, WHOLE_MOST, Notes, Reader, identity
from lore.values import DEPTH_MOST, Book, Entry

ENTRIES_MOST: Final = 20_000
UNKNOWN_MOST: Final = 1_000
NAMED_AFTER_FILE: Final = "named_after_file"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One format's entries and header as JSON objects.

    `also` names a second format with the same header and entries; `uid_name` is the key that
    holds an entry's number, "" if the format numbers no entries; `entries_name` the key in the
    header under which the entries are.
    """

    form: str
    also: str = ""
    entries_name: str
    uid_name: str
    read_entry: Callable[[Reader, int], Entry]
    write_entry: Callable[[Entry], Json]
    read_header: Callable[[Reader], Book]
    write_header: Callable[[Book], Json]


def refuse(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, param="file")


def read_book(root: Json, raws: Any, shape: Shape, notes: Notes) -> Book:
    """The book of a format that has its entries in a list."""
    entries = read_entries(objects(raws, shape.entries_name, notes), shape, notes)
    return replace(read_header(root, shape, notes), entries=entries)


def write_book(book: Book, shape: Shape) -> Json:
    out = write_header(book, shape)
    out[shape.entries_name] = [
        write_entry(entry, shape, index if shape.uid_name else entry.uid)
        for index, entry in enumerate(book.entries)
    ]
    return out


def objects(value: Any, name: str, notes: Notes) -> list[Json]:
    """The objects in a list, or in the values of an object, that should be a list."""
    if isinstance(value, dict):
        notes.add(f"`{name}` was an object and became a list of its values.")
        value = list(value.values())
    if not isinstance(value, list):
        notes.add(f"`{name}` was no list and is empty now.")
        return []
    kept = [item for item in value if isinstance(item, dict)]
    if len(kept) < len(value):
        notes.add(f"`{name}` held things that are no entries; they were left out.")
    return kept


def read_entries(
    raws: list[Json], shape: Shape, notes: Notes, hints: Iterable[int | None] = ()
) -> tuple[Entry, ...]:
    """The entries, each with a number of its own. `hints` number those that say none."""
    if len(raws) > ENTRIES_MOST:
        raise refuse(f"The lorebook has more than {ENTRIES_MOST:,} entries.", "lorebook_too_large")
    said = [identity(raw.get(shape.uid_name)) if shape.uid_name else None for raw in raws]
    return tuple(
        _read_entry(raw, uid, shape, notes, is_renumbered=number not in (None, uid))
        for raw, uid, number in zip(raws, numbered(said, list(hints)), said, strict=True)
    )


def numbered(said: list[int | None], hints: list[int | None]) -> list[int]:
    """A number for each: the one said, else its hint, else its place; a new one if it is taken."""
    taken = {number for number in said if number is not None}
    spare = count(max([len(said) - 1, *taken, *filter(None, hints)]) + 1)
    seen: set[int] = set()
    out = []
    for place, (number, hint) in enumerate(zip_longest(said, hints)):
        uid = number if number is not None else hint if hint is not None else place
        if uid in seen or (number is None and uid in taken):
            uid = next(spare)
        seen.add(uid)
        out.append(uid)
    return out


def _read_entry(raw: Json, uid: int, shape: Shape, notes: Notes, *, is_renumbered: bool) -> Entry:
    reader = Reader(raw, notes)
    if is_renumbered:
        reader.mend(shape.uid_name, "was used by two entries; the later one got a new number")
    entry = shape.read_entry(reader, uid)
    written = shape.write_entry(entry)
    kept = _kept(raw, written, reader)
    return replace(entry, unknown={shape.form: kept}) if kept else entry


def _kept(raw: Json, written: Json, reader: Reader) -> Json:
    """What is to be kept of an object. Raises Invalid if that is too much to be real."""
    kept = keeping.difference(written, keeping.mended(raw, written, reader.mended))
    if len(keeping.changes_in(kept)) > UNKNOWN_MOST:
        raise refuse(
            f"A part of the lorebook has more than {UNKNOWN_MOST:,} unknown fields.",
            "lorebook_too_complex",
        )
    return kept


def write_entry(entry: Entry, shape: Shape, place: int) -> Json:
    """The entry as JSON. `place` is the number it would get if the file said none."""

    def read_again(raw: Json) -> Json:
        said = identity(raw.get(shape.uid_name)) if shape.uid_name else None
        uid = place if said is None else said
        return shape.write_entry(shape.read_entry(Reader(raw, Notes()), uid))

    kept = entry.unknown.get(shape.form, {})
    return keeping.given_back(shape.write_entry(entry), kept, read_again)


def read_header(root: Json, shape: Shape, notes: Notes) -> Book:
    raw = {key: value for key, value in root.items() if key != shape.entries_name}
    reader = Reader(raw, notes)
    book = replace(shape.read_header(reader), form=shape.form)
    written = shape.write_header(book)
    kept = _kept(raw, written, reader)
    return replace(book, unknown={shape.form: kept}) if kept else book


def write_header(book: Book, shape: Shape) -> Json:
    """The book without its entries. A name that the file's name gave stays out of the file."""

    def read_again(raw: Json) -> Json:
        return shape.write_header(shape.read_header(Reader(raw, Notes())))

    if book.form in (shape.form, shape.also) and book.unknown.get(NAMED_AFTER_FILE) == book.name:
        book = replace(book, name="")
    kept = book.unknown.get(shape.form, {})
    return keeping.given_back(shape.write_header(book), kept, read_again)


def book_fields(reader: Reader, names: tuple[str, str, str]) -> Book:
    """Name, description, extensions, and scan depth, token budget and recursion as named."""
    depth, budget, recursive = names
    return Book(
        name=reader.text("name"),
        description=reader.text("description", most=TEXT_CHARS_MOST),
        scan_depth=reader.maybe_whole(depth, least=0, most=DEPTH_MOST),
        token_budget=reader.maybe_whole(budget, least=0, most=WHOLE_MOST),
        recursive_scanning=reader.maybe_flag(recursive),
        extensions=reader.mapping("extensions"),
    )


def said_fields(book: Book, names: tuple[str, str, str]) -> Json:
    """The same as JSON, without what is empty or follows the chat."""
    values = (book.scan_depth, book.token_budget, book.recursive_scanning)
    texts = {"name": book.name, "description": book.description}
    return {
        **{name: text for name, text in texts.items() if text},
        **{name: value for name, value in zip(names, values, strict=True) if value is not None},
    }


def title(entry: Entry) -> str:
    """What an entry is called, for formats that have one field for it."""
    return entry.name or entry.comment
