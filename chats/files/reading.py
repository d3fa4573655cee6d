"""Chat files: bytes to values. Pure: no models, no files.

The form is told by the contents, never by the file's name. What people really have is often a
little wrong: such files are read, and `notes` say what was mended or left out.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from chats.files.foreign import read_document
from chats.files.header import is_header, named, read_header
from chats.files.lines import Line, is_message
from chats.files.values import FILE_BYTES_MOST, MESSAGES_MOST, ChatFile, FileMessage, Notes
from core.errors import Invalid
from core.jsontext import looks_like_json, read_json
from core.text import clean

LINE_BYTES_MOST: Final = 16 * 1024 * 1024
VALUES_MOST: Final = 4_000_000
BROKEN_LINES_MOST: Final = 1000
TITLE_CHARS_MOST: Final = 200
_LINE: Final = re.compile(rb"\S[^\r\n]*")
_ENDINGS: Final = (".jsonl", ".json", ".txt")


def read_chat(data: bytes, filename: str = "") -> list[ChatFile]:
    """The chats in a file's bytes, at least one; most forms hold exactly one.

    Raises Invalid: `chat_too_large`, `chat_too_complex`, `chat_damaged` or `no_chat`.
    """
    if len(data) > FILE_BYTES_MOST:
        raise _refuse(f"The file is larger than {FILE_BYTES_MOST // 2**20} MB.", "chat_too_large")
    data = _as_utf8(data)
    if sum(data.count(sign) for sign in (b",", b"[", b"{")) > VALUES_MOST:
        raise _refuse("The file holds more values than any real chat.", "chat_too_complex")
    chats = _document(data) or [_conversation(_numbered(data))]
    title = title_of(filename)
    return [
        msgspec.structs.replace(
            named(chat), title=title if len(chats) == 1 else f"{title} {number}".strip()
        )
        for number, chat in enumerate(chats, 1)
    ]


def title_of(filename: str) -> str:
    """A chat's title from the name of its file: no folders, no ending."""
    name = clean(filename).replace("\\", "/").rpartition("/")[2]
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    return name[:TITLE_CHARS_MOST]


def _refuse(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, param="file")


def _as_utf8(data: bytes) -> bytes:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _document(data: bytes) -> list[ChatFile]:
    """The chats of a file that is one JSON value as a whole; none if it is not, or of lines."""
    if not looks_like_json(data):
        return []
    first = _LINE.search(data)
    assert first is not None
    root = _parsed(first[0], [])
    if isinstance(root, dict) and (is_header(root) or is_message(root)):
        return read_document(root)
    if root is None:
        root = _parsed(data, [])
    if isinstance(root, list) and any(isinstance(item, dict) and is_message(item) for item in root):
        return [_conversation((f"Item {n}", item) for n, item in enumerate(root, 1))]
    return read_document(root)


def _parsed(raw: bytes, notes: list[str]) -> Any:
    """The value, with bytes that are no UTF-8 replaced; None if it is not JSON."""
    try:
        return read_json(raw, what="chat", notes=notes)
    except Invalid:
        mended = raw.decode("utf-8", "replace").encode()
        if mended == raw:
            return None
    try:
        value = read_json(mended, what="chat", notes=notes)
    except Invalid:
        return None
    notes.append("Some bytes were no text and were replaced.")
    return value


def _numbered(data: bytes) -> Iterator[tuple[str, Any]]:
    """("Line 7", its value or None) of each line that is not blank."""
    number, counted = 1, 0
    for found in _LINE.finditer(data):
        number += data.count(b"\n", counted, found.start())
        counted = found.start()
        where = f"Line {number}"
        yield where, _parsed(found[0], []) if len(found[0]) <= LINE_BYTES_MOST else None


def _conversation(items: Iterable[tuple[str, Any]]) -> ChatFile:
    """The chat of a header, which may be missing, and messages. Raises Invalid if there is none."""
    notes = Notes()
    chat: ChatFile | None = None
    messages: list[FileMessage] = []
    broken, form = 0, "sillytavern"
    for where, item in items:
        if not isinstance(item, dict) or not (is_header(item) or is_message(item)):
            broken += 1
            _too_broken(broken)
            notes.add(f"{where} held no message and was left out.")
        elif is_message(item):
            line = Line(item, where, notes)
            messages.append(line.message())
            form = "chub" if line.wrapped else form
            _too_many(messages)
        elif chat is None and not messages:
            chat = read_header(item, notes)
        else:
            notes.add(f"{where} began another chat and was left out.")
    if chat is None and not messages:
        raise _refuse("This file holds no chat that could be read.", "no_chat")
    return msgspec.structs.replace(
        chat or ChatFile(), messages=tuple(messages), form=form, notes=notes.all()
    )


def _too_broken(count: int) -> None:
    if count > BROKEN_LINES_MOST:
        raise _refuse(f"More than {BROKEN_LINES_MOST} lines hold no message.", "chat_damaged")


def _too_many(messages: list[FileMessage]) -> None:
    if len(messages) > MESSAGES_MOST:
        raise _refuse(f"The chat holds more than {MESSAGES_MOST} messages.", "chat_too_large")
