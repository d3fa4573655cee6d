"""What the index holds: columns with a row for each turn or piece, and postings for each term."""

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from memory.recall.values import Analysed, Turn

# A posting is one number: the piece, and in its last bits how often the term stands there.
_BITS: Final = 8
_COUNT_MOST: Final = (1 << _BITS) - 1

# A conversation without sessions is taken in stretches: a pause or this many turns end one.
PAUSE: Final = 6 * 3600.0
STRETCH: Final = 40


UNKNOWN: Final = 0
USER: Final = 1
ASSISTANT: Final = 2
_ROLES: Final = {"user": USER, "human": USER, "assistant": ASSISTANT, "ai": ASSISTANT}


def role_of(turn: Turn) -> int:
    """Who speaks: said by the role, or by a speaker who is named after one."""
    return _ROLES.get(turn.role.lower() or turn.speaker.lower(), UNKNOWN)


class Column:
    """A growing row of numbers."""

    def __init__(self, dtype: Any) -> None:
        self._rows: NDArray[Any] = np.empty(64, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, values: list[Any]) -> None:
        """Append these."""
        size = self._size + len(values)
        if size > len(self._rows):
            rows = np.empty(max(size, 2 * len(self._rows)), self._rows.dtype)
            rows[: self._size] = self._rows[: self._size]
            self._rows = rows
        self._rows[self._size : size] = values
        self._size = size

    def truncate(self, size: int) -> None:
        """Keep the first of them."""
        self._size = min(self._size, size)

    def upto(self, size: int) -> NDArray[Any]:
        """The first of them, without a copy."""
        return self._rows[: min(size, self._size)]


class Postings:
    """For each term the pieces that hold it, in order."""

    def __init__(self) -> None:
        self._codes: dict[str, array[int]] = {}

    def add(self, piece: int, terms: list[str]) -> None:
        """Note the terms of the next piece."""
        counts = Counter(terms)
        for term, count in counts.items():
            code = piece << _BITS | min(count, _COUNT_MOST)
            codes = self._codes.get(term)
            if codes is None:
                codes = self._codes[term] = array("q")
            codes.append(code)

    def drop(self, terms: Iterable[str]) -> None:
        """Forget the last piece, which had these terms."""
        for term in set(terms):
            codes = self._codes[term]
            codes.pop()
            if not codes:
                del self._codes[term]

    def of(self, term: str, upto: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Pieces below `upto` that hold the term, and how often each does."""
        codes = np.array(self._codes.get(term, ()), np.int64)
        codes = codes[: np.searchsorted(codes, upto << _BITS)]
        return codes >> _BITS, (codes & _COUNT_MOST).astype(np.float32)


class Names:
    """Numbers for names, given in the order in which the names come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of this name."""
        return self.numbers.setdefault(name, len(self.numbers))


class Store:
    """Turns and their pieces. Row n of a turn's column is turn n; pieces have rows of their own."""

    def __init__(self) -> None:
        self.turns: list[Analysed] = []
        self.postings = Postings()
        self.speakers = Names()
        self.speaker = Column(np.int32)
        self.role = Column(np.int8)
        self.time = Column(np.float64)
        self.block = Column(np.int32)
        self.first_piece = Column(np.int32)
        self.chars = Column(np.int32)
        self.piece_turn = Column(np.int32)
        self.piece_chars = Column(np.int32)
        self.piece_terms = Column(np.int32)
        self.marks = Column(np.int32)

    def extend(self, analysed: Iterable[Analysed]) -> None:
        """Append turns."""
        new = list(analysed)
        number = len(self.turns)
        for turn in new:
            self._place(turn)
        self.speaker.extend([self.speakers.number(each.turn.speaker.lower()) for each in new])
        self.role.extend([role_of(each.turn) for each in new])
        self.time.extend([np.nan if each.turn.time is None else each.turn.time for each in new])
        self.chars.extend([len(each.turn.text) for each in new])
        self._add_pieces(number, new)

    def _place(self, turn: Analysed) -> None:
        """Say to which stretch of the conversation the turn belongs."""
        number = len(self.turns)
        if not number:
            self.block.extend([0])
        else:
            before = int(self.block.upto(number)[-1])
            is_new = _parted(self.turns[-1], turn) or self._is_full(number, before, turn)
            self.block.extend([before + is_new])
        self.turns.append(turn)

    def _is_full(self, number: int, block: int, turn: Analysed) -> bool:
        if turn.turn.session or number < STRETCH:
            return False
        return bool(self.block.upto(number)[number - STRETCH] == block)

    def _add_pieces(self, number: int, new: list[Analysed]) -> None:
        piece = len(self.piece_turn)
        firsts, lengths = [], []
        for turn in new:
            firsts.append(piece)
            for joined in turn.terms:
                terms = joined.split()
                self.postings.add(piece, terms)
                lengths.append(len(terms))
                piece += 1
        self.first_piece.extend(firsts)
        self.piece_turn.extend(
            [number + at for at, turn in enumerate(new) for _ in turn.spans],
        )
        self.piece_chars.extend([end - start for turn in new for start, end in turn.spans])
        self.piece_terms.extend(lengths)
        self.marks.extend([mark for turn in new for mark in turn.marks])

    def truncate(self, count: int) -> None:
        """Keep the first turns."""
        if count >= len(self.turns):
            return
        pieces = self.pieces_upto(count)
        for turn in reversed(self.turns[count:]):
            for joined in reversed(turn.terms):
                self.postings.drop(joined.split())
        del self.turns[count:]
        for column in (self.speaker, self.role, self.time, self.block):
            column.truncate(count)
        for column in (self.first_piece, self.chars):
            column.truncate(count)
        for column in (self.piece_turn, self.piece_chars, self.piece_terms, self.marks):
            column.truncate(pieces)
        known = {turn.turn.speaker.lower() for turn in self.turns}
        for name in [name for name in self.speakers.numbers if name not in known]:
            del self.speakers.numbers[name]

    def pieces_upto(self, count: int) -> int:
        """How many pieces the first turns have."""
        if count >= len(self.turns):
            return len(self.piece_turn)
        return int(self.first_piece.upto(count + 1)[count])


def _parted(before: Analysed, after: Analysed) -> bool:
    """Whether a new session starts between two turns that follow one another.

    What nobody says in no session is no conversation: facts and entries stand each for itself.
    """
    one, two = before.turn, after.turn
    if one.session != two.session:
        return True
    if two.session:
        return False
    if not (two.speaker or two.role):
        return True
    return one.time is not None and two.time is not None and abs(two.time - one.time) > PAUSE
