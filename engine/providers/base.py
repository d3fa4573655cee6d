"""What the engine asks of an upstream adapter."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Protocol

import msgspec

from engine.events import Batch
from engine.types import GenerationRequest


class UpstreamModel(msgspec.Struct, frozen=True):
    """A model that an upstream offers, as far as it says.

    `prices` are dollars per token, in and out. `able` has those of its abilities that are told:
    answers, tools, json_schema, vision, completion, embeddings, images, speech, video.
    """

    name: str
    context_tokens: int | None = None
    title: str = ""
    prices: tuple[Decimal, Decimal] | None = None
    able: dict[str, bool] = {}


class Provider(Protocol):
    """One upstream. Adapters translate: no retries, no billing, no logging of content.

    `stream` yields batches of events and raises `Retryable` or `Terminal` from `core.errors`.
    Closing the generator ends the upstream request.
    """

    name: str

    def stream(self, request: GenerationRequest) -> AsyncIterator[Batch]: ...

    async def list_models(self) -> list[UpstreamModel]: ...

    async def aclose(self) -> None: ...
