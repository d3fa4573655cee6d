"""Calls of tools: put together from their pieces, and said again to the model with results."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from engine.events import ToolCallDelta
from engine.types import ChatMessage

CALLS_MOST: Final = 128
"""More calls in one reply than anybody means."""
OPTIONS: Final = ("tools", "tool_choice", "parallel_tool_calls")
"""What of a request's extra fields is about tools."""


class ToolCall(msgspec.Struct, frozen=True):
    """One call. `arguments` are JSON as the model wrote it, which may be none.

    `result` is what was answered, None until something was.
    """

    id: str
    name: str
    arguments: str
    result: str | None = None


class Toolbox(Protocol):
    """Tools that are run here, between two rounds of a reply. Running one never fails."""

    def owns(self, name: str) -> bool: ...

    def run(self, name: str, arguments: str) -> str:
        """What the model is told of the call."""


class Gathered:
    """Calls as their pieces come in. Adapters give each call its id and name at once."""

    def __init__(self) -> None:
        self._heads: dict[int, tuple[str, str]] = {}
        self._arguments: dict[int, list[str]] = {}

    def add(self, piece: ToolCallDelta) -> None:
        if piece.index not in self._heads:
            if len(self._heads) >= CALLS_MOST:
                return
            self._heads[piece.index] = (piece.id or "", piece.name or "")
            self._arguments[piece.index] = []
        self._arguments[piece.index].append(piece.arguments)

    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(id_, name, "".join(self._arguments[index]))
            for index, (id_, name) in sorted(self._heads.items())
        )


def gathered(pieces: Iterable[ToolCallDelta]) -> tuple[ToolCall, ...]:
    found = Gathered()
    for piece in pieces:
        found.add(piece)
    return found.calls()


def pieces_of(calls: Sequence[ToolCall]) -> list[ToolCallDelta]:
    """Calls as events again, one each."""
    return [
        ToolCallDelta(index, call.arguments, call.id, call.name) for index, call in enumerate(calls)
    ]


def exchange(text: str, calls: Sequence[ToolCall], *, reasoning: str = "") -> list[ChatMessage]:
    """A reply that called tools, and what it was answered, as messages of a prompt.

    Those who think aloud before they call want to hear their thoughts again.
    """
    extra: dict[str, Any] = {"tool_calls": [_wire(call) for call in calls]}
    if reasoning:
        extra["reasoning_content"] = reasoning
    return [
        ChatMessage("assistant", text, extra=extra),
        *(
            ChatMessage("tool", call.result or "", extra={"tool_call_id": call.id})
            for call in calls
        ),
    ]


def _wire(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
