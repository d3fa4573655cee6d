"""A lorebook made ready for scanning. Compile once per version of a book, scan often. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from lore import decorators
from lore.decorators import Decorators
from lore.editing import title_of
from lore.matching import Key, Words
from lore.scene import SOURCES, Strategy
from lore.values import DEPTH_MOST, Book, Entry

Scope = Literal["chat", "persona", "character", "global"]
GROUPS_MOST: Final = 20
"""Groups that one entry is in; further names are not looked at."""
PATTERN_CHARS_MOST: Final = 400_000
"""Characters of patterns in one book: about a second's work at the worst."""
LEFT_OUT_TOLD: Final = 20
WIDEST_FIRST: Final[tuple[Scope, ...]] = ("global", "chat", "persona", "character")


@dataclass(frozen=True, eq=False)
class Item:
    """One entry in its book: its keys compiled, its decorators read.

    `sources` are the extra texts it sees, by name. Identity is by object, which is cheap: a
    book is compiled once.
    """

    key: str
    book_uid: str
    place: int
    entry: Entry
    decorators: Decorators
    content: str
    primary: tuple[Key, ...]
    secondary: tuple[Key, ...]
    additional: tuple[tuple[Key, ...], ...]
    exclude: tuple[Key, ...]
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    book_depth: int | None
    forbids_recursion: bool

    @property
    def is_always(self) -> bool:
        """Whether every scan looks at it; at others only when a key of theirs occurs."""
        return (
            self.decorators.activate
            or (self.entry.constant and not self.entry.use_regex)
            or any(key.pattern or key.has_macro or key.is_alone for key in self.primary)
        )

    @property
    def title(self) -> str:
        return title_of(self.entry)

    @property
    def worth(self) -> int:
        """Who of a book that is short of budget stays: the highest priority, else order."""
        entry = self.entry
        return entry.order if entry.priority is None else entry.priority

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key that can decide about this entry."""
        conditions = (key for keys in self.additional for key in keys)
        return (*self.primary, *self.secondary, *conditions, *self.exclude)

    @cached_property
    def depth(self) -> int | None:
        """The entry's own scan depth, or None for the settings'."""
        own = (self.decorators.scan_depth, self.entry.scan_depth, self.book_depth)
        found = next((depth for depth in own if depth is not None), None)
        return None if found is None else min(found, DEPTH_MOST)


def _item(uid: str, place: int, book: Book, entry: Entry) -> Item:
    said, content = decorators.split(entry.content)
    primary = tuple(Key(text, use_regex=entry.use_regex) for text in entry.keys)
    additional = tuple(tuple(map(Key, texts)) for texts in said.additional_keys)
    has_secondary = entry.selective and not entry.use_regex
    secondary = tuple(Key(text) for text in entry.secondary_keys) if has_secondary else ()
    return Item(
        key=f"{uid}.{entry.uid}",
        book_uid=uid,
        place=place,
        entry=entry,
        decorators=said,
        content=content,
        primary=primary,
        secondary=secondary,
        additional=additional,
        exclude=tuple(map(Key, said.exclude_keys)),
        groups=_groups(entry.group),
        sources=tuple(name for name in SOURCES if getattr(entry, f"match_{name}")),
        book_depth=book.scan_depth,
        forbids_recursion=book.recursive_scanning is False,
    )


def _groups(said: str) -> tuple[str, ...]:
    names = (name for part in said.split(",") if (name := part.strip()))
    return tuple(islice(dict.fromkeys(names), GROUPS_MOST))


@dataclass(frozen=True, eq=False)
class CompiledBook:
    """A book, the automaton of its literal keys and which entries each of them belongs to.

    `uid` names the book in keys of entries, `book.uid`. `left_out` are patterns that were one
    too many.
    """

    uid: str
    book: Book
    items: tuple[Item, ...]
    always: tuple[Item, ...]
    words: Words
    by_word: dict[str, list[Item]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @cached_property
    def by_key(self) -> dict[str, Item]:
        return {item.key: item for item in self.items}

    @cached_property
    def by_meaning(self) -> tuple[Item, ...]:
        """The entries that want to be found by meaning too."""
        return tuple(i for i in self.items if i.entry.vectorized and i.entry.enabled and i.content)

    @cached_property
    def goes_by_priority(self) -> bool:
        """Whether the book has a budget of its own, and says who leaves first when it is short."""
        has_some = any(item.entry.priority is not None for item in self.items)
        return bool(self.book.token_budget) and has_some

    @cached_property
    def sources(self) -> frozenset[str]:
        """The names of the extra texts that some entry wants to see."""
        return frozenset(name for item in self.items for name in item.sources)

    @cached_property
    def asks_greeting(self) -> bool:
        """Whether some entry wants to know which greeting the chat began with."""
        return any(item.decorators.is_greeting is not None for item in self.items)

    @cached_property
    def deepest(self) -> int:
        """The largest scan depth of an entry's own."""
        return max((item.depth or 0 for item in self.items), default=0)

    @cached_property
    def delay_levels(self) -> frozenset[int]:
        levels = (item.entry.delay_until_recursion for item in self.items)
        return frozenset(level for level in levels if level)


