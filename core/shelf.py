"""What a process keeps at hand: the last used, within a total size."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Shelf(Generic[V]):
    """Values by key, each with a size; when they are too much together, the oldest go.

    A value that changes while it is used is taken and put back: meanwhile nobody else has it.
    """

    def __init__(self, size_most: int) -> None:
        self._most = size_most
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def take(self, key: Hashable) -> V | None:
        """The value, which is no longer kept here."""
        with self._lock:
            return self._remove(key)

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep a value. One that is larger than all that is kept together is not."""
        with self._lock:
            self._remove(key)
            self._values[key] = (value, size)
            self.size += size
            while self.size > self._most:
                self._remove(next(iter(self._values)))

    def all(self) -> dict[Hashable, V]:
        """What is kept, the last used at the end."""
        with self._lock:
            return {key: value for key, (value, _) in self._values.items()}

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self.size = 0

    def _remove(self, key: Hashable) -> V | None:
        found = self._values.pop(key, None)
        if found is None:
            return None
        self.size -= found[1]
        return found[0]
