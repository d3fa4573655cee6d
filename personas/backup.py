"""Persona backups: bytes to values and back. Pure: no models, no files.

Reads SillyTavern's backups and settings, and the persona pictures that Risu writes.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec
import orjson

from core import png
from core.errors import Invalid
from core.jsontext import looks_like_json, read_json

FILE_BYTES_MOST: Final = 16 * 1024 * 1024
PERSONAS_MOST: Final = 10_000
NAME_CHARS_MOST: Final = 200
TEXT_CHARS_MOST: Final = 1024 * 1024
CONNECTIONS_MOST: Final = 10_000
_NUMBER_MOST: Final = 10_000
_ROLE_MOST: Final = 2
_KNOWN: Final = frozenset(
    ("description", "position", "depth", "role", "lorebook", "title", "connections")
)
_UNSAFE: Final = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')


class Position(IntEnum):
    """Where in the prompt a persona's description goes."""

    IN_PROMPT = 0
    AFTER_CHARACTER = 1
    NOTE_TOP = 2
    NOTE_BOTTOM = 3
    AT_DEPTH = 4
    NOWHERE = 9


class PersonaFile(msgspec.Struct, frozen=True, kw_only=True):
    """A persona as a file says it. Defaults are SillyTavern's.

    `key` is the name of its picture, which the file does not hold; "" for a Risu persona.
    `role` is 0 system, 1 user, 2 assistant, and counts only at a depth. `connections` are
    {type: "character" or "group", id} of those it is worn for. `unknown` holds what no field
    says, a value that means nothing included, for export.
    """

    key: str = ""
    name: str
    title: str = ""
    description: str = ""
    position: Position = Position.IN_PROMPT
    depth: int = 2
    role: int = 0
    lorebook: str = ""
    connections: tuple[dict[str, Any], ...] = ()
    is_default: bool = False
    unknown: dict[str, Any] = {}


def read_personas(data: bytes, filename: str = "") -> list[PersonaFile]:
    """The personas in a file's bytes. `filename` names a Risu persona that has no name.

    Raises Invalid: `persona_too_large`, `persona_damaged`, `persona_too_complex` or
    `no_persona`.
    """
    if len(data) > FILE_BYTES_MOST:
        limit = FILE_BYTES_MOST // 2**20
        raise _refuse(f"The file is larger than {limit} MB.", "persona_too_large")
    if png.is_png(data):
        return [_from_picture(data, filename)]
    if not looks_like_json(data):
        raise _refuse("This is neither a persona backup nor a persona picture.", "no_persona")
    root = read_json(data, what="persona", notes=[])
    if isinstance(root, dict) and isinstance(root.get("power_user"), dict):
        root = root["power_user"]
    if not isinstance(root, dict) or not isinstance(root.get("personas"), dict):
        raise _refuse("This JSON file holds no personas.", "no_persona")
    return personas_of(root)


def personas_of(backup: dict[str, Any]) -> list[PersonaFile]:
    """The personas in a backup, or in the `power_user` part of SillyTavern's settings.

    Raises Invalid (`persona_too_large`) for more than anybody has.
    """
    names, descriptions = (
        value if isinstance(value := backup.get(key), dict) else {}
        for key in ("personas", "persona_descriptions")
    )
    keys = list({**names, **descriptions})
    if len(keys) > PERSONAS_MOST:
        raise _refuse(f"There are more than {PERSONAS_MOST} personas.", "persona_too_large")
    default = backup.get("default_persona")
    return [_persona(key, names.get(key), descriptions.get(key), default) for key in keys]


def write_personas(personas: Sequence[PersonaFile]) -> bytes:
    """A backup that SillyTavern restores. Those without a key, or with another's, get a new one."""
    keyed = list(zip(_keys(personas), personas, strict=True))
    backup = {
        "personas": {key: persona.name for key, persona in keyed},
        "persona_descriptions": {key: _description(persona) for key, persona in keyed},
        "default_persona": next((key for key, persona in keyed if persona.is_default), None),
    }
    return orjson.dumps(backup, option=orjson.OPT_INDENT_2)


def _refuse(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, param="file")


def _from_picture(data: bytes, filename: str) -> PersonaFile:
    """The persona that Risu hides in a picture: {name, personaPrompt, note}."""
    text = png.texts(data).get("persona")
    if text is None:
        raise _refuse("This picture holds no persona.", "no_persona")
    try:
        decoded = base64.b64decode(text, validate=False)
    except binascii.Error as error:
        message = "The persona inside this picture is damaged (base64)."
        raise _refuse(message, "persona_damaged") from error
    root = read_json(decoded, what="persona", notes=[])
    if not isinstance(root, dict):
        raise _refuse("The persona inside this picture is no JSON object.", "persona_damaged")
    known = ("name", "personaPrompt", "note")
    return PersonaFile(
        name=_name(root.get("name")) or _stem(filename) or "Unnamed",
        title=_name(root.get("note")),
        description=_text(root.get("personaPrompt")),
        unknown={key: value for key, value in root.items() if key not in known},
    )


def _persona(key: str, name: Any, about: Any, default: Any) -> PersonaFile:
    if isinstance(about, str):
        about = {"description": about}
    if not isinstance(about, dict):
        about = {}
    unknown = {k: value for k, value in about.items() if k not in _KNOWN}
    connections = about.get("connections")
    if not isinstance(connections, list):
        connections = []
    return PersonaFile(
        key=key,
        name=_name(name) or _stem(key) or "Unnamed",
        title=_name(about.get("title")),
        description=_text(about.get("description")),
        position=_position(about, unknown),
        depth=_number(about, "depth", usual=2, most=_NUMBER_MOST),
        role=_number(about, "role", usual=0, most=_ROLE_MOST),
        lorebook=_name(about.get("lorebook")),
        connections=tuple(c for c in connections if isinstance(c, dict))[:CONNECTIONS_MOST],
        is_default=key == default,
        unknown=unknown,
    )


def _position(about: dict[str, Any], unknown: dict[str, Any]) -> Position:
    """The position; a number that names none is put into `unknown` as it is."""
    value = about.get("position")
    number = _number(about, "position", usual=-1, most=max(Position))
    if number in set(Position):
        return Position(number)
    if value is not None:
        unknown["position"] = value
    return Position.IN_PROMPT


def _number(about: dict[str, Any], key: str, *, usual: int, most: int) -> int:
    value = about.get(key)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:9])
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and is_number and 0 <= value <= most else usual


def _name(value: Any) -> str:
    return value[:NAME_CHARS_MOST] if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value[:TEXT_CHARS_MOST] if isinstance(value, str) else ""


def _stem(filename: str) -> str:
    name = filename.replace("\\", "/").rpartition("/")[2]
    return _name(name.removesuffix(".png"))


def _keys(personas: Iterable[PersonaFile]) -> Iterator[str]:
    """A key of its own for each persona: the one it has, where nobody before it has the same."""
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for persona in personas:
        stem = _UNSAFE.sub("-", persona.name).strip(". ") or "persona"
        key = persona.key or f"{stem}.png"
        while key in taken:
            numbers[stem] += 1
            key = f"{stem} {numbers[stem] + 1}.png"
        taken.add(key)
        yield key


def _description(persona: PersonaFile) -> dict[str, Any]:
    return {
        "description": persona.description,
        "position": int(persona.position),
        "depth": persona.depth,
        "role": persona.role,
        "lorebook": persona.lorebook,
        "title": persona.title,
        "connections": list(persona.connections),
        **persona.unknown,
    }
