"""Character cards: bytes to values and back. Pure: no models, no files.

Reads versions 1, 2 and 3 from JSON and from PNG. What people really have is often a little
wrong: such cards are read, and `notes` say what was mended. Keys that no specification lists
are kept in `unknown`.
"""

import base64
import binascii
import unicodedata
from dataclasses import dataclass, field, fields
from typing import Any, Final

import orjson

from characters.mending import Reader
from core import png
from core.errors import Invalid
from core.jsontext import looks_like_json, read_json

FILE_BYTES_MOST: Final = 24 * 1024 * 1024
CARD_BYTES_MOST: Final = 12 * 1024 * 1024
PIXELS_MOST: Final = 50_000_000
NAME_CHARS_MOST: Final = 200
SPEC_VERSION: Final = 3.0

TEXT_FIELDS: Final = (
    "nickname",
    "description",
    "personality",
    "scenario",
    "first_mes",
    "mes_example",
    "creator_notes",
    "system_prompt",
    "post_history_instructions",
    "creator",
    "character_version",
)
_LISTS: Final = ("alternate_greetings", "group_only_greetings", "source")
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
    *_LISTS,
}
_KNOWN_ROOT: Final = {"spec", "spec_version", "data"}
_V1_FIELDS: Final = ("description", "personality", "scenario", "first_mes", "mes_example")


@dataclass(kw_only=True)
class Card:
    """A character as a card says it. Names are the specification's."""

    name: str
    nickname: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    creator_notes_multilingual: dict[str, str] = field(default_factory=dict)
    system_prompt: str = ""
    post_history_instructions: str = ""
    alternate_greetings: list[str] = field(default_factory=list)
    group_only_greetings: list[str] = field(default_factory=list)
    character_book: dict[str, Any] | None = None
    creator: str = ""
    character_version: str = ""
    tags: list[str] = field(default_factory=list)
    assets: list[Any] | None = None
    source: list[str] = field(default_factory=list)
    creation_date: int | None = None
    modification_date: int | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    spec: str = "chara_card_v3"
    picture: bytes | None = None
    media_type: str = "application/json"
    notes: list[str] = field(default_factory=list)


def read_card(data: bytes, filename: str = "") -> Card:
    """The card in a file's bytes. Raises Invalid with a reason that a person understands."""
    if len(data) > FILE_BYTES_MOST:
        raise _refuse(f"The file is larger than {FILE_BYTES_MOST // 2**20} MB.", "card_too_large")
    if png.is_png(data):
        return _from_png(data)
    if looks_like_json(data):
        return _from_json(data, notes=[])
    raise _refuse(_why_unreadable(data, filename), "card_not_readable")


def _why_unreadable(data: bytes, filename: str) -> str:
    if data[:4] == b"PK\x03\x04" or filename.lower().endswith(".charx"):
        return "CHARX archives cannot be read yet. Export the card as PNG or JSON."
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP cards cannot be read yet. Export the card as PNG or JSON."
    if data[:2] == b"\xff\xd8":
        return "This is a JPEG picture; cards come as PNG or JSON."
    if not data:
        return "The file is empty."
    return "This is neither a PNG picture nor a JSON file, so there is no card to read."


def _refuse(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, param="file")


def _from_png(data: bytes) -> Card:
    size = png.size(data)
    if size is None or not all(size) or size[0] * size[1] > PIXELS_MOST:
        raise _refuse("The picture's size is missing or absurd.", "card_picture_too_large")
    card = _from_texts(png.texts(data), data)
    card.picture = data
    card.media_type = "image/png"
    return card


def _from_texts(texts: dict[str, bytes], data: bytes) -> Card:
    newer, older = texts.get("ccv3"), texts.get("chara")
    if newer and older:
        return _from_either(newer, older)
    text = newer or older
    if text:
        return _from_text(text, notes=[])
    if png.compressed_keywords(data) & {"ccv3", "chara"}:
        raise _refuse("The card inside this picture is compressed, which is not read.", "no_card")
    raise _refuse("There is no character card inside this picture.", "no_card")


def _from_either(newer: bytes, older: bytes) -> Card:
    """Version 3 if it can be read, else the version 2 copy beside it."""
    both = "The picture holds a version 2 and a version 3 card; version 3 was read."
    try:
        return _from_text(newer, notes=[both])
    except Invalid:
        damaged = "The version 3 card in this picture is damaged; version 2 was read."
        return _from_text(older, notes=[damaged])


