"""What the rest of the house asks of an embedding model."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec
import numpy as np

Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class Embedded(msgspec.Struct, frozen=True):
    """One row for each text, in order, each of length 1; `tokens` is what the upstream counted.

    `vectors` is float32 of shape (texts, dimensions). `estimated` says that the upstream counted
    nothing, so `tokens` is our count.
    """

    vectors: Matrix
    tokens: int
    estimated: bool = False


class Embedder(Protocol):
    """One embedding model. No retries, no billing, no logging of texts.

    `embed` raises `Retryable` or `Terminal` from `core.errors`. An empty text gives a row too.
    """

    name: str

    async def embed(self, texts: Sequence[str]) -> Embedded: ...

    async def aclose(self) -> None: ...
