"""What each entry sees, and whether one of its keys is in it. Pure.

The text of a scan comes in parts: the newest messages, texts of the card and the persona, notes,
and what recursion adds. Each part is searched once for the keys of each book.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from lore.books import Bound, CompiledBook, Item
from lore.matching import Hits, Key, expanded, find_literal, lower, place
from lore.patterns import Clock
from lore.scene import JOINT, SOURCES, Scene, Settings, Window
from lore.values import DEPTH_MOST

NOTE: Final = "note"
RECURSION: Final = "recursion"


class Where(msgspec.Struct, frozen=True):
    """Where a key was found: in `message` (0 is the newest), or in another `source`."""

    source: str
    message: int | None = None
    uid: str = ""


class _Part:
    """One text, and the keys of each book that occur in it."""

    __slots__ = ("hits", "source", "text")

    def __init__(self, source: str, text: str, books: Iterable[CompiledBook]) -> None:
        self.source = source
        self.text = text
        lowered = lower(text)
        self.hits = {book.uid: book.words.find(text, lowered) for book in books}


class Sight:
    """Everything a scan can look at. `depth` is the settings' one; it may grow by `widen`."""

    def __init__(
        self, bound: list[Bound], settings: Settings, scene: Scene, *, clock: Clock
    ) -> None:
        self._books = [binding.book for binding in bound]
        self._settings = settings
        self._scene = scene
        self._clock = clock
        self.depth = min(settings.scan_depth, DEPTH_MOST)
        self._window = Window(
            scene.messages, self._deepest(settings), with_names=settings.include_names
        )
        self._messages = _Part("message", self._window.text, self._books)
        self._sources = {
            name: _Part(name, text, self._books)
            for name in SOURCES
            if (text := scene.sources.get(name, "").strip()) and self._is_wanted(name)
        }
        self._notes = [_Part(NOTE, text, self._books) for text in scene.notes if text.strip()]
        self._recursion: list[_Part] = []
        self.sees_recursion = True
        self.candidates: set[Item] = {item for book in self._books for item in book.always}
        """The entries worth a look: of which a literal key occurs, or which need none."""
        for part in (self._messages, *self._sources.values(), *self._notes):
            self._note_candidates(part)
        self._views: dict[tuple[object, ...], str] = {}
        self._found: dict[tuple[str, str], int | None] = {}

    def _deepest(self, settings: Settings) -> int:
        if settings.min_activations:
            return DEPTH_MOST
        return min(DEPTH_MOST, max([self.depth, *(book.deepest for book in self._books)]))

    def _is_wanted(self, source: str) -> bool:
        return any(source in book.sources for book in self._books)

    def widen(self) -> None:
        self.depth += 1

    def add(self, text: str) -> None:
        """Text of entries that were activated, for the next pass."""
        part = _Part(RECURSION, text, self._books)
        self._recursion.append(part)
        self._note_candidates(part)

    @property
    def has_recursion(self) -> bool:
        return bool(self._recursion)

    def _note_candidates(self, part: _Part) -> None:
        for book in self._books:
            for word in part.hits[book.uid]:
                self.candidates.update(book.by_word.get(word, ()))

    def find(self, item: Item, key: Key) -> Where | None:
        """Where this key of this entry is, in what the entry sees."""
        depth = self.depth if item.depth is None else item.depth
        if depth <= 0:
            return None
        if key.has_macro:
            key = expanded(self._scene.expand(key.text))
        if key.pattern is not None:
            return self._find_pattern(item, key, depth)
        if not key.lowered:
            return None
        for part in self._seen_parts(item):
            at = self._place(item, key, part)
            if at is None:
                continue
            if part is not self._messages:
                return Where(part.source)
            if at + len(key.lowered) <= self._window.end(depth):
                return self._in_message(at)
        return None

    def _seen_parts(self, item: Item) -> list[_Part]:
        parts = [self._messages]
        parts += [p for name, p in self._sources.items() if getattr(item.entry, f"match_{name}")]
        parts += self._notes
        return parts + self._recursion if self.sees_recursion else parts

    def _place(self, item: Item, key: Key, part: _Part) -> int | None:
        case_sensitive = _or(item.entry.case_sensitive, self._settings.case_sensitive)
        whole_words = _or(item.entry.match_whole_words, self._settings.match_whole_words)
        hits: dict[str, Hits] = part.hits[item.book_uid]
        found = hits.get(key.lowered)
        if found is not None:
            return place(found, key, case_sensitive=case_sensitive, whole_words=whole_words)
        if not key.is_expanded:
            return None
        return find_literal(part.text, key, case_sensitive=case_sensitive, whole_words=whole_words)

    def _find_pattern(self, item: Item, key: Key, depth: int) -> Where | None:
        assert key.pattern is not None
        text = self._view(item, depth)
        memo = (key.text, text)
        if memo not in self._found:
            self._found[memo] = self._clock.find(key.text, key.pattern, text)
        at = self._found[memo]
        if at is None:
            return None
        if at < self._window.end(depth):
            return self._in_message(at)
        return Where(NOTE if not self._recursion else RECURSION)

    def _view(self, item: Item, depth: int) -> str:
        """All that an entry sees as one text, which a pattern may span."""
        parts = self._seen_parts(item)[1:]
        memo = (depth, tuple(map(id, parts)))
        found = self._views.get(memo)
        if found is None:
            messages = self._window.text[: self._window.end(depth)]
            found = self._views[memo] = JOINT.join([messages, *(part.text for part in parts)])
        return found

    def _in_message(self, at: int) -> Where:
        index = _index_of(tuple(self._window.starts), at)
        return Where("message", index, self._window.messages[index].uid)


@lru_cache(maxsize=256)
def _index_of(starts: tuple[int, ...], at: int) -> int:
    return max(0, sum(start <= at for start in starts) - 1)


def _or(own: bool | None, common: bool) -> bool:
    return common if own is None else own
