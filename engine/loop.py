"""A reply in rounds: what the model calls of our own tools is run, and it is asked again.

Whoever reads the events sees one reply: the text of all rounds, the calls of tools that are not
ours, usage as a sum, one finish.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import msgspec

from engine.events import (
    Batch,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from engine.providers.base import Provider
from engine.run import Limits, run
from engine.tokens import TokenCounter, completed
from engine.tools import OPTIONS, Gathered, Toolbox, ToolCall, exchange
from engine.types import ChatMessage, GenerationRequest

ROUNDS_MOST: Final = 4
"""Requests with tools in one reply. One without may follow if nothing was said in any."""
_LEAST_TOKENS: Final = 16
_ARGUMENTS_CHARS_MOST: Final = 4_000
_NO_SEAM_BEFORE: Final = frozenset(".,;:!?…)]}»”’")


class _Round:
    """What one request brought. `theirs` numbers the calls that are passed on."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.gathered = Gathered()
        self.theirs: dict[int, int] = {}
        self.own: set[int] = set()
        self.has_begun = False
        self.usage: UsageReport | None = None
        self.finish: FinishReason = "stop"

    def calls(self) -> tuple[ToolCall, ...]:
        return self.gathered.calls()


class Loop:
    """One reply. Read `events` once; `usage` may be asked at any time, also after a break."""

    def __init__(
        self,
        provider: Provider,
        request: GenerationRequest,
        toolbox: Toolbox,
        *,
        limits: Limits,
        counter: TokenCounter,
        prompt_tokens: int,
    ) -> None:
        self._provider = provider
        self._first = request
        self._toolbox = toolbox
        self._limits = limits
        self._counter = counter
        self._prompt_tokens = prompt_tokens
        self._rounds: list[_Round] = []
        self._last_char = ""
        self._has_spoken = False
        self._seam = False

    async def events(self) -> AsyncGenerator[Batch]:
        """Batches to pass on, with one usage and one finish at the end. Raises as `run` does."""
        request: GenerationRequest | None = self._first
        while request is not None and len(self._rounds) < ROUNDS_MOST:
            async with aclosing(self._play(request)) as batches:
                async for batch in batches:
                    yield batch
            request = self._next()
        if self._is_mute():
            async with aclosing(self._play(_without_tools(self._first))) as batches:
                async for batch in batches:
                    yield batch
        yield [self.usage(), Finished(self._reason())]

    async def _play(self, request: GenerationRequest) -> AsyncGenerator[Batch]:
        """One round: what of it may be seen."""
        self._rounds.append(_Round(request))
        self._seam = bool(self._last_char) and not self._last_char.isspace()
        async with aclosing(run(self._provider, request, limits=self._limits)) as batches:
            async for batch in batches:
                visible: Batch = []
                for event in batch:
                    self._take(self._rounds[-1], event, visible)
                if visible:
                    yield visible

    def _take(self, round_: _Round, event: object, visible: Batch) -> None:
        round_.has_begun = True
        if type(event) is TextDelta:
            round_.text.append(event.text)
            visible.append(self._joined(event))
        elif type(event) is ReasoningDelta:
            round_.reasoning.append(event.text)
            visible.append(event)
        elif type(event) is ToolCallDelta:
            self._take_call(round_, event, visible)
        elif type(event) is UsageReport:
            round_.usage = event
        elif type(event) is Finished:
            round_.finish = event.reason

    def _joined(self, event: TextDelta) -> TextDelta:
        """Where a round goes on right after the words of another, a space comes between."""
        text = event.text
        if not text:
            return event
        self._last_char = text[-1]
        self._has_spoken = self._has_spoken or not text.isspace()
        if not self._seam:
            return event
        self._seam = False
        runs_on = not text[0].isspace() and text[0] not in _NO_SEAM_BEFORE
        return TextDelta(f" {text}") if runs_on else event

    def _take_call(self, round_: _Round, piece: ToolCallDelta, visible: Batch) -> None:
        index = piece.index
        if index not in round_.own and index not in round_.theirs:
            if self._toolbox.owns(piece.name or ""):
                round_.own.add(index)
            else:
                round_.theirs[index] = len(round_.theirs)
        round_.gathered.add(piece)
        if (number := round_.theirs.get(index)) is not None:
            visible.append(ToolCallDelta(number, piece.arguments, piece.id, piece.name))

    def _next(self) -> GenerationRequest | None:
        """Run the calls of the round that ended. Returns what to ask then, if anything."""
        round_ = self._rounds[-1]
        calls = [
            ToolCall(
                call.id,
                call.name,
                _tame(call.arguments),
                self._toolbox.run(call.name, call.arguments),
            )
            for call in round_.calls()
            if self._toolbox.owns(call.name)
        ]
        if not calls or round_.theirs or round_.finish == "content_filter":
            return None
        said, *results = exchange("".join(round_.text), calls, reasoning="".join(round_.reasoning))
        left = self._tokens_left()
        if left is not None:
            left -= sum(_size(message, self._counter) for message in results)
            if left < _LEAST_TOKENS:
                return None
        messages = (*_with_reply(round_.request.messages, said), *results)
        sampling = msgspec.structs.replace(round_.request.sampling, max_tokens=left)
        return msgspec.structs.replace(round_.request, messages=messages, sampling=sampling)

    def _tokens_left(self) -> int | None:
        """What of the reply's limit its rounds have not used."""
        most = self._first.sampling.max_tokens
        return None if most is None else most - self.usage().completion_tokens

    def _is_mute(self) -> bool:
        """Whether nothing was said, and asking without tools may help."""
        round_ = self._rounds[-1]
        if self._has_spoken or round_.theirs:
            return False
        return round_.finish in ("stop", "tool_calls") or any(r.own for r in self._rounds)

    def _reason(self) -> FinishReason:
        round_ = self._rounds[-1]
        if round_.finish != "tool_calls" or round_.theirs:
            return round_.finish
        left = self._tokens_left()
        return "length" if left is not None and left < _LEAST_TOKENS else "stop"

    @property
    def rounds(self) -> list[UsageReport]:
        """The usage of each round that began, as its upstream counted it or as we do."""
        return [self._used(round_) for round_ in self._rounds if round_.has_begun]

    def usage(self) -> UsageReport:
        """The usage of all rounds so far."""
        rounds = self.rounds
        return UsageReport(
            sum(report.prompt_tokens for report in rounds),
            sum(report.completion_tokens for report in rounds),
            sum(report.cached_tokens for report in rounds),
            estimated=any(report.estimated for report in rounds),
        )

    def _used(self, round_: _Round) -> UsageReport:
        added = round_.request.messages[len(self._first.messages) :]
        return completed(
            round_.usage,
            lambda: self._prompt_tokens + sum(_size(message, self._counter) for message in added),
            lambda: self._made(round_),
        )

    def _made(self, round_: _Round) -> int:
        count = self._counter.count
        calls = "".join(call.name + call.arguments for call in round_.calls())
        return count("".join(round_.text)) + count("".join(round_.reasoning)) + count(calls)


