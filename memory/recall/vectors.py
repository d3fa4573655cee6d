"""Embeddings of the pieces, when there are any."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


class Vectors:
    """A unit vector for each piece that has one; rows of pieces without are zero."""

    def __init__(self) -> None:
        self._rows: Matrix = np.zeros((0, 0), np.float32)
        self._has: NDArray[np.bool_] = np.zeros(0, np.bool_)

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return int(self._rows.shape[1])

    def put(self, piece: int, rows: Matrix) -> None:
        """Set the vectors of pieces that follow one another, from `piece` on.

        Vectors of another width than before replace all: they come from another model.
        """
        rows = np.asarray(rows, np.float32)
        if rows.shape[1] != self._rows.shape[1]:
            self._rows = np.zeros((0, rows.shape[1]), np.float32)
            self._has = np.zeros(0, np.bool_)
        end = piece + len(rows)
        if end > len(self._rows):
            grown = np.zeros((max(end, 2 * len(self._rows), 64), rows.shape[1]), np.float32)
            grown[: len(self._rows)] = self._rows
            self._has = np.append(self._has, np.zeros(len(grown) - len(self._rows), np.bool_))
            self._rows = grown
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        self._rows[piece:end] = rows / np.maximum(lengths, 1e-12)
        self._has[piece:end] = True

    def truncate(self, pieces: int) -> None:
        """Forget all from this piece on."""
        self._rows[pieces:] = 0
        self._has[pieces:] = False

    def likeness(self, vector: Matrix, pieces: int) -> Matrix | None:
        """Cosine of each of the first pieces and a vector, NaN for pieces that have none.

        Nothing when there is none of its width.
        """
        vector = np.asarray(vector, np.float32)
        if not len(self._rows) or vector.shape != (self._rows.shape[1],):
            return None
        found = np.full(pieces, np.nan, np.float32)
        rows = self._rows[:pieces]
        alike = rows @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
        found[: len(rows)] = np.where(self._has[: len(rows)], alike, np.nan)
        return found
