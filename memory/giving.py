"""Giving an index the vectors of its turns, as they come to be."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from memory import vectors
from memory.recall import Index
from memory.vectors import Loaded, Place


@dataclass(slots=True)
class Given:
    """What an index was given: by which model, and which of its turns have theirs.

    Keep it beside the index, and `truncate` it with the index.
    """

    model: str = ""
    newest: int = 0
    looked_up: int = 0
    having: set[str] = field(default_factory=set)

    def truncate(self, uids: Sequence[str]) -> None:
        """The index holds these turns only from now on."""
        self.looked_up = min(self.looked_up, len(uids))
        self.having &= set(uids)

    def give(self, index: Index, place: Place, model: str, uids: Sequence[str]) -> None:
        """Give the index, whose turns are `uids`, what there is of this model and it has not yet.

        Vectors of texts that were changed meanwhile are left out.
        """
        if model != self.model:
            index.drop_vectors()
            self.model, self.newest, self.looked_up, self.having = model, 0, 0, set()
        numbers = {uid: number for number, uid in enumerate(uids)}
        if self.newest:
            added = uids[self.looked_up :]
            self._put(index, numbers, vectors.load(place, model, owners=added))
        self._put(index, numbers, vectors.load(place, model, after=self.newest), newer=True)
        self.looked_up = len(uids)

    def _put(
        self, index: Index, numbers: dict[str, int], loaded: Loaded, *, newer: bool = False
    ) -> None:
        found = {}
        for owner, (rows, digests) in loaded.by_owner().items():
            number = numbers.get(owner)
            if number is not None and digests == [*map(vectors.digest, index.pieces(number))]:
                found[number] = rows
                self.having.add(owner)
        index.set_vectors(found)
        if newer:
            self.newest = loaded.newest

    @property
    def lacking(self) -> int:
        """How many of the turns are found by their words alone."""
        return self.looked_up - len(self.having)
