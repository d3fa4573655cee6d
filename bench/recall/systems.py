"""What is compared: four plain systems, and Reverie's own index. All rank turns for a question."""

import asyncio
import math
import zlib
from abc import ABC, abstractmethod
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.recall.data import Said
from bench.recall.words import terms
from engine.embedding.minilm import missing_packages

Scores = NDArray[np.float64]
DEPTH = 50


class Found(msgspec.Struct, frozen=True):
    """A snippet as it would enter a prompt, and the turns it was made from."""

    ids: tuple[str, ...]
    text: str


class System(Protocol):
    def extend(self, turns: Sequence[Said]) -> None: ...

    def search(self, question: str, k: int = DEPTH) -> list[Found]: ...


class Ranked(ABC):
    """A system that gives every turn a score; of equal scores the earlier turn comes first."""

    def __init__(self) -> None:
        self.turns: list[Said] = []

    def extend(self, turns: Sequence[Said]) -> None:
        for turn in turns:
            self.add(len(self.turns), turn)
            self.turns.append(turn)

    @abstractmethod
    def add(self, number: int, turn: Said) -> None:
        """Take a turn into the index."""

    @abstractmethod
    def scores(self, question: str) -> Scores:
        """A score for each turn; above 0 where it has to do with the question."""

    def search(self, question: str, k: int = DEPTH) -> list[Found]:
        scores = self.scores(question)
        return [self.found(number) for number in best(scores, k) if scores[number] > 0]

    def found(self, number: int) -> Found:
        return Found((self.turns[number].id,), self.turns[number].text)


def best(scores: Scores, k: int) -> list[int]:
    """Numbers of the `k` highest scores; partitioned first, since only few are wanted."""
    if len(scores) > k:
        floor = np.partition(scores, -k)[-k]
        among = np.flatnonzero(scores >= floor)
    else:
        among = np.arange(len(scores))
    return [int(n) for n in among[np.argsort(-scores[among], kind="stable")][:k]]


class Recency(Ranked):
    """The newest turns, whatever is asked."""

    def add(self, number: int, turn: Said) -> None:
        """The order of the turns is the index."""

    def scores(self, question: str) -> Scores:
        return np.arange(1, len(self.turns) + 1, dtype=np.float64)


class Postings(Ranked):
    """An inverted index that grows turn by turn."""

    def __init__(self) -> None:
        super().__init__()
        self.where: dict[str, tuple[array[int], array[float]]] = defaultdict(
            lambda: (array("I"), array("f"))
        )
        self.lengths = array("f")

    def add(self, number: int, turn: Said) -> None:
        counts = Counter(terms(f"{turn.speaker} {turn.text}"))
        self.lengths.append(self.length(counts))
        for term, count in counts.items():
            numbers, weights = self.where[term]
            numbers.append(number)
            weights.append(count)

    def length(self, counts: Counter[str]) -> float:
        return sum(counts.values())

    def of(self, term: str) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        numbers, weights = self.where.get(term, (array("I"), array("f")))
        return np.array(numbers, dtype=np.uint32), np.array(weights, dtype=np.float32)


class Bm25(Postings):
    """BM25 over single turns, k1 = 1.2, b = 0.75."""

    def scores(self, question: str) -> Scores:
        total = np.zeros(len(self.turns))
        lengths = np.array(self.lengths)
        mean = lengths.mean() if len(lengths) else 1.0
        for term in set(terms(question)):
            numbers, counts = self.of(term)
            rarity = math.log(1 + (len(self.turns) - len(numbers) + 0.5) / (len(numbers) + 0.5))
            damped = counts + 1.2 * (0.25 + 0.75 * lengths[numbers] / mean)
            total[numbers] += rarity * counts * 2.2 / damped
        return total


class TfIdf(Postings):
    """Cosine of logarithmic counts times inverse document frequency."""

    def scores(self, question: str) -> Scores:
        total = np.zeros(len(self.turns))
        for term, count in Counter(terms(question)).items():
            numbers, counts = self.of(term)
            rarity = math.log((1 + len(self.turns)) / (1 + len(numbers))) + 1
            total[numbers] += (1 + np.log(counts)) * (1 + math.log(count)) * rarity**2
        return total / np.maximum(np.array(self.norms()), 1e-9)

    def norms(self) -> Scores:
        """Lengths of the turns' vectors, redone when turns have come."""
        if getattr(self, "_known", -1) != len(self.turns):
            squares = np.zeros(len(self.turns))
            for term in self.where:
                numbers, counts = self.of(term)
                rarity = math.log((1 + len(self.turns)) / (1 + len(numbers))) + 1
                squares[numbers] += ((1 + np.log(counts)) * rarity) ** 2
            self._norms, self._known = np.sqrt(squares), len(self.turns)
        return self._norms


