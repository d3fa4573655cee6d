"""Cards written as JSON objects, by versions 1, 2 and 3 and by hybrids of them. Pure."""

import unicodedata
from typing import Any, Final

from characters.cards import legacy
from characters.cards.mending import Reader
from characters.cards.values import (
    CARD_BYTES_MOST,
    LIST_FIELDS,
    NAME_CHARS_MOST,
    TEXT_FIELDS,
    V1_FIELDS,
    Card,
    Note,
    refuse,
)
from core import jsontext

SPEC_VERSION: Final = 3.0
# What one value costs in memory is far more than the two bytes it can be written in.
TOKENS_MOST: Final = 600_000
# Added to the version 2 copy in a picture, so that readers of it know; taken off when read.
OLDER_COPY_NOTE: Final = (
    "(This is the version 2 copy of a version 3 card. A program that reads version 3 shows all.)"
)

_KNOWN_DATA: Final = {
    "name",
    "tags",
    "character_book",
    "creator_notes_multilingual",
    "assets",
    "creation_date",
    "modification_date",
    "extensions",
    *TEXT_FIELDS,
    *LIST_FIELDS,
}
_KNOWN_ROOT: Final = {"spec", "spec_version", "data"}
_VERSION_OF: Final = {"chara_card_v1": 1, "chara_card_v2": 2, "chara_card_v3": 3}


def read_json(data: bytes, *, place: str, notes: list[Note]) -> Card:
    """The card in JSON text, found in `place` ("a JSON file"). Raises Invalid."""
    return read_object(load_object(data, notes=notes), place=place, notes=notes)


def load_object(data: bytes, *, notes: list[Note]) -> dict[str, Any]:
    """JSON text as an object of bounded size whose texts can be stored. Raises Invalid."""
    if len(data) > CARD_BYTES_MOST:
        raise refuse("The card is too large.", "card_too_large")
    mended: list[str] = []
    root = jsontext.read_json(data, what="card", notes=mended, tokens_most=TOKENS_MOST)
    notes.extend(Note("repaired", text) for text in mended)
    if not isinstance(root, dict):
        raise refuse("A card is a JSON object; this file holds something else.", "no_card")
    return root


def read_object(root: dict[str, Any], *, place: str, notes: list[Note]) -> Card:
    """The card in an object, of whichever version or program. Raises Invalid."""
    spec = str(root.get("spec") or "")
    data = root.get("data")
    if isinstance(data, dict):
        stale = {k: v for k, v in root.items() if k not in _KNOWN_ROOT}
        _note_version(root, spec, place, notes)
        return read_data(data, spec=spec or "chara_card_v2", stale=stale, notes=notes)
    if spec == "lorebook_v3" or _is_lorebook(root):
        raise refuse("This file is a lorebook, not a character.", "is_lorebook")
    if _is_v1(root):
        if spec:
            wrong = f"The file calls itself {spec} but is written like version 1."
            notes.append(Note("repaired", wrong))
        notes.insert(0, Note("read", f"Read as a version 1 card from {place}."))
        return read_data(root, spec="chara_card_v1", stale={}, notes=notes)
    foreign = legacy.translate(root)
    if foreign is None:
        raise refuse(
            "This file is not a character card: it has no name or no description.", "no_card"
        )
    return read_foreign(foreign, place=place, notes=notes)


def read_foreign(foreign: legacy.Foreign, *, place: str, notes: list[Note]) -> Card:
    """The card that another program's file makes."""
    notes.insert(0, Note("read", f"Read as {foreign.called} from {place}."))
    notes.extend(foreign.notes)
    return read_data(foreign.data, spec=foreign.spec, stale={}, notes=notes)


def _note_version(root: dict[str, Any], spec: str, place: str, notes: list[Note]) -> None:
    version = root.get("spec_version")
    said = _VERSION_OF.get(spec)
    called = f"a version {said} card" if said else f"a card of kind {spec[:40] or 'unknown'}"
    told = f" (spec_version {str(version)[:20]})" if version else ""
    notes.insert(0, Note("read", f"Read as {called}{told} from {place}."))
    if _is_newer(version):
        newer = "The card is of a newer version; what is unknown here was kept."
        notes.append(Note("ignored", newer))


def _is_newer(version: Any) -> bool:
    try:
        return float(version) > SPEC_VERSION
    except (TypeError, ValueError):
        return False


def _is_lorebook(root: dict[str, Any]) -> bool:
    return "entries" in root and "first_mes" not in root


def _is_v1(root: dict[str, Any]) -> bool:
    return (
        "name" in root
        and any(key in root for key in V1_FIELDS)
        and not legacy.is_character_ai(root)
    )


def read_data(data: dict[str, Any], *, spec: str, stale: dict[str, Any], notes: list[Note]) -> Card:
    """The card in its `data`. `stale` are the root's other keys, kept but never read."""
    if "name" not in data:
        raise refuse("The card has no `name`, so nobody could call this character.", "no_name")
    reader = Reader(data, notes)
    unknown = {
        "root": stale,
        "data": {k: v for k, v in data.items() if k not in _KNOWN_DATA | _root_only(spec)},
    }
    plain: dict[str, Any] = {
        **{field_name: reader.text(field_name) for field_name in TEXT_FIELDS},
        **{field_name: reader.texts(field_name) for field_name in LIST_FIELDS},
    }
    plain["creator_notes"] = _without_copy_note(plain["creator_notes"])
    return Card(
        name=_name(reader.text("name"), notes),
        **plain,
        creator_notes_multilingual=reader.mapping("creator_notes_multilingual"),
        character_book=reader.book(),
        tags=reader.tags(),
        assets=reader.assets(),
        creation_date=reader.date("creation_date"),
        modification_date=reader.date("modification_date"),
        extensions=reader.extensions(),
        unknown={part: found for part, found in unknown.items() if found},
        spec=spec,
        notes=notes,
    )


def _name(text: str, notes: list[Note]) -> str:
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name:
        notes.append(Note("repaired", "The name was blank; it is called Unnamed now."))
        return "Unnamed"
    if len(name) > NAME_CHARS_MOST:
        cut = f"The name was longer than {NAME_CHARS_MOST} characters and was cut."
        notes.append(Note("repaired", cut))
    return name[:NAME_CHARS_MOST].rstrip()


def _without_copy_note(text: str) -> str:
    if not text.endswith(OLDER_COPY_NOTE):
        return text
    return text.removesuffix(OLDER_COPY_NOTE).removesuffix("\n\n")


def _root_only(spec: str) -> set[str]:
    return {"spec", "spec_version"} if spec == "chara_card_v1" else set()
