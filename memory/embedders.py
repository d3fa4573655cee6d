"""Which embedding model recall uses, why, and how it is asked.

An operator's choice comes first, then a provider's model that is marked in the admin, then the
embedded model where its packages are installed. Without any of them recall goes by words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from django.conf import settings

from core.errors import Terminal
from engine.embedding import minilm
from engine.embedding.base import Embedded, Embedder
from llm import registry
from llm.registry import ModelSpec

BUILTIN: Final = "builtin"
OFF: Final = "off"
_MISSING: Final = "its optional packages are not installed: run `make semantic`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What recall compares meanings with. `model` is the name that its vectors are stored under.

    `reason` says in a sentence why it is this one; `is_problem`, that something else was wanted.
    `spec` is the provider's model and its price, None for the embedded one.
    """

    way: Literal["provider", "builtin", "lexical"]
    reason: str
    model: str = ""
    dimensions: int = 0
    spec: ModelSpec | None = None
    is_problem: bool = False

    @property
    def is_on(self) -> bool:
        return self.way != "lexical"

    def __str__(self) -> str:
        by = f"by words and by meaning ({self.model})" if self.is_on else "by words only"
        return f"{by}: {self.reason}"


def in_use() -> Description:
    """What recall uses now. Reads the tables, at most once a second: call it inside a hop."""
    wanted = settings.EMBEDDINGS
    if wanted == OFF:
        return _lexical("REVERIE_EMBEDDINGS is off")
    if wanted == BUILTIN:
        if minilm.missing_packages():
            return _lexical(f"REVERIE_EMBEDDINGS is builtin, but {_MISSING}", is_problem=True)
        return _builtin("REVERIE_EMBEDDINGS is builtin")
    models = registry.list_embedding_models()
    if wanted:
        named = next((spec for spec in models if spec.slug == wanted), None)
        if named is None:
            problem = f"REVERIE_EMBEDDINGS is {wanted}, which is no embedding model that is on"
            return _lexical(problem, is_problem=True)
        return _provided(named, f"REVERIE_EMBEDDINGS is {wanted}")
    marked = next((spec for spec in models if spec.is_embedder), None)
    if marked is not None:
        return _provided(marked, "it is marked as the embedder in the admin")
    if not minilm.missing_packages():
        return _builtin("no provider's model is marked as the embedder, and it is installed")
    return _lexical(
        "no embedding model is marked in the admin, and the embedded one is missing"
        " (`make semantic` adds it)"
    )


def _lexical(reason: str, *, is_problem: bool = False) -> Description:
    return Description(way="lexical", reason=reason, is_problem=is_problem)


def _builtin(reason: str) -> Description:
    return Description(
        way="builtin", model=minilm.NAME, dimensions=minilm.DIMENSIONS, reason=reason
    )


def _provided(spec: ModelSpec, reason: str) -> Description:
    """The upstream's name for the model is part of the name, since the slug may get another one."""
    return Description(
        way="provider",
        model=f"{spec.provider_slug}/{spec.upstream_name}",
        dimensions=spec.dimensions,
        spec=spec,
        reason=reason,
    )


@lru_cache(maxsize=1)
def _embedded_model() -> Embedder:
    return minilm.MiniLM()


async def embed(used: Description, texts: Sequence[str]) -> Embedded:
    """Vectors for texts, in order. Raises Retryable or Terminal; Terminal too if there is no model.

    Nothing is charged here.
    """
    if not used.is_on:
        raise Terminal("Recall uses no embeddings.")
    model = _embedded_model() if used.spec is None else registry.embedder_for(used.spec)
    return await model.embed(texts)
