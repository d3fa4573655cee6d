"""What each entry sees, and whether one of its keys is in it. Pure.

The text of a scan comes in parts: the newest messages, texts of the card and the persona, notes,
and what recursion adds. Each part is searched once for the keys of each book.
"""

from bisect import bisect_right
from typing import Final

import msgspec

from lore.books import Bound, CompiledBook, Item
from lore.matching import Hits, Key, expanded, find_literal, lower, place
from lore.patterns import Clock
from lore.scene import JOINT, SOURCES, Scene, Settings, Window
from lore.values import DEPTH_MOST

NOTE: Final = "note"
RECURSION: Final = "recursion"
WORK_MOST: Final = 300_000
"""Looks at entries and for keys that a scan may take before its last pass: about a second."""
_CHARS_PER_LOOK: Final = 10_000
_VIEWS_MOST: Final = 16


class Where(msgspec.Struct, frozen=True):
    """Where a key was found: in `message` (0 is the newest), or in another `source`."""

    source: str
    message: int | None = None
    uid: str = ""


def deepest(bound: list[Bound], settings: Settings) -> int:
    """How many of the newest messages some entry may see."""
    if settings.min_activations:
        return DEPTH_MOST
    own = [binding.book.deepest for binding in bound]
    return min(DEPTH_MOST, max([settings.scan_depth, *own]))


class _Part:
    """One text, which may grow, and the keys of each book that occur in it.

    `fresh` are the keys that its newest piece brought, by book.
    """

    __slots__ = ("_alone", "_books", "fresh", "hits", "lowered", "source", "text")

    def __init__(self, source: str, text: str, books: list[CompiledBook]) -> None:
        self.source = source
        self.text = ""
        self.lowered = ""
        self.hits: dict[str, dict[str, Hits]] = {book.uid: {} for book in books}
        self.fresh: dict[str, list[str]] = {}
        self._books = books
        self._alone: dict[tuple[str, bool, bool], int | None] = {}
        if text:
            self.add(text)

    def add(self, text: str) -> None:
        """Let the text go on with this one."""
        offset = len(self.text) + len(JOINT) if self.text else 0
        lowered = lower(text)
        self.text = f"{self.text}{JOINT}{text}" if self.text else text
        self.lowered = f"{self.lowered}{JOINT}{lowered}" if self.lowered else lowered
        self._alone.clear()
        self.fresh = {
            book.uid: book.words.find(text, lowered, self.hits[book.uid], offset)
            for book in self._books
        }

    def find_alone(self, key: Key, *, case_sensitive: bool, whole_words: bool) -> int | None:
        memo = (key.literal, case_sensitive, whole_words)
        if memo not in self._alone:
            self._alone[memo] = find_literal(
                self.text,
                self.lowered,
                key,
                case_sensitive=case_sensitive,
                whole_words=whole_words,
            )
        return self._alone[memo]


