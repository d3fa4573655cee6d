"""The forward pass of a BERT encoder in NumPy: token ids to one unit vector for each text.

For small models on a processor. Weights are float32 arrays under the names that BERT
checkpoints use.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from engine.embedding.base import Matrix

Array = np.ndarray[Any, np.dtype[np.float32]]
_MASKED: Final = np.float32(-1e9)


class Bert:
    """A loaded encoder. Thread-safe: it only reads its weights."""

    def __init__(self, weights: Mapping[str, Array], *, heads: int, epsilon: float = 1e-12) -> None:
        self._weights = weights
        self._heads = heads
        self._epsilon = np.float32(epsilon)
        self._layers = 1 + max(
            int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer.")
        )
        self.dimensions = int(weights["embeddings.word_embeddings.weight"].shape[1])
        # What a token is before anybody looks at its neighbours: all are of segment 0.
        positions = weights["embeddings.position_embeddings.weight"]
        self._places = positions + weights["embeddings.token_type_embeddings.weight"][0]

    def embed(self, token_ids: Sequence[Sequence[int]]) -> Matrix:
        """Mean-pooled, unit-length vectors, shape (texts, dimensions). No text may be empty."""
        longest = max(len(ids) for ids in token_ids)
        padded = np.zeros((len(token_ids), longest), np.int64)
        real = np.zeros((len(token_ids), longest), np.float32)
        for row, ids in enumerate(token_ids):
            padded[row, : len(ids)] = ids
            real[row, : len(ids)] = 1
        hidden = self._encode(padded, real)
        pooled = np.einsum("btd,bt->bd", hidden, real) / real.sum(axis=1, keepdims=True)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), np.float32)

    def _encode(self, ids: np.ndarray[Any, Any], real: Array) -> Array:
        hidden = self._weights["embeddings.word_embeddings.weight"][ids]
        hidden += self._places[: ids.shape[1]]
        hidden = self._normal(hidden, "embeddings.LayerNorm")
        mask = (1 - real)[:, None, None, :] * _MASKED
        for layer in range(self._layers):
            name = f"encoder.layer.{layer}"
            seen = self._linear(self._attend(hidden, mask, name), f"{name}.attention.output.dense")
            hidden = self._normal(hidden + seen, f"{name}.attention.output.LayerNorm")
            inner = gelu(self._linear(hidden, f"{name}.intermediate.dense"))
            inner = self._linear(inner, f"{name}.output.dense")
            hidden = self._normal(hidden + inner, f"{name}.output.LayerNorm")
        return hidden

    def _attend(self, hidden: Array, mask: Array, name: str) -> Array:
        """What each token takes from the others, all heads side by side again."""
        texts, length, width = hidden.shape
        size = width // self._heads

        def split(part: str) -> Array:
            projected = self._linear(hidden, f"{name}.attention.self.{part}")
            return projected.reshape(texts, length, self._heads, size).transpose(0, 2, 1, 3)

        query, key, value = split("query"), split("key"), split("value")
        scores: Any = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(size**-0.5)
        scores += mask
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Array = (scores @ value).transpose(0, 2, 1, 3).reshape(texts, length, width)
        return mixed

    def _linear(self, x: Array, name: str) -> Array:
        out: Array = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"].T
        out += self._weights[f"{name}.bias"]
        return out.reshape(*x.shape[:-1], -1)

    def _normal(self, x: Array, name: str) -> Array:
        x = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("btd,btd->bt", x, x)[..., None] / np.float32(x.shape[-1])
        x /= np.sqrt(variance + self._epsilon)
        x *= self._weights[f"{name}.weight"]
        x += self._weights[f"{name}.bias"]
        return x


def gelu(x: Array) -> Array:
    """x times the share of a normal distribution below x, to seven decimals.

    NumPy has no error function: this is the polynomial 7.1.26 of Abramowitz and Stegun.
    """
    size = np.abs(x) * np.float32(2**-0.5)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = t * np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series += np.float32(factor)
        series *= t
    np.multiply(size, -size, out=size)
    series *= np.exp(size, out=size)
    half: Array = np.copysign(1 - series, x)
    half += 1
    half *= x
    half *= np.float32(0.5)
    return half
