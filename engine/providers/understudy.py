"""The understudy: a scripted stand-in that says so. Needs no model, network or luck.

Its answers follow from the words it was sent, so tests can rely on them. Words in the newest
message make trouble on purpose: FAIL500 and FAIL429 fail, SLOW waits before it speaks.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from typing import Final

from core.errors import Retryable
from engine.events import Batch, Finished, FinishReason, TextDelta, UsageReport
from engine.providers.base import UpstreamModel
from engine.tokens import default_counter
from engine.types import ChatMessage, GenerationRequest

SLOW_SECONDS: Final = 12.0
_QUOTED_CHARS: Final = 80
_OPENINGS: Final = (
    "*steps into the light, script in hand*",
    "*clears a throat that is only text*",
    "*looks up from the prompter's box*",
    "*taps the boards twice, for luck*",
)
_MIDDLES: Final = (
    "I'm the understudy: a scripted stand-in, not an AI model.",
    "You have the understudy tonight, a scripted stand-in and not an AI model.",
    "A word of honesty first: I'm the understudy, scripted, not an AI model.",
)
_ENDINGS: Final = (
    "Connect a real model, and the one you came for will answer in their own voice.",
    "Everything else here is real: the chat is saved, and a model can take over at any time.",
    "When a real model is connected, this conversation simply goes on.",
)
_WORDS: Final = re.compile(r"\S+\s*|\s+")


class Understudy:
    """Streams a short, honest answer word by word, `delay_seconds` apart."""

    name = "understudy"

    def __init__(self, *, delay_seconds: float = 0.02) -> None:
        self._delay = delay_seconds

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Batch]:
        heard = _newest(request.messages)
        if "FAIL500" in heard:
            raise Retryable("The understudy was told to fail with 500.")
        if "FAIL429" in heard:
            raise Retryable("The understudy was told to fail with 429.", retry_after=3)
        if "SLOW" in heard:
            await asyncio.sleep(SLOW_SECONDS)
        pieces, reason = _performed(request, _script(heard))
        for piece in pieces:
            if self._delay:
                await asyncio.sleep(self._delay)
            yield [TextDelta(piece)]
        counter = default_counter()
        prompt = sum(counter.count(message.content) for message in request.messages)
        yield [UsageReport(prompt, len(pieces)), Finished(reason)]

    async def list_models(self) -> list[UpstreamModel]:
        return [UpstreamModel(self.name)]

    async def aclose(self) -> None:
        """Nothing to close."""


def _newest(messages: tuple[ChatMessage, ...]) -> str:
    return next((m.content for m in reversed(messages) if m.role == "user"), "")


def _script(heard: str) -> str:
    """The answer to these words: always the same one."""
    seed = zlib.crc32(heard.encode())
    quoted = " ".join(heard.split())
    if len(quoted) > _QUOTED_CHARS:
        quoted = quoted[: _QUOTED_CHARS - 1].rstrip() + "…"
    said = f'You said: "{quoted}"' if quoted else "You said nothing yet, and that is fine."
    opening, middle, ending = (
        lines[(seed >> shift) % len(lines)]
        for shift, lines in ((0, _OPENINGS), (8, _MIDDLES), (16, _ENDINGS))
    )
    return f"{opening} {middle}\n\n{said}\n\n{ending}"


def _performed(request: GenerationRequest, text: str) -> tuple[list[str], FinishReason]:
    """The words to say, cut at a stop sequence and at the token limit."""
    reason: FinishReason = "stop"
    cuts = [text.index(stop) for stop in request.sampling.stop if stop in text]
    pieces: list[str] = _WORDS.findall(text[: min(cuts)] if cuts else text)
    limit = request.sampling.max_tokens
    if limit is not None and len(pieces) > limit:
        pieces, reason = pieces[:limit], "length"
    return pieces, reason
