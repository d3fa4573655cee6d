"""Chats as files of Chub, Ooba, Agnai and CAI Tools. Pure; the readers are beside.

Each says what its form can hold: Chub all that SillyTavern's says, Agnai other versions of a
reply and times, CAI Tools names and times, Ooba the words alone. Messages are asked for anew
where a form says everything twice, so that a long chat is never whole in memory.
"""

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final

import orjson

from chats.files.values import ChatFile, FileMessage
from chats.files.writing import header_line, message_line

Messages = Callable[[], Iterable[FileMessage]]
Writer = Callable[[ChatFile, Messages], Iterator[bytes]]

OOBA_START: Final = "<|BEGIN-VISIBLE-CHAT|>"
"""Stands where a user message would be, before a reply to nothing."""
_PERSON: Final = "person"


def write_chub(chat: ChatFile, messages: Messages) -> Iterator[bytes]:
    """JSON Lines as SillyTavern's, with each text in an object."""
    yield header_line(chat)
    for message in messages():
        line = message_line(message)
        line["mes"] = _wrapped(message.content, line.pop("chub", None))
        if "swipes" in line:
            line["swipes"] = [_wrapped(s.content, s.unknown.get("chub")) for s in message.swipes]
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _wrapped(text: str, beside: Any) -> dict[str, Any]:
    """A text with what stood beside it in its object, if it came out of one."""
    return {**(beside if isinstance(beside, dict) else {}), "message": text}


def write_ooba(chat: ChatFile, messages: Messages) -> Iterator[bytes]:
    """{internal: [[user, character], …], visible: the same as HTML}."""
    del chat  # the form has no place for what is not said
    yield b'{"internal":['
    yield from _joined([asked or _start(at), said] for at, (asked, said) in _pairs(messages()))
    yield b'],"visible":['
    yield from _joined([escape(asked), escape(said)] for _, (asked, said) in _pairs(messages()))
    yield b"]}\n"


def _start(place: int) -> str:
    return "" if place else OOBA_START


def _pairs(messages: Iterable[FileMessage]) -> Iterator[tuple[int, tuple[str, str]]]:
    """What was asked and answered, numbered; "" where one side said nothing."""
    asked, place = "", 0
    for message in messages:
        if message.role != "user":
            yield place, (asked, message.content)
            asked, place = "", place + 1
            continue
        if asked:
            yield place, (asked, "")
            place += 1
        asked = message.content
    if asked:
        yield place, (asked, "")


def write_agnai(chat: ChatFile, messages: Messages) -> Iterator[bytes]:
    """{name, scenario, messages: [{msg, handle, userId | characterId, createdAt, retries}]}."""
    head = {"name": chat.title, "greeting": "", "sampleChat": "", "scenario": chat.scenario}
    yield orjson.dumps(head)[:-1] + b',"messages":['
    yield from _joined(map(_agnai_message, messages()))
    yield b"]}\n"


def _agnai_message(message: FileMessage) -> dict[str, Any]:
    item: dict[str, Any] = {"msg": message.content, "handle": message.name}
    item["userId" if message.role == "user" else "characterId"] = (
        _PERSON if message.role == "user" else "imported"
    )
    if message.sent_at is not None:
        item["createdAt"] = message.sent_at.isoformat()
    others = [s.content for at, s in enumerate(message.swipes) if at != message.swipe_index]
    if others:
        item["retries"] = others
    return item


def write_cai(chat: ChatFile, messages: Messages) -> Iterator[bytes]:
    """{info, histories: {histories: [{msgs: [{src: {is_human, name}, text, created}]}]}}."""
    info = {"info": {"name": chat.character_name, "title": chat.title}}
    yield orjson.dumps(info)[:-1] + b',"histories":{"histories":[{"msgs":['
    yield from _joined(map(_cai_message, messages()))
    yield b"]}]}}\n"


def _cai_message(message: FileMessage) -> dict[str, Any]:
    source = {"is_human": message.role == "user", "name": message.name}
    item: dict[str, Any] = {"src": source, "text": message.content}
    if message.sent_at is not None:
        item["created"] = message.sent_at.isoformat()
    return item


def _joined(items: Iterable[Any]) -> Iterator[bytes]:
    for place, item in enumerate(items):
        yield (b"," if place else b"") + orjson.dumps(item)


OTHERS: Final[dict[str, Writer]] = {
    "chub": write_chub,
    "ooba": write_ooba,
    "agnai": write_agnai,
    "cai": write_cai,
}