class Sight:
    """Everything a scan can look at. `depth` is the settings' one; it may grow by `widen`.

    `work` counts the looks; a scan that took more than `WORK_MOST` has to end.
    """

    def __init__(
        self, bound: list[Bound], settings: Settings, scene: Scene, *, clock: Clock
    ) -> None:
        self._books = [binding.book for binding in bound]
        self._settings = settings
        self._scene = scene
        self.clock = clock
        self.depth = min(settings.scan_depth, DEPTH_MOST)
        self.sees_recursion = True
        self.work = 0
        self._window = Window(
            scene.messages, deepest(bound, settings), with_names=settings.include_names
        )
        self._messages = _Part("message", self._window.text, self._books)
        self._sources = {
            name: _Part(name, text, self._books)
            for name in SOURCES
            if (text := scene.sources.get(name, "").strip()) and self._is_wanted(name)
        }
        self._notes = [_Part(NOTE, text, self._books) for text in scene.notes if text.strip()]
        self._recursion = _Part(RECURSION, "", self._books)
        self.candidates: dict[Item, None] = {}
        """The entries worth a look: of which a literal key occurs, or which need none."""
        for book in self._books:
            self.candidates.update(dict.fromkeys(book.always))
        for part in (self._messages, *self._sources.values(), *self._notes):
            self._note_candidates(part)
        self._parts: dict[tuple[tuple[str, ...], bool], tuple[_Part, ...]] = {}
        self._views: dict[tuple[object, ...], str] = {}
        self._found: dict[tuple[object, ...], int | None] = {}

    def _is_wanted(self, source: str) -> bool:
        return any(source in book.sources for book in self._books)

    def widen(self) -> None:
        self.depth += 1

    def add(self, text: str) -> None:
        """Text of entries that were activated, for the next pass."""
        if text:
            self._recursion.add(text)
            self._note_candidates(self._recursion)

    def _note_candidates(self, part: _Part) -> None:
        for book in self._books:
            hits = part.hits[book.uid]
            for word in part.fresh.get(book.uid, ()):
                is_found = hits[word].whole is not None or len(word.split()) > 1
                for item in book.by_word.get(word, ()):
                    if is_found or not self._asks_whole_words(item):
                        self.candidates[item] = None

    def _asks_whole_words(self, item: Item) -> bool:
        return _or(item.entry.match_whole_words, self._settings.match_whole_words)

    def find(self, item: Item, key: Key) -> Where | None:
        """Where this key of this entry is, in what the entry sees."""
        self.work += 1
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

    def _seen_parts(self, item: Item) -> tuple[_Part, ...]:
        memo = (item.sources, self.sees_recursion)
        found = self._parts.get(memo)
        if found is None:
            sources = [self._sources[name] for name in item.sources if name in self._sources]
            recursion = [self._recursion] if self.sees_recursion else []
            found = (self._messages, *sources, *self._notes, *recursion)
            self._parts[memo] = found
        return found

    def _place(self, item: Item, key: Key, part: _Part) -> int | None:
        found = part.hits[item.book_uid].get(key.lowered)
        if found is None and not key.is_alone:
            return None
        case_sensitive = _or(item.entry.case_sensitive, self._settings.case_sensitive)
        whole_words = self._asks_whole_words(item)
        if found is not None:
            return place(found, key, case_sensitive=case_sensitive, whole_words=whole_words)
        if self._is_spent(key, len(part.text)):
            return None
        return part.find_alone(key, case_sensitive=case_sensitive, whole_words=whole_words)

    def _is_spent(self, key: Key, chars: int) -> bool:
        """Whether there was too much work to look through another text."""
        self.work += chars // _CHARS_PER_LOOK
        if self.work > WORK_MOST:
            self.clock.slow.setdefault(key.text, "no time was left for it")
        return self.work > WORK_MOST

    def _find_pattern(self, item: Item, key: Key, depth: int) -> Where | None:
        assert key.pattern is not None
        parts = [part for part in self._seen_parts(item)[1:] if part.text]
        seen = (depth, len(self._recursion.text), *map(id, parts))
        memo = (key.text, item.entry.use_regex, seen)
        if memo not in self._found:
            if self.clock.is_out_for(key.text):
                return None
            text = self._view(seen, depth, parts)
            self._found[memo] = self.clock.find(key.text, key.pattern, text)
        at = self._found[memo]
        return None if at is None else self._source_at(at, depth, parts)

    def _view(self, seen: tuple[object, ...], depth: int, parts: list[_Part]) -> str:
        """All that an entry sees as one text, which a pattern may span."""
        found = self._views.get(seen)
        if found is None:
            messages = self._window.text[: self._window.end(depth)]
            found = JOINT.join([messages, *(part.text for part in parts)])
            self.work += len(found) // _CHARS_PER_LOOK
            if len(self._views) >= _VIEWS_MOST:
                self._views.clear()
            self._views[seen] = found
        return found

    def _source_at(self, at: int, depth: int, parts: list[_Part]) -> Where:
        """What stands at this place of a view."""
        end = self._window.end(depth)
        if at < end or not parts:
            return self._in_message(at)
        for part in parts:
            end += len(JOINT) + len(part.text)
            if at < end:
                return Where(part.source)
        return Where(parts[-1].source)

    def _in_message(self, at: int) -> Where:
        if not self._window.messages:
            return Where("message")
        index = max(0, bisect_right(self._window.starts, at) - 1)
        return Where("message", index, self._window.messages[index].uid)


def _or(own: bool | None, common: bool) -> bool:
    return common if own is None else own
