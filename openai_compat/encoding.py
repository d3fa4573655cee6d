"""The engine's events as OpenAI's chunks, byte by byte.

Everything that is the same in each chunk of a stream is built once. Each event carries an id:
the place in the reply, from which `GET /api/chat/turns/{turn}/events` goes on.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeAlias

import orjson

from chats.positions import Position
from chats.turns import Begun
from core.errors import ReverieError
from core.streams import KEEP_ALIVE
from engine.events import Batch, Finished, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from openai_compat.errors import envelope

DONE = b"data: [DONE]\n\n"

Piece: TypeAlias = tuple[bytes, bool]
"""What to send at once, and whether more will come."""


def completion_id(begun: Begun) -> str:
    return f"chatcmpl-{begun.uid}"


def usage_of(report: UsageReport) -> dict[str, Any]:
    """The upstream's count; `estimated` is there only where some of it is our own."""
    usage = {
        "prompt_tokens": report.prompt_tokens,
        "completion_tokens": report.completion_tokens,
        "total_tokens": report.prompt_tokens + report.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": report.cached_tokens},
    }
    return {**usage, "estimated": True} if report.estimated else usage


class ChunkEncoder:
    """Encodes one stream. Tells an early error by raising, a late one by an error event.

    With `include_usage` usage comes as OpenAI sends it, in a chunk of its own at the end. Where
    nobody said whether they want it (None), it rides on the chunk that has the finish reason.
    """

    def __init__(self, begun: Begun, *, include_usage: bool | None) -> None:
        head = orjson.dumps(
            {
                "id": completion_id(begun),
                "object": "chat.completion.chunk",
                "created": begun.created,
                "model": begun.model,
            }
        )[:-1]
        self._head = b"\ndata: " + head + b',"choices":[{"index":0,"delta":'
        self._usage_null = b',"usage":null' if include_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._usage_null + b"}\n\n"
        self._text_chunk = (
            b"id: %d.%d" + _literal(self._head) + b'{"content":%b}' + _literal(self._tail)
        )
        self._bare_head = b"\ndata: " + head + b',"choices":[],"usage":'
        self._include_usage = include_usage
        self._reasoning = 0
        self._text = 0
        self._finish: Finished | None = None
        self._usage: UsageReport | None = None

    async def encode(self, events: AsyncIterator[Batch]) -> AsyncGenerator[Piece]:
        started = is_open = False
        try:
            async for batch in events:
                if not batch:
                    is_open = True
                    yield KEEP_ALIVE, True
                    continue
                data = self._batch(batch)
                if not started:
                    started = True
                    data = self._role() + data
                if data:
                    yield data, True
        except ReverieError as error:
            if not (started or is_open):
                raise
            yield b"data: " + orjson.dumps(envelope(error)) + b"\n\n", False
            return
        yield self._ending(), False

    def _batch(self, batch: Batch) -> bytes:
        """All chunks for the events of one read, in one piece."""
        parts: list[bytes] = []
        for event in batch:
            if type(event) is TextDelta:
                text = event.text
                self._text += len(text)
                parts.append(self._text_chunk % (self._reasoning, self._text, orjson.dumps(text)))
            elif type(event) is Finished:
                self._finish = event
            elif type(event) is UsageReport:
                self._usage = event
            else:
                parts.append(self._rare(event))
        return b"".join(parts)

    def _rare(self, event: Any) -> bytes:
        if type(event) is ReasoningDelta:
            self._reasoning += len(event.text)
            delta: dict[str, Any] = {"reasoning_content": event.text}
        else:
            delta = {"tool_calls": [_tool_call(event)]}
        return self._chunk(orjson.dumps(delta))

    def _role(self) -> bytes:
        return b"id: 0.0" + self._head + b'{"role":"assistant","content":""}' + self._tail

    def _chunk(self, delta: bytes) -> bytes:
        place = Position(self._reasoning, self._text)
        return b"id: " + str(place).encode() + self._head + delta + self._tail

    def _ending(self) -> bytes:
        reason = self._finish.reason if self._finish is not None else "stop"
        place = f"id: {Position(self._reasoning, self._text)}".encode()
        finish = b'{},"logprobs":null,"finish_reason":"' + reason.encode() + b'"}]'
        usage = b"" if self._usage is None else orjson.dumps(usage_of(self._usage))
        on_finish = self._usage_null
        if usage and self._include_usage is None:
            on_finish = b',"usage":' + usage
        data = place + self._head + finish + on_finish + b"}\n\n"
        if usage and self._include_usage:
            data += place + self._bare_head + usage + b"}\n\n"
        return data + DONE


def _literal(data: bytes) -> bytes:
    """Bytes as part of a format, where they stand for themselves."""
    return data.replace(b"%", b"%%")


def _tool_call(event: ToolCallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": event.arguments}
    if event.name is not None:
        function["name"] = event.name
    call: dict[str, Any] = {"index": event.index, "function": function}
    if event.id is not None:
        call |= {"id": event.id, "type": "function"}
    return call


async def gather(begun: Begun) -> bytes:
    """The whole reply as one JSON object. Raises the turn's error."""
    text: list[str] = []
    reasoning: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    usage = UsageReport(begun.prompt_tokens, 0)
    reason = "stop"
    async for batch in begun.events():
        for event in batch:
            if type(event) is TextDelta:
                text.append(event.text)
            elif type(event) is ReasoningDelta:
                reasoning.append(event.text)
            elif type(event) is UsageReport:
                usage = event
            elif type(event) is Finished:
                reason = event.reason
            elif type(event) is ToolCallDelta:
                _collect(calls, event)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(text), "refusal": None}
    if reasoning:
        message["reasoning_content"] = "".join(reasoning)
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
        message["content"] = message["content"] or None
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return orjson.dumps(
        {
            "id": completion_id(begun),
            "object": "chat.completion",
            "created": begun.created,
            "model": begun.model,
            "choices": [choice],
            "usage": usage_of(usage),
            "system_fingerprint": None,
        }
    )


def _collect(calls: dict[int, dict[str, Any]], event: ToolCallDelta) -> None:
    call = calls.setdefault(
        event.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    )
    call["id"] = event.id or call["id"]
    call["function"]["name"] = event.name or call["function"]["name"]
    call["function"]["arguments"] += event.arguments
