"""Chats as files: SillyTavern's, without loss, and a plain transcript. Pure.

Both are written line by line, so that a long chat is never one text in memory.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from chats.files.dates import write_date
from chats.files.header import NOTE, OBJECTS, TEXTS, UNSAID
from chats.files.lines import NARRATOR, role_of
from chats.files.values import ChatFile, FileMessage, Swipe


def write_sillytavern(chat: ChatFile) -> Iterator[bytes]:
    """The lines of a file that SillyTavern reads, each with its line end."""
    yield header_line(chat)
    for message in chat.messages:
        yield _line(message_line(message))


def write_text(chat: ChatFile) -> Iterator[bytes]:
    """A transcript for people, in UTF-8. Messages kept from the model are marked."""
    if chat.title:
        yield f"{chat.title}\n\n".encode()
    for message in chat.messages:
        when = f"{message.sent_at:%Y-%m-%d %H:%M} UTC" if message.sent_at else ""
        facts = ", ".join(fact for fact in (when, "hidden" if message.hidden else "") if fact)
        name = message.name or message.role.capitalize()
        yield f"{name} ({facts}):\n".encode() if facts else f"{name}:\n".encode()
        yield f"{message.content.strip()}\n\n".encode()


def header_line(chat: ChatFile) -> bytes:
    """The first line, which says all but the messages."""
    return _line(_header(chat))


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _header(chat: ChatFile) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for key, field in (TEXTS | OBJECTS).items():
        if getattr(chat, field):
            metadata[key] = getattr(chat, field)
    if chat.note is not None:
        metadata |= {key: getattr(chat.note, field) for key, field in NOTE.items()}
    header = {
        "user_name": chat.user_name or UNSAID,
        "character_name": chat.character_name or UNSAID,
        "chat_metadata": {**metadata, **chat.unknown.get("metadata", {})},
        **chat.unknown.get("header", {}),
    }
    if chat.created_at is not None:
        header["create_date"] = write_date(chat.created_at)
    return header


def message_line(message: FileMessage) -> dict[str, Any]:
    """What one line says of a message."""
    line: dict[str, Any] = {
        "name": message.name,
        "is_user": message.role == "user",
        "is_system": message.hidden,
        "mes": message.content,
        "extra": _extra(message),
        **message.unknown,
    }
    if message.sent_at is not None:
        line["send_date"] = write_date(message.sent_at)
    if message.swipes:
        line["swipes"] = [swipe.content for swipe in message.swipes]
        line["swipe_id"] = message.swipe_index
        infos = [_info(swipe) for swipe in message.swipes]
        line["swipe_info"] = infos if any(infos) else []
    return line


def _extra(message: FileMessage) -> dict[str, Any]:
    """What a file says of the message; a role that SillyTavern has no word for is said here."""
    is_user = message.role == "user"
    if role_of(is_user=is_user, hidden=message.hidden, extra=message.extra) == message.role:
        return message.extra
    return {**message.extra, "type": NARRATOR if message.role == "system" else "assistant_message"}


def _info(swipe: Swipe) -> dict[str, Any]:
    info = dict(swipe.unknown)
    if swipe.sent_at is not None:
        info["send_date"] = write_date(swipe.sent_at)
    if swipe.extra:
        info["extra"] = swipe.extra
    return info