class Hashed(Ranked):
    """Cosine of hashed runs of three to five letters: stands in for a small embedder."""

    DIMENSIONS = 512

    def __init__(self) -> None:
        super().__init__()
        self.rows = np.zeros((256, self.DIMENSIONS), dtype=np.float32)

    def add(self, number: int, turn: Said) -> None:
        if number == len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.rows[number] = self.embed(f"{turn.speaker} {turn.text}")

    def embed(self, text: str) -> NDArray[np.float32]:
        row = np.zeros(self.DIMENSIONS, dtype=np.float32)
        for word, count in Counter(terms(text)).items():
            framed = f"<{word}>".encode()
            runs = [framed[i : i + n] for n in (3, 4, 5) for i in range(len(framed) - n + 1)]
            for run in runs:
                code = zlib.crc32(run)
                sign = 1 if code & 1 else -1
                row[(code >> 1) % self.DIMENSIONS] += sign * count / math.sqrt(len(runs))
        return row / (np.linalg.norm(row) or 1)

    def scores(self, question: str) -> Scores:
        return (self.rows[: len(self.turns)] @ self.embed(question)).astype(np.float64)


class Hybrid(Ranked):
    """Reciprocal rank fusion of BM25 and the embedder, constant 60, 100 turns from each."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: tuple[Ranked, ...] = (Bm25(), Hashed())

    def add(self, number: int, turn: Said) -> None:
        for part in self.parts:
            part.extend([turn])

    def scores(self, question: str) -> Scores:
        total = np.zeros(len(self.turns))
        for part in self.parts:
            scores = part.scores(question)
            for rank, number in enumerate(best(scores, 100)):
                if scores[number] > 0:
                    total[number] += 1 / (61 + rank)
        return total


class Reverie:
    """The index that a turn uses, as it is without embeddings."""

    def __init__(self) -> None:
        from memory.recall import Index, Turn, analyse

        self._index, self._turn, self._analyse = Index(), Turn, analyse

    def extend(self, turns: Sequence[Said]) -> None:
        self._index.extend([self._analyse(self._as_turn(turn)) for turn in turns])

    def _as_turn(self, said: Said):
        role = said.speaker if said.speaker in ("user", "assistant") else ""
        return self._turn(said.id, said.text, said.speaker, role, said.unix, said.session)

    def search(self, question: str, k: int = DEPTH) -> list[Found]:
        return [Found(hit.ids, hit.text) for hit in self._index.search(question, k=k)]


class ReverieByMeaning(Reverie):
    """The same with the embedded model, as `make semantic` installs it."""

    def __init__(self) -> None:
        super().__init__()
        from engine.embedding.minilm import MiniLM

        self._model = MiniLM()

    def extend(self, turns: Sequence[Said]) -> None:
        first = len(self._index)
        super().extend(turns)
        numbers = range(first, len(self._index))
        rows = self._embedded([text for number in numbers for text in self._index.pieces(number)])
        given, start = {}, 0
        for number in numbers:
            end = start + len(self._index.pieces(number))
            given[number], start = rows[start:end], end
        self._index.set_vectors(given)

    def search(self, question: str, k: int = DEPTH) -> list[Found]:
        vector = self._embedded([question])[0]
        hits = self._index.search(question, k=k, vector=vector)
        return [Found(hit.ids, hit.text) for hit in hits]

    def _embedded(self, texts: list[str]) -> NDArray[np.float32]:
        return asyncio.run(self._model.embed(texts)).vectors


SYSTEMS: dict[str, Callable[[], System]] = {
    "recency": Recency,
    "tf-idf": TfIdf,
    "bm25": Bm25,
    "hybrid": Hybrid,
    "reverie": Reverie,
}
if not missing_packages():
    SYSTEMS["reverie+minilm"] = ReverieByMeaning
