"""What comes out of the engine: one stream of events that every surface encodes for itself.

Providers yield them in batches: the events that arrived in one network read. A reply is any
number of deltas, at most one `UsageReport`, and exactly one `Finished` at the end. Failures
are exceptions from `core.errors`, never events.
"""

from typing import Literal, TypeAlias

import msgspec

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """Text the model thought aloud. Shown apart, never part of the reply."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a tool call. `id` and `name` come whole with the first piece of each `index`
    and never again; indexes count from 0."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None


class UsageReport(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the upstream counted them. `estimated` marks our own count."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    estimated: bool = False


class Finished(msgspec.Struct, frozen=True, gc=False):
    reason: FinishReason


Event: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta | UsageReport | Finished
Batch: TypeAlias = list[Event]
