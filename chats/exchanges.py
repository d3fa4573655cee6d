"""Calls of the client's tools on a path: which belong to the reply that is asked for now.

A reply that called tools is a message; what the client's tools answered is kept in its row, and
what the character says then is the next message. While that is asked for, the calls since the
person's newest message go to the model as what they are. Later only the texts of them do.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from chats.models import Message
from chats.sync import Line
from chats.tree import Node
from engine.tools import ToolCall, exchange
from engine.types import ChatMessage


class Split(NamedTuple):
    """A path up to what the person said, and the calls since then as messages of a prompt."""

    path: list[Node]
    calls: tuple[ChatMessage, ...]


def split(path: Sequence[Node]) -> Split:
    start = len(path)
    while start and _is_answered(path[start - 1]):
        start -= 1
    messages: list[ChatMessage] = []
    for node in path[start:]:
        messages += exchange(node.content, calls_of(node))
    return Split(list(path[:start]), tuple(messages))


def _is_answered(node: Node) -> bool:
    calls = calls_of(node)
    return bool(calls) and all(call.result is not None for call in calls)


def calls_of(node: Node) -> tuple[ToolCall, ...]:
    return calls_in(node.tool_calls)


def calls_in(rows: list[dict[str, Any]] | None) -> tuple[ToolCall, ...]:
    """The calls that a message's row has."""
    return msgspec.convert(tuple(rows), tuple[ToolCall, ...]) if rows else ()


def stored(calls: Sequence[ToolCall]) -> list[dict[str, Any]] | None:
    """Calls as a message's row has them."""
    return [msgspec.to_builtins(call) for call in calls] or None


def line_of(node: Node) -> Line:
    return Line(node.role, node.content, calls_of(node))


def fill(lines: Sequence[Line], path: Sequence[Node]) -> list[Node]:
    """Write down the results that the client brings of calls which had none yet.

    Returns the path with them. Runs inside the transaction that leases the chat.
    """
    filled = list(path)
    for line in lines:
        if not line.calls or not line.is_answered:
            continue
        for place in range(len(filled) - 1, -1, -1):
            node = filled[place]
            if node.tool_calls and not _is_answered(node) and line_of(node).is_call(line):
                results = _with_results(calls_of(node), line)
                Message.objects.filter(uid=node.uid).update(tool_calls=results)
                filled[place] = msgspec.structs.replace(node, tool_calls=results)
                break
    return filled


def _with_results(calls: Sequence[ToolCall], line: Line) -> list[dict[str, Any]] | None:
    return stored(
        [
            msgspec.structs.replace(call, result=result)
            for call, result in zip(calls, line.results, strict=True)
        ]
    )