class _Allowance:
    """How many characters of patterns a book may bring: making them ready takes time."""

    def __init__(self) -> None:
        self._left = PATTERN_CHARS_MOST
        self.left_out: list[str] = []

    def cut(self, entry: Entry) -> Entry:
        """The entry without the patterns that are too many."""
        if not entry.use_regex and not any(
            key.lstrip().startswith("/") for key in (*entry.keys, *entry.secondary_keys)
        ):
            return entry
        keys = tuple(key for key in entry.keys if self._takes(key, entry.use_regex))
        secondary = tuple(key for key in entry.secondary_keys if self._takes(key, False))
        return replace(entry, keys=keys, secondary_keys=secondary)

    def _takes(self, key: str, is_pattern: bool) -> bool:
        if not is_pattern and not key.lstrip().startswith("/"):
            return True
        self._left -= len(key)
        if self._left < 0 and len(self.left_out) < LEFT_OUT_TOLD:
            self.left_out.append(key)
        return self._left >= 0


def compile_book(book: Book, uid: str) -> CompiledBook:
    """Make a book ready. Takes about 25 µs for each entry with three keys."""
    allowance = _Allowance()
    entries = [allowance.cut(e) for e in sorted(book.entries, key=lambda entry: entry.uid)]
    items = tuple(_item(uid, place, book, entry) for place, entry in enumerate(entries))
    words = Words(key for item in items for key in item.keys)
    by_word: dict[str, list[Item]] = {}
    for item in items:
        for word in {key.lowered for key in item.primary if key.lowered}:
            by_word.setdefault(word, []).append(item)
    return CompiledBook(
        uid=uid,
        book=book,
        items=items,
        always=tuple(item for item in items if item.is_always),
        words=words,
        by_word=by_word,
        left_out=tuple(allowance.left_out),
    )


class Bound(msgspec.Struct, frozen=True):
    """A compiled book where it applies."""

    book: CompiledBook
    scope: Scope


def each_once(bound: list[Bound]) -> list[Bound]:
    """Every book once, in its widest scope: a second binding would double its text."""
    seen: set[str] = set()
    kept: list[Bound] = []
    for binding in sorted(bound, key=lambda b: WIDEST_FIRST.index(b.scope)):
        if binding.book.uid not in seen:
            seen.add(binding.book.uid)
            kept.append(binding)
    return kept


def ranking(bound: list[Bound], strategy: Strategy) -> Callable[[Item], tuple[int, int, int, int]]:
    """The order in which entries compete: chat, persona, then character and global by strategy;
    inside each by descending order, then as the books have them."""
    third: dict[Strategy, tuple[Scope, Scope]] = {
        Strategy.EVENLY: ("global", "character"),
        Strategy.CHARACTER_FIRST: ("character", "global"),
        Strategy.GLOBAL_FIRST: ("global", "character"),
    }
    tiers: dict[Scope, int] = {"chat": 0, "persona": 1}
    for index, scope in enumerate(third[strategy]):
        tiers[scope] = 2 if strategy == Strategy.EVENLY else 2 + index
    ordered = sorted(bound, key=lambda b: ("chat", "persona", *third[strategy]).index(b.scope))
    of_book = {
        binding.book.uid: (tiers[binding.scope], index) for index, binding in enumerate(ordered)
    }

    def rank(item: Item) -> tuple[int, int, int, int]:
        tier, index = of_book[item.book_uid]
        return tier, -item.entry.order, index, item.place

    return rank
