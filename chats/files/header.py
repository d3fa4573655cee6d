"""The first line of a SillyTavern chat: names, author's note and what else holds for it. Pure."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from chats.files.dates import read_date
from chats.files.values import NAME_CHARS_MOST, TEXT_CHARS_MOST, ChatFile, FileMessage, Note, Notes

UNSAID: Final = "unused"  # what newer versions write in place of names
KEYS: Final = ("user_name", "character_name", "create_date", "chat_metadata")
TEXTS: Final = {
    "scenario": "scenario",
    "persona": "persona",
    "world_info": "world_info",
    "main_chat": "parent",
    "integrity": "integrity",
}
OBJECTS: Final = {"variables": "variables", "timedWorldInfo": "timed"}
NOTE: Final = {
    "note_prompt": "prompt",
    "note_interval": "interval",
    "note_depth": "depth",
    "note_position": "position",
    "note_role": "role",
}
_NOTE_MOST: Final = {
    "note_interval": 10_000,
    "note_depth": 10_000,
    "note_position": 2,
    "note_role": 2,
}
_DIGITS_MOST: Final = 9
_KNOWN_METADATA: Final = {*TEXTS, *OBJECTS, *NOTE}


def is_header(line: dict[str, Any]) -> bool:
    return "mes" not in line and any(key in line for key in KEYS)


def read_header(line: dict[str, Any], notes: Notes) -> ChatFile:
    """A chat without messages, with all that its first line says."""
    metadata = line.get("chat_metadata")
    if not isinstance(metadata, dict):
        if metadata is not None:
            notes.add("`chat_metadata` was no object and was left out.")
        metadata = {}
    unknown = {
        "header": {key: value for key, value in line.items() if key not in KEYS},
        "metadata": {k: value for k, value in metadata.items() if k not in _KNOWN_METADATA},
    }
    created_at = read_date(line.get("create_date"))
    if created_at is None and line.get("create_date"):
        notes.add("`create_date` could not be read and was kept as it was.")
        unknown["header"]["create_date"] = line["create_date"]
    known: dict[str, Any] = {
        **{field: _text(metadata, key, notes) for key, field in TEXTS.items()},
        **{field: _object(metadata, key, notes) for key, field in OBJECTS.items()},
    }
    return ChatFile(
        user_name=_name(line.get("user_name")),
        character_name=_name(line.get("character_name")),
        created_at=created_at,
        note=read_note(metadata, notes),
        unknown={part: found for part, found in unknown.items() if found},
        **known,
    )


def read_note(metadata: dict[str, Any], notes: Notes) -> Note | None:
    """The author's note that a chat's metadata holds; None if it says nothing of one."""
    if not any(key in metadata for key in NOTE):
        return None
    usual = Note()
    numbers = {
        NOTE[key]: _number(metadata, key, getattr(usual, NOTE[key]), notes) for key in _NOTE_MOST
    }
    return Note(prompt=_text(metadata, "note_prompt", notes), **numbers)


def named(chat: ChatFile) -> ChatFile:
    """The same chat, where names it does not say are those of its first messages, and back."""
    user = chat.user_name or _first(chat.messages, "user")
    character = chat.character_name or _first(chat.messages, "assistant")
    names = {"user": user, "assistant": character}
    messages = tuple(
        message
        if message.name or not names.get(message.role)
        else msgspec.structs.replace(message, name=names[message.role])
        for message in chat.messages
    )
    return msgspec.structs.replace(
        chat, user_name=user, character_name=character, messages=messages
    )


def _first(messages: Iterable[FileMessage], role: str) -> str:
    return next((one.name for one in messages if one.role == role and one.name), "")


def _name(value: Any) -> str:
    if not isinstance(value, str) or value == UNSAID:
        return ""
    return value[:NAME_CHARS_MOST]


def _text(metadata: dict[str, Any], key: str, notes: Notes) -> str:
    value = metadata.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        notes.add(f"`{key}` was no text and was left out.")
        return ""
    if len(value) > TEXT_CHARS_MOST:
        notes.add(f"`{key}` was very long and was cut.")
    return value[:TEXT_CHARS_MOST]


def _object(metadata: dict[str, Any], key: str, notes: Notes) -> dict[str, Any]:
    value = metadata.get(key)
    if isinstance(value, dict):
        return value
    if value is not None:
        notes.add(f"`{key}` was no object and was left out.")
    return {}


def _number(metadata: dict[str, Any], key: str, usual: int, notes: Notes) -> int:
    value = metadata.get(key)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:_DIGITS_MOST])
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _NOTE_MOST[key]:
        return value
    if value is not None:
        notes.add(f"`{key}` had no sensible value; {usual} was taken.")
    return usual
