"""How well each piece matches the words of a question: alone, with its neighbours, in its session.

Everything is counted when the question comes, over dense rows with one number a piece, so the
index holds plain postings and a new turn never makes an old one's entry wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from memory.recall.question import Concept
from memory.recall.store import Store

# One number for each piece (or turn), and one such row for each concept.
Row = NDArray[np.floating[Any]]
Rows = NDArray[np.floating[Any]]

# Okapi BM25. Pieces are of like size, so their length says little.
K1: Final = 1.0
B: Final = 0.25

# A short piece is read together with its neighbours, up to this many characters in all.
WINDOW_CHARS: Final = 1_000
# What a word in a neighbour counts, by distance.
NEIGHBOURS: Final = (0.8, 0.4)


@dataclass(frozen=True, slots=True)
class View:
    """The turns of a store up to one of them: what a search may see."""

    store: Store
    turns: int
    pieces: int

    @classmethod
    def of(cls, store: Store, before: int | None) -> "View":
        """All turns, or those below a number."""
        turns = len(store.turns) if before is None else max(0, min(before, len(store.turns)))
        return cls(store, turns, store.pieces_upto(turns))

    def speakers(self) -> dict[str, int]:
        """Those who speak in it, with their numbers."""
        spoken = self.store.speaker.upto(self.turns)
        known = int(spoken.max()) + 1 if self.turns else 0
        return {name: at for name, at in self.store.speakers.numbers.items() if at < known}


class Matches:
    """The counts of a question's concepts in the pieces of a view, and what follows from them."""

    def __init__(self, view: View, concepts: Sequence[Concept]) -> None:
        self.view = view
        self.counts: Rows = np.zeros((len(concepts), view.pieces), np.float32)
        self.exact: NDArray[np.bool_] = np.zeros((len(concepts), view.pieces), np.bool_)
        found = np.zeros(len(concepts))
        for at, concept in enumerate(concepts):
            for term, weight in concept.forms:
                pieces, counts = view.store.postings.of(term, view.pieces)
                self.counts[at, pieces] += weight * counts
                self.exact[at, pieces] |= weight == 1
                found[at] += weight * len(pieces)
        found = np.minimum(found, view.pieces)
        self.idf: Row = np.log1p((view.pieces - found + 0.5) / (found + 0.5)).astype(np.float32)
        self.piece_turn = view.store.piece_turn.upto(view.pieces)
        self.firsts = view.store.first_piece.upto(view.turns)
        self.chars = view.store.piece_chars.upto(view.pieces)
        self.terms = view.store.piece_terms.upto(view.pieces).astype(np.float32)

    @cached_property
    def piece_block(self) -> NDArray[np.int32]:
        """To which stretch of the conversation each piece belongs."""
        blocks: NDArray[np.int32] = self.view.store.block.upto(self.view.turns)[self.piece_turn]
        return blocks

    def own(self) -> Row:
        """BM25 of each piece."""
        return self._bm25(self.counts, self.terms)

    @cached_property
    def windows(self) -> tuple[Rows, Row]:
        """Counts and lengths of the pieces with what they borrow from their neighbours."""
        counts, terms = self.counts.copy(), self.terms.copy()
        starts = np.cumsum(self.chars) - self.chars
        ends = starts + self.chars
        spare = (WINDOW_CHARS - self.chars) // 2
        for distance, weight in enumerate(NEIGHBOURS, start=1):
            if distance >= self.view.pieces:
                break
            same = self.piece_block[distance:] == self.piece_block[:-distance]
            behind = weight * (same & (ends[distance:] - ends[:-distance] <= spare[:-distance]))
            ahead = weight * (same & (starts[distance:] - starts[:-distance] <= spare[distance:]))
            behind, ahead = behind.astype(np.float32), ahead.astype(np.float32)
            counts[:, :-distance] += behind * self.counts[:, distance:]
            counts[:, distance:] += ahead * self.counts[:, :-distance]
            terms[:-distance] += behind * self.terms[distance:]
            terms[distance:] += ahead * self.terms[:-distance]
        return counts, terms

    def window(self) -> Row:
        """BM25 of each piece with its neighbours."""
        return self._bm25(*self.windows)

    def covered(self) -> Row:
        """Which share of the question's own words each piece holds, by what they weigh."""
        return self._share(self.exact)

    @cached_property
    def turn_counts(self) -> Rows:
        """Counts in whole turns."""
        if self.view.turns == self.view.pieces:
            return self.counts
        counts: Rows = np.add.reduceat(self.counts, self.firsts, axis=1)
        return counts

    @cached_property
    def turn_covered(self) -> Row:
        """Which share of the question's words each turn holds."""
        return self._share(np.minimum(self.turn_counts, 1.0))

    def near_covered(self) -> Row:
        """Which share each turn holds together with the one before and the one behind it."""
        held = np.minimum(self.turn_counts, 1.0)
        near = held.copy()
        block = self.view.store.block.upto(self.view.turns)
        same = block[1:] == block[:-1]
        near[:, 1:] = np.maximum(near[:, 1:], held[:, :-1] * same)
        near[:, :-1] = np.maximum(near[:, :-1], held[:, 1:] * same)
        return self._share(near)

    def session(self) -> Row:
        """BM25 of the stretch of conversation that each piece is in."""
        starts = np.flatnonzero(np.diff(self.piece_block, prepend=-1))
        counts = np.add.reduceat(self.counts, starts, axis=1)
        scores = self._bm25(counts, np.add.reduceat(self.terms, starts))
        return np.repeat(scores, np.diff(starts, append=self.view.pieces))

    def whole(self) -> Row:
        """Cosine of each whole turn and the question, with damped counts."""
        terms = np.add.reduceat(self.terms, self.firsts)
        damped = np.log1p(self.turn_counts)
        length = np.sqrt(np.maximum(terms, 1.0)) * max(float(np.linalg.norm(self.idf)), 1e-6)
        cosine: Row = (self.idf @ damped) / length
        return cosine

    def _share(self, held: NDArray[Any]) -> Row:
        share: Row = (self.idf @ held) / max(float(self.idf.sum()), 1e-6)
        return share

    def _bm25(self, counts: Rows, terms: Row) -> Row:
        usual = max(float(terms.mean()), 1.0)
        damp = K1 * (1 - B + B * terms / usual)
        scores: Row = self.idf @ (counts * (K1 + 1) / (counts + damp))
        return scores
