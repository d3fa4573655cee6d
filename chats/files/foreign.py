"""Chats of programs that write one JSON object: Ooba, Agnai, CAI Tools, Risu, KoboldAI Lite. Pure.

Each reader takes the object and gives its chats, or none if it is not of its form.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from chats.files.dates import read_date
from chats.files.others import OOBA_START
from chats.files.values import (
    MESSAGES_MOST,
    NAME_CHARS_MOST,
    SWIPES_MOST,
    TEXT_CHARS_MOST,
    ChatFile,
    FileMessage,
    MessageRole,
    Notes,
    Swipe,
)
from core.errors import Invalid

_OOBA_SIGNS: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'"}
_OOBA_SIGN: Final = re.compile("|".join(_OOBA_SIGNS))
_KOBOLD_BETWEEN_NAMES: Final = "||$||"
_KOBOLD_NAMES_MOST: Final = 20
_PAIR: Final = 2


def read_document(root: Any) -> list[ChatFile]:
    """The chats of the object, each with messages; [] if it is of no form known here.

    Raises Invalid (`chat_too_large`) for more messages than any real chat has.
    """
    if not isinstance(root, dict):
        return []
    for reader in _READERS:
        chats = [chat for chat in reader(root) if chat.messages]
        if chats:
            return chats
    return []


def _chat(form: str, messages: Iterable[FileMessage], **known: Any) -> ChatFile:
    kept: list[FileMessage] = []
    notes = Notes()
    for message in messages:
        if not message.content and not message.swipes:
            continue
        kept.append(_short(message, f"Message {len(kept) + 1}", notes))
        if len(kept) > MESSAGES_MOST:
            raise Invalid(
                f"The chat holds more than {MESSAGES_MOST} messages.",
                code="chat_too_large",
                param="file",
            )
    return ChatFile(messages=tuple(kept), form=form, notes=notes.all(), **known)


def _short(message: FileMessage, where: str, notes: Notes) -> FileMessage:
    if len(message.content) <= TEXT_CHARS_MOST:
        return message
    notes.add(f"{where}: the text was longer than a megabyte and was cut.")
    return FileMessage(
        role=message.role,
        name=message.name,
        content=message.content[:TEXT_CHARS_MOST],
        sent_at=message.sent_at,
    )


def _name(value: Any) -> str:
    return value[:NAME_CHARS_MOST] if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (
        (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _ooba(root: dict[str, Any]) -> Iterator[ChatFile]:
    """{data_visible: [[user, character], …]}, or `visible`; else what the model was shown."""
    for key, is_shown in (
        ("data_visible", True),
        ("visible", True),
        ("internal", False),
        ("data", False),
    ):
        pairs = root.get(key)
        if isinstance(pairs, list) and pairs:
            yield _chat("ooba", _ooba_messages(pairs, is_shown=is_shown))
            return


def _ooba_messages(pairs: list[Any], *, is_shown: bool) -> Iterator[FileMessage]:
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) < _PAIR:
            continue
        asked, answered = (_text(part) for part in pair[:_PAIR])
        if is_shown:  # what is shown was written as HTML
            asked, answered = _unescaped(asked), _unescaped(answered)
        yield FileMessage(role="user", content="" if asked == OOBA_START else asked)
        yield FileMessage(role="assistant", content=answered)


def _unescaped(text: str) -> str:
    return _OOBA_SIGN.sub(lambda found: _OOBA_SIGNS[found[0]], text)


def _agnai(root: dict[str, Any]) -> Iterator[ChatFile]:
    """{messages: [{msg, userId?, handle?, createdAt?, retries?}]}; only users' have `userId`."""
    messages = [item for item in _dicts(root.get("messages")) if "msg" in item]
    if messages:
        scenario = _text(root.get("scenario"))[:TEXT_CHARS_MOST]
        yield _chat("agnai", map(_agnai_message, messages), scenario=scenario)


