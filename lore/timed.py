"""Effects that last: sticky, cooldown, and the decorators that remember a match.

The state belongs to a branch of the message tree: it is saved with the reply that a scan was
made for and read back from the newest message of the path. Pure.
"""

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from lore.values import Entry

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Effect(msgspec.Struct, frozen=True):
    """An effect of one version of an entry, from message `start` up to before `end`.

    `protected` ones outlive a chat that became shorter: a cooldown that followed on a sticky.
    """

    version: str
    start: int
    end: int
    protected: bool = False


class State(msgspec.Struct, frozen=True):
    """What lasts, by the key of the entry (`book.uid`). `kept` and `spent` hold versions."""

    sticky: dict[str, Effect] = {}
    cooldown: dict[str, Effect] = {}
    kept: dict[str, str] = {}
    spent: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.sticky or self.cooldown or self.kept or self.spent)


class Timeable(Protocol):
    """An entry in its book, as far as effects need it."""

    @property
    def key(self) -> str: ...

    @property
    def entry(self) -> Entry: ...


def version_of(entry: Entry) -> str:
    """Changes when anything about the entry does, except where an editor shows it."""
    told = msgspec.structs.replace(entry, display_index=None)
    return hashlib.blake2b(_encode(told), digest_size=8).hexdigest()


class Timed:
    """The effects during one scan."""

    def __init__(
        self, state: State, find: Callable[[str], Timeable | None], *, length: int
    ) -> None:
        self._length = length
        self._find = find
        self._sticky = dict(state.sticky)
        self._cooldown = dict(state.cooldown)
        self._kept = dict(state.kept)
        self._spent = dict(state.spent)
        self._versions: dict[str, str] = {}
        self.sticky = self._running(self._sticky, "sticky")
        self.cooldown = self._running(self._cooldown, "cooldown")
        self.kept = {key for key, version in state.kept.items() if self._is(key, version)}
        self.spent = {key for key, version in state.spent.items() if self._is(key, version)}

    def _version(self, item: Timeable) -> str:
        found = self._versions.get(item.key)
        if found is None:
            found = self._versions[item.key] = version_of(item.entry)
        return found

    def _is(self, key: str, version: str) -> bool:
        item = self._find(key)
        return item is not None and self._version(item) == version

    def _running(self, effects: dict[str, Effect], kind: str) -> set[str]:
        """Keys of the entries that are under this effect now; what is over is forgotten."""
        running: set[str] = set()
        for key, effect in list(effects.items()):
            item = self._find(key)
            if item is None and self._has_begun(effect) and self._length < effect.end:
                # Of a book that is not bound at the moment.
                continue
            if item is not None and self._is_running(effect, item, kind):
                running.add(key)
                continue
            del effects[key]
            if item is not None and kind == "sticky" and self._is_over(effect, item):
                self._cool_down(item)
        return running

    def _is_running(self, effect: Effect, item: Timeable, kind: str) -> bool:
        is_same = self._version(item) == effect.version and bool(getattr(item.entry, kind))
        return self._has_begun(effect) and is_same and self._length < effect.end

    def _has_begun(self, effect: Effect) -> bool:
        """Whether the chat is longer than where it began; a reply made anew forgets it."""
        return self._length > effect.start or effect.protected

    def _is_over(self, effect: Effect, item: Timeable) -> bool:
        """Whether it ran to its end, rather than being forgotten."""
        return self._length >= effect.end and self._version(item) == effect.version

    def _cool_down(self, item: Timeable) -> None:
        """A cooldown begins when sticky ends."""
        if item.entry.cooldown:
            self._cooldown[item.key] = self._effect(item, item.entry.cooldown, protected=True)

    def _effect(self, item: Timeable, messages: int, *, protected: bool = False) -> Effect:
        return Effect(self._version(item), self._length, self._length + messages, protected)

    def note(self, item: Timeable, *, keeps: bool, spends: bool) -> None:
        """This entry was activated. What runs already is not prolonged."""
        entry = item.entry
        if entry.sticky:
            self._sticky.setdefault(item.key, self._effect(item, entry.sticky))
        if entry.cooldown:
            self._cooldown.setdefault(item.key, self._effect(item, entry.cooldown))
        if keeps:
            self._kept[item.key] = self._version(item)
        if spends:
            self._spent[item.key] = self._version(item)

    def state(self) -> State:
        return State(self._sticky, self._cooldown, self._kept, self._spent)
