"""Counting tokens without a network: a real tokenizer that carries its vocabulary."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from engine.events import UsageReport

CACHED_CHARS_MOST: Final = 20_000
_CHARS_PER_TOKEN: Final = 3.5


class TokenCounter(Protocol):
    def count(self, text: str) -> int:
        """Tokens of a text."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each of several texts."""


class BytePairCounter:
    """OpenAI's o200k vocabulary; equal to it, close for others. Counts of short texts are kept."""

    def __init__(self) -> None:
        from rs_bpe.bpe import openai  # noqa: PLC0415 - slow: reads its vocabulary

        encoding = openai.o200k_base()
        self._count: Callable[[str], int] = encoding.count
        self._cached = lru_cache(maxsize=16_384)(self._count)

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        if not text:
            return 0
        return self._cached(text) if len(text) <= CACHED_CHARS_MOST else self._count(text)

    def count_each(self, texts: Sequence[str]) -> list[int]:
        # Nearly always all of them are known, and then no line of Python is run for each.
        if max(map(len, texts), default=0) <= CACHED_CHARS_MOST:
            return list(map(self._cached, texts))
        return [self.count(text) for text in texts]


class LengthCounter:
    """An estimate from the length, where the tokenizer cannot be loaded."""

    def count(self, text: str) -> int:
        return math.ceil(len(text) / _CHARS_PER_TOKEN)

    def count_each(self, texts: Sequence[str]) -> list[int]:
        return [self.count(text) for text in texts]


@lru_cache(maxsize=1)
def default_counter() -> TokenCounter:
    """The counter of this process, made at the first call."""
    try:
        return BytePairCounter()
    except ImportError:
        return LengthCounter()


def completed(
    report: UsageReport | None, prompt: Callable[[], int], made: Callable[[], int]
) -> UsageReport:
    """The upstream's count. What it left out is counted by us, and the whole is an estimate then.

    `prompt` and `made` count what was sent and what came; a reply without a word may be 0.
    """
    if report is None:
        return UsageReport(prompt(), made(), estimated=True)
    if report.prompt_tokens and report.completion_tokens:
        return report
    sent = report.prompt_tokens or prompt()
    came = report.completion_tokens or made()
    is_ours = (sent, came) != (report.prompt_tokens, report.completion_tokens)
    return UsageReport(sent, came, report.cached_tokens, estimated=report.estimated or is_ours)
