"""The messages of a request as lines of a conversation, with the calls of tools among them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import orjson

from chats.abilities import PICTURES
from chats.services import MESSAGE_CHARS
from chats.sync import Line
from core.errors import Invalid
from core.text import clean
from engine.tools import CALLS_MOST, ToolCall
from openai_compat.schemas import MessageIn

_SPOKEN: Final = ("user", "assistant")


def lines_of(messages: Sequence[MessageIn]) -> list[Line]:
    """The user and assistant messages up to what is to be answered; [] if nothing is.

    That is the newest of the user's messages, or a call of tools after it with its results.
    """
    lines: list[Line] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            _answer(lines, message, index)
        elif message.role in _SPOKEN:
            line = _line(message, index)
            if line.role == "user" or line.calls or line.content.strip():
                lines.append(line)
    end = _end(lines)
    if end and not picture_of(messages):
        _check_newest(lines[end - 1])
    return lines[:end]


def picture_of(messages: Sequence[MessageIn]) -> str:
    """Where the newest of the user's messages has a picture, "" if it has none.

    Those of earlier ones were answered, or refused, when they were new.
    """
    for number in range(len(messages) - 1, -1, -1):
        message = messages[number]
        if message.role == "user":
            parts = message.content if isinstance(message.content, list) else []
            kinds = [part.type for part in parts]
            found = next((place for place, kind in enumerate(kinds) if kind in PICTURES), None)
            return "" if found is None else f"messages.{number}.content.{found}"
    return ""


def _line(message: MessageIn, index: int) -> Line:
    text = _checked(message, index)
    return Line(message.role, text, _calls(message, index) if message.role == "assistant" else ())


def _checked(message: MessageIn, index: int) -> str:
    text = clean(message.text)
    if len(text) > MESSAGE_CHARS:
        raise Invalid(
            f"The message has {len(text)} characters; {MESSAGE_CHARS} is the most.",
            code="message_too_long",
            param=f"messages.{index}.content",
        )
    return text


def _calls(message: MessageIn, index: int) -> tuple[ToolCall, ...]:
    given = (message.model_extra or {}).get("tool_calls") or []
    if not isinstance(given, list) or len(given) > CALLS_MOST:
        raise _unreadable(index)
    return tuple(_call(call, index) for call in given)


def _call(call: Any, index: int) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _unreadable(index)
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments).decode()
    if len(arguments) > MESSAGE_CHARS:
        raise _unreadable(index)
    return ToolCall(clean(str(call.get("id") or "")), clean(function["name"]), clean(arguments))


def _unreadable(index: int) -> Invalid:
    return Invalid(
        "A tool call has an id, the type `function`, and a function with its name and arguments;"
        f" {CALLS_MOST} in one message is the most.",
        code="invalid_tool_calls",
        param=f"messages.{index}.tool_calls",
    )


def _answer(lines: list[Line], message: MessageIn, index: int) -> None:
    """Put a result to its call. One whose call was cut from the list says nothing."""
    called = str((message.model_extra or {}).get("tool_call_id") or "")
    for place in range(len(lines) - 1, -1, -1):
        calls = list(lines[place].calls)
        for number, call in enumerate(calls):
            if call.id == called and call.result is None:
                calls[number] = msgspec.structs.replace(call, result=_checked(message, index))
                lines[place] = replace(lines[place], calls=tuple(calls))
                return


def _end(lines: list[Line]) -> int:
    """How many of the lines count."""
    for place in range(len(lines) - 1, -1, -1):
        is_answered = any(result is not None for result in lines[place].results)
        if lines[place].role == "user" or is_answered:
            return place + 1
    return 0


def _check_newest(line: Line) -> None:
    if line.role == "user" and not line.content.strip():
        raise Invalid(
            "The newest user message has no text.", code="empty_message", param="messages"
        )
    missing = [call.id for call in line.calls if call.result is None]
    if missing:
        raise Invalid(
            "Each tool call needs a message with the role `tool`; there is none for"
            f" {', '.join(missing)[:200]}.",
            code="missing_tool_result",
            param="messages",
        )