def _from_text(text: bytes, *, notes: list[str]) -> Card:
    if len(text) > CARD_BYTES_MOST:
        raise _refuse("The card inside this picture is too large.", "card_too_large")
    try:
        decoded = base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise _refuse(
            "The card inside this picture is damaged (base64).", "card_damaged"
        ) from error
    return _from_json(decoded, notes=notes)


def _from_json(data: bytes, *, notes: list[str]) -> Card:
    if len(data) > CARD_BYTES_MOST:
        raise _refuse("The card is too large.", "card_too_large")
    root = read_json(data, what="card", notes=notes)
    if not isinstance(root, dict):
        raise _refuse("A card is a JSON object; this file holds something else.", "no_card")
    return _from_root(root, notes)


def _from_root(root: dict[str, Any], notes: list[str]) -> Card:
    spec = str(root.get("spec") or "")
    data = root.get("data")
    if isinstance(data, dict):
        if _is_newer(root.get("spec_version")):
            notes.append("The card is of a newer version; what is unknown here was kept.")
        stale = {k: v for k, v in root.items() if k not in _KNOWN_ROOT}
        return _from_data(data, spec or "chara_card_v2", stale, notes)
    if spec == "lorebook_v3" or _is_lorebook(root):
        raise _refuse("This file is a lorebook, not a character.", "is_lorebook")
    if "name" not in root or not any(key in root for key in _V1_FIELDS):
        raise _refuse(
            "This JSON file is not a character card: it has no name or no description.", "no_card"
        )
    if spec:
        notes.append(f"The file calls itself {spec} but is written like version 1.")
    return _from_data(root, "chara_card_v1", {}, notes)


def _is_newer(version: Any) -> bool:
    try:
        return float(version) > SPEC_VERSION
    except (TypeError, ValueError):
        return False


def _is_lorebook(root: dict[str, Any]) -> bool:
    return "entries" in root and "first_mes" not in root


def _from_data(data: dict[str, Any], spec: str, stale: dict[str, Any], notes: list[str]) -> Card:
    if "name" not in data:
        raise _refuse("The card has no `name`, so nobody could call this character.", "no_name")
    reader = Reader(data, notes)
    name = unicodedata.normalize("NFC", " ".join(reader.text("name").split()))
    if not name:
        notes.append("The name was blank; it is called Unnamed now.")
        name = "Unnamed"
    unknown = {
        "root": stale,
        "data": {k: v for k, v in data.items() if k not in _KNOWN_DATA | _root_only(spec)},
    }
    plain: dict[str, Any] = {
        **{field_name: reader.text(field_name) for field_name in TEXT_FIELDS},
        **{field_name: reader.texts(field_name) for field_name in _LISTS},
    }
    return Card(
        name=name[:NAME_CHARS_MOST],
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


def _root_only(spec: str) -> set[str]:
    return {"spec", "spec_version"} if spec == "chara_card_v1" else set()


def to_v3(card: Card) -> dict[str, Any]:
    """The card as a version 3 object, with every unknown key where it was found."""
    data: dict[str, Any] = {**card.unknown.get("data", {})}
    skipped = {"unknown", "spec", "picture", "media_type", "notes"}
    for entry in fields(card):
        if entry.name not in skipped:
            data[entry.name] = getattr(card, entry.name)
    for name in ("character_book", "assets", "creation_date", "modification_date"):
        if data[name] is None:
            del data[name]
    for name in ("nickname", "creator_notes_multilingual", "source"):
        if not data[name]:
            del data[name]
    return {
        **card.unknown.get("root", {}),
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": data,
    }


def to_v2(card: Card) -> dict[str, Any]:
    """The card as a version 2 object, for programs that know no newer one."""
    whole = to_v3(card)
    newer = ("nickname", "creator_notes_multilingual", "source", "group_only_greetings", "assets")
    data = {k: v for k, v in whole["data"].items() if k not in newer}
    return {**whole, "spec": "chara_card_v2", "spec_version": "2.0", "data": data}


def to_png(card: Card, picture: bytes) -> bytes:
    """The picture with the card in it, in both versions. `picture` must be a PNG."""
    return png.with_texts(
        picture,
        {
            "chara": base64.b64encode(orjson.dumps(to_v2(card))),
            "ccv3": base64.b64encode(orjson.dumps(to_v3(card))),
        },
    )
