"""Embeddings from any server that speaks the OpenAI API: `POST …/embeddings`."""

from collections.abc import Sequence
from typing import Final

import httpx
import msgspec
import numpy as np
import orjson

from core import http
from core.errors import ProviderError, Retryable, Terminal, UpstreamTimeout
from engine.embedding.base import Embedded, Matrix
from engine.providers.chunks import failure_of_status
from engine.providers.openai_like import api_base
from engine.tokens import default_counter

TEXTS_MOST: Final = 64
SECONDS: Final = 30.0
_OK: Final = 200
# How servers say that a request holds more than they take at once.
_TOO_MUCH: Final = {400, 413, 422}
_EMPTY: Final = " "


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Row]
    usage: _Usage | None = None


_decoder: Final = msgspec.json.Decoder(_Answer, strict=False)


class OpenAILikeEmbedder:
    """One embedding model at one address. `dimensions` 0 accepts whatever comes first."""

    def __init__(
        self, name: str, base_url: str, model: str, *, api_key: str = "", dimensions: int = 0
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self._model = model
        self._url = f"{api_base(base_url)}/embeddings"
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Vectors in the order of the texts, asked for in as many requests as it takes.

        A server that refuses a batch is asked for its halves. Raises Retryable or Terminal.
        """
        parts = [
            await self._embed(texts[start : start + TEXTS_MOST])
            for start in range(0, len(texts), TEXTS_MOST)
        ]
        if not parts:
            return Embedded(np.empty((0, self.dimensions), np.float32), 0)
        return _joined(parts)

    async def _embed(self, texts: Sequence[str]) -> Embedded:
        response = await self._ask(texts)
        if response.status_code in _TOO_MUCH and len(texts) > 1:
            middle = len(texts) // 2
            return _joined([await self._embed(texts[:middle]), await self._embed(texts[middle:])])
        if response.status_code != _OK:
            raise failure_of_status(
                response.status_code, response.content, response.headers.get("retry-after")
            )
        return self._read(response.content, texts)

    async def _ask(self, texts: Sequence[str]) -> httpx.Response:
        body = {
            "model": self._model,
            "input": [text or _EMPTY for text in texts],
            "encoding_format": "float",
        }
        try:
            return await http.client().post(
                self._url, content=orjson.dumps(body), headers=self._headers, timeout=SECONDS
            )
        except httpx.ConnectTimeout as error:
            raise Retryable(f"The connection to {self.name} failed.") from error
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(f"{self.name} did not answer in time.") from error
        except httpx.HTTPError as error:
            raise Retryable(f"The connection to {self.name} failed.") from error

    def _read(self, body: bytes, texts: Sequence[str]) -> Embedded:
        try:
            answer = _decoder.decode(body)
        except msgspec.DecodeError as error:
            raise self._refused("did not answer the way OpenAI does") from error
        rows = answer.data
        if all(row.index is not None for row in rows):
            rows = sorted(rows, key=lambda row: row.index or 0)
        vectors = self._checked([row.embedding for row in rows], len(texts))
        usage = answer.usage
        tokens = (usage.prompt_tokens or usage.total_tokens or 0) if usage else 0
        if tokens > 0:
            return Embedded(vectors, tokens)
        counter = default_counter()
        return Embedded(vectors, sum(map(counter.count, texts)), estimated=True)

    def _checked(self, rows: list[list[float]], wanted: int) -> Matrix:
        """The rows as unit vectors, if they are as many and as long as they must be."""
        if len(rows) != wanted:
            raise self._refused(f"gave {len(rows)} vectors for {wanted} texts")
        widths = {len(row) for row in rows}
        if len(widths) != 1 or widths == {0}:
            raise self._refused("gave vectors of different lengths, or empty ones")
        if self.dimensions and widths != {self.dimensions}:
            raise self._refused(
                f"gave vectors of {widths.pop()} numbers where {self.dimensions} were expected"
            )
        vectors = np.array(rows, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or not lengths.all():
            raise self._refused("gave vectors that have no direction")
        return np.asarray(vectors / lengths, np.float32)

    def _refused(self, what: str) -> ProviderError:
        return Terminal(f"{self.name} {what}.")

    async def aclose(self) -> None:
        """Nothing of its own to close: connections belong to the process's client."""


def _joined(parts: list[Embedded]) -> Embedded:
    if len({part.vectors.shape[1] for part in parts}) > 1:
        raise Terminal("The embedding model gave vectors of different lengths.")
    return Embedded(
        np.concatenate([part.vectors for part in parts]),
        sum(part.tokens for part in parts),
        any(part.estimated for part in parts),
    )