def _size(message: ChatMessage, counter: TokenCounter) -> int:
    calls = (message.extra or {}).get("tool_calls", ())
    called = "".join(call["function"]["name"] + call["function"]["arguments"] for call in calls)
    return counter.count(message.content) + counter.count(called) + 4


def _with_reply(messages: tuple[ChatMessage, ...], said: ChatMessage) -> tuple[ChatMessage, ...]:
    """The messages with a reply at their end. What it was to go on from is part of it."""
    last = messages[-1]
    if last.role != "assistant":
        return (*messages, said)
    whole = msgspec.structs.replace(said, content=last.content + said.content)
    return (*messages[:-1], whole)


def _tame(arguments: str) -> str:
    """Arguments as they are said again: servers break on what is no object, and on too much."""
    if len(arguments) > _ARGUMENTS_CHARS_MOST:
        return "{}"
    try:
        is_object = isinstance(msgspec.json.decode(arguments), dict)
    except msgspec.DecodeError:
        return "{}"
    return arguments if is_object else "{}"


def _without_tools(request: GenerationRequest) -> GenerationRequest:
    extra = {key: value for key, value in request.sampling.extra.items() if key not in OPTIONS}
    sampling = msgspec.structs.replace(request.sampling, extra=extra)
    return msgspec.structs.replace(request, sampling=sampling)