def _agnai_message(item: dict[str, Any]) -> FileMessage:
    content = _text(item["msg"])
    retries = item.get("retries")
    others = (
        [text for text in retries if isinstance(text, str)] if isinstance(retries, list) else []
    )
    texts = [content, *others][:SWIPES_MOST] if others else []
    return FileMessage(
        role="user" if item.get("userId") else "assistant",
        name=_name(item.get("handle")),
        content=content[:TEXT_CHARS_MOST],
        sent_at=read_date(item.get("createdAt")),
        swipes=tuple(Swipe(content=text[:TEXT_CHARS_MOST]) for text in texts),
    )


def _cai(root: dict[str, Any]) -> Iterator[ChatFile]:
    """{histories: {histories: [{msgs: [{src: {is_human, name?}, text, created?}]}]}}."""
    for history in _dicts(_object(root.get("histories")).get("histories")):
        yield _chat("cai", map(_cai_message, _dicts(history.get("msgs"))))


def _cai_message(item: dict[str, Any]) -> FileMessage:
    source = _object(item.get("src"))
    return FileMessage(
        role="user" if source.get("is_human") is True else "assistant",
        name=_name(source.get("name")),
        content=_text(item.get("text")),
        sent_at=read_date(item.get("created")),
    )


def _risu(root: dict[str, Any]) -> Iterator[ChatFile]:
    """{type: "risuChat", data: {message: [{role: user | char, data, time?}]}}, or a list of it."""
    if root.get("type") in ("risuChat", "risuAllChats"):
        data = root.get("data")
        for chat in _dicts(data if isinstance(data, list) else [data]):
            yield _chat("risu", map(_risu_message, _dicts(chat.get("message"))))


def _risu_message(item: dict[str, Any]) -> FileMessage:
    return FileMessage(
        role="user" if item.get("role") == "user" else "assistant",
        name=_name(item.get("name")),
        content=_text(item.get("data")),
        sent_at=read_date(item.get("time")),
    )


def _kobold(root: dict[str, Any]) -> Iterator[ChatFile]:
    """{savedsettings: {chatname, chatopponent}, prompt, actions: [text]}: one story in pieces."""
    settings, actions = root.get("savedsettings"), root.get("actions")
    if not isinstance(settings, dict) or not isinstance(actions, list):
        return
    pieces = [_text(piece) for piece in (root.get("prompt"), *actions)]
    user = _name(settings.get("chatname"))
    others = _name(settings.get("chatopponent")).split(_KOBOLD_BETWEEN_NAMES)
    names = [name for name in (user, *others[:_KOBOLD_NAMES_MOST]) if name]
    marked = list(_kobold_turns("".join(pieces), user, names))
    messages = marked or [FileMessage(role="assistant", content=one.strip()) for one in pieces]
    yield _chat("kobold", messages, user_name=user, character_name=others[0])


def _kobold_turns(story: str, user: str, names: list[str]) -> Iterator[FileMessage]:
    """The messages between the marks of turns; none if there are no marks."""
    spoken = "|".join(re.escape(name) for name in names) or r"(?!)"
    mark = re.compile(
        r"\{\{\[(?P<side>INPUT|OUTPUT|SYSTEM)(?:_END)?\]\}\}|^(?P<name>" + spoken + r"):[ ]?",
        re.MULTILINE,
    )
    role: MessageRole = "assistant"
    name, start = "", 0
    marks = list(mark.finditer(story))
    for found in marks:
        yield FileMessage(role=role, name=name, content=story[start : found.start()].strip())
        start = found.end()
        name = found["name"] or ""
        role = _KOBOLD_SIDES.get(found["side"]) or ("user" if name == user else "assistant")
    if marks:
        yield FileMessage(role=role, name=name, content=story[start:].strip())


_KOBOLD_SIDES: Final[dict[str | None, MessageRole]] = {
    "INPUT": "user",
    "OUTPUT": "assistant",
    "SYSTEM": "system",
}
_READERS: Final[tuple[Callable[[dict[str, Any]], Iterator[ChatFile]], ...]] = (
    _risu,
    _cai,
    _agnai,
    _kobold,
    _ooba,
)
