"""An embedding model that needs no weights: texts are alike that share words, or synonyms."""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from engine.embedding.base import Embedded

DIMENSIONS = 64
SYNONYMS = {"zorp": "jetty", "blick": "fire", "miaus": "cats"}
"""Words that nobody else knows for what words mean."""


def direction(text: str, dimensions: int = DIMENSIONS) -> np.ndarray:
    """The sum of its words' directions, of length 1."""
    total = np.zeros(dimensions, np.float32)
    for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
        word = SYNONYMS.get(word, word)
        total += np.random.default_rng(crc32(word.encode())).standard_normal(dimensions)
    return total / np.linalg.norm(total)


class FakeEmbedder:
    """Remembers what it was asked. Raises what is in `failures`, one for each call, first."""

    name = "fake/words"

    def __init__(self, *, dimensions: int = DIMENSIONS) -> None:
        self.dimensions = dimensions
        self.asked: list[list[str]] = []
        self.failures: list[Exception | None] = []

    async def embed(self, texts: Sequence[str]) -> Embedded:
        self.asked.append(list(texts))
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        rows = [direction(text, self.dimensions) for text in texts]
        return Embedded(np.array(rows, np.float32), sum(len(text.split()) for text in texts))

    async def aclose(self) -> None:
        """Nothing to close."""
