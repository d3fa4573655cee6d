"""The index: turns go in, the best pieces come out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from memory.recall import question as questions
from memory.recall import ranking
from memory.recall.dates import short
from memory.recall.matching import Row, View
from memory.recall.ranking import Ranked
from memory.recall.store import Store
from memory.recall.values import Analysed, Hit
from memory.recall.vectors import Vectors
from memory.recall.words import tokens


class Index:
    """Turns of one conversation, or facts, or lore entries, ready to be asked.

    Not for two threads at once while it is being changed. What it answers depends on its turns
    alone, not on how they came in.
    """

    def __init__(self) -> None:
        self._store = Store()
        self._vectors = Vectors()

    def __len__(self) -> int:
        return len(self._store.turns)

    def extend(self, analysed: Sequence[Analysed]) -> None:
        """Append turns."""
        self._store.extend(analysed)

    def truncate(self, count: int) -> None:
        """Drop all turns from this number on, with their vectors."""
        self._store.truncate(max(0, count))
        self._vectors.truncate(self._store.pieces_upto(len(self)))

    def set_vectors(self, vectors: Mapping[int, NDArray[np.float32]]) -> None:
        """Vectors by number of the turn: for each of the turn's `pieces` a row, of any length.

        Turns without any are found by words alone. Raises ValueError when a turn is given
        another number of rows than it has pieces, and IndexError when there is no such turn;
        then nothing is set.
        """
        for number, rows in vectors.items():
            if not 0 <= number < len(self):
                raise IndexError(f"There is no turn {number}.")
            if rows.ndim != 2 or len(rows) != len(self._store.turns[number].spans):  # noqa: PLR2004
                raise ValueError(f"Turn {number} needs a row for each of its pieces.")
        for first, together in _runs(vectors):
            self._vectors.put(self._store.pieces_upto(first), np.concatenate(together))

    def drop_vectors(self) -> None:
        """Forget all vectors, as when another model takes over."""
        self._vectors = Vectors()

    @property
    def width(self) -> int:
        """How long its vectors are; 0 without any."""
        return self._vectors.width

    def pieces(self, number: int) -> tuple[str, ...]:
        """The texts that the vectors of a turn are made of."""
        return self._store.turns[number].pieces

    def search(
        self,
        question: str,
        *,
        k: int = 50,
        asker: str = "",
        before: int | None = None,
        now: float | None = None,
        vector: NDArray[np.float32] | None = None,
    ) -> list[Hit]:
        """At most `k` turns, best first; of equally good ones the earlier comes first.

        `before` hides the turns from that number on, as if they were not there. `vector` is the
        question's embedding, for an index that was given vectors.
        """
        view = View.of(self._store, before)
        if not view.turns or k <= 0:
            return []
        names = {word for name in view.speakers() for word in tokens(name)}
        read = questions.read(question, names, asker=asker, now=now)
        meaning = None if vector is None else self._vectors.likeness(vector, view.pieces)
        ranked = ranking.rank(view, read, meaning)
        best, scores = _best_pieces(view, ranked, k)
        return [
            self._hit(int(piece), float(score), ranked.parts)
            for piece, score in zip(best, scores, strict=True)
        ]

    def _hit(self, piece: int, score: float, parts: dict[str, Row]) -> Hit:
        number = int(self._store.piece_turn.upto(piece + 1)[piece])
        at = piece - int(self._store.first_piece.upto(number + 1)[number])
        found = self._store.turns[number]
        why = {name: round(float(row[piece]), 4) for name, row in parts.items() if row[piece]}
        return Hit(ids=(found.turn.uid,), text=shown(found, at), score=score, why=why)


def _runs(
    vectors: Mapping[int, NDArray[np.float32]],
) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """The rows of turns that follow one another, with the number of the first."""
    for _, run in groupby(enumerate(sorted(vectors)), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], [vectors[number] for number in numbers]


def _best_pieces(view: View, ranked: Ranked, k: int) -> tuple[NDArray[np.int64], Row]:
    """The best piece of each of the best turns, with their scores."""
    among = np.flatnonzero(ranked.touched)
    order = among[np.argsort(-ranked.scores[among], kind="stable")]
    turns = view.store.piece_turn.upto(view.pieces)[order]
    _, firsts = np.unique(turns, return_index=True)
    best = order[np.sort(firsts)][:k]
    return best, ranked.scores[best]


def shown(found: Analysed, at: int) -> str:
    """A piece as it goes into a prompt: `8 May 2023, Ada: …`."""
    head = ", ".join(part for part in (short(found.turn.time), found.turn.speaker) if part)
    piece = found.piece(at)
    return f"{head}: {piece}" if head else piece
