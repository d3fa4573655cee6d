"""Making the vectors that a place lacks: in batches, each stored and paid for in one transaction.

Stopped anywhere, it goes on where it was. What has no vector yet is found by its words.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from django.db import transaction

from core import http
from engine.embedding.base import Embedded
from llm.services import note_dimensions
from memory import embedders, metering, vectors
from memory.embedders import Description
from memory.recall import Turn, analyse
from memory.vectors import Piece, Place

BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Source:
    """What there is to embed in a place; `is_all` says that nothing else has a vector there."""

    place: Place
    pieces: Sequence[Piece]
    is_all: bool


def pieces_of(owner: str, text: str) -> list[Piece]:
    """A text in the very pieces in which recall reads it."""
    found = analyse(Turn(uid=owner, text=text)).pieces
    return [Piece(owner, number, piece) for number, piece in enumerate(found)]


def bring_up_to_date(
    source: Source,
    used: Description,
    *,
    writing: Callable[[], AbstractContextManager[object]] = transaction.atomic,
    batches: int | None = None,
    force: bool = False,
    told: Callable[[int], None] | None = None,
) -> bool:
    """Make what is lacking, at most so many batches. Returns whether there is more to do.

    `writing` gives the transaction for each batch, `force` makes anew what is there already,
    `told` hears how many were made after each batch. Once nothing is lacking, what other models
    made goes. Raises Retryable, Terminal or InsufficientCredits; what was stored stays.
    """
    lacking = list(source.pieces)
    if not force:
        lacking = vectors.missing(source.place, used.model, source.pieces)
    most = len(lacking) if batches is None else batches * BATCH
    for start in range(0, min(most, len(lacking)), BATCH):
        batch = lacking[start : start + BATCH]
        _embed(source.place, batch, used, writing)
        if told is not None:
            told(len(batch))
    if len(lacking) > most:
        return True
    with transaction.atomic():
        vectors.prune(source.place, used.model, source.pieces, is_all=source.is_all)
        vectors.drop_other_models(source.place, used.model)
    return False


def _embed(
    place: Place,
    pieces: Sequence[Piece],
    used: Description,
    writing: Callable[[], AbstractContextManager[object]],
) -> None:
    texts = [piece.text for piece in pieces]
    hold = metering.reserve(place.user_id, used.spec, texts)
    try:
        result = asyncio.run(_asked(used, texts))
        with writing():
            vectors.store(place, used.model, pieces, result.vectors)
            metering.settle(hold, result)
    except BaseException:
        metering.void(hold)
        raise
    if used.spec is not None and not used.spec.dimensions:
        note_dimensions(used.spec.slug, result.vectors.shape[1])


async def _asked(used: Description, texts: Sequence[str]) -> Embedded:
    try:
        return await embedders.embed(used, texts)
    finally:
        await http.aclose()


def free_of_charge(used: Description) -> Description:
    """The same model, counted but not charged: for work that an operator wants done."""
    if used.spec is None:
        return used
    return replace(used, spec=replace(used.spec, input_multiplier_micro=0, free=True))
