"""Lore entries that are called up by what is meant, as their authors marked them ("vectorized").

The words of the newest messages are compared with an entry's text, word forms and kindred words
included, by the index that also finds passages.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from chats.tree import Node
from lore.books import Bound, CompiledBook
from memory.recall import Index, Turn, analyse
from memory.recall.question import Concept, read

ENTRIES_MOST: Final = 5
MESSAGES: Final = 2
THRESHOLD: Final = 0.25
"""The share of its words that the shorter of the two, entry or messages, has in common."""
_WORDS_LEAST: Final = 3
"""What has fewer words is counted as if it had so many: one word in common is little."""
_BOOKS_MOST: Final = 64


class _Prepared(NamedTuple):
    entries: Index
    words: dict[str, frozenset[str]]


def meant(bound: Iterable[Bound], path: Sequence[Node]) -> dict[str, float]:
    """Keys of the entries that fit the newest messages best, each with its score up to 1."""
    prepared = [book for one in bound if (book := _prepared(one.book)) is not None]
    if not prepared:
        return {}
    said = [node.content for node in path if not node.hidden][-MESSAGES:]
    text = "\n".join(reversed(said))
    concepts = read(text, ()).concepts
    found: dict[str, float] = {}
    for book in prepared:
        for hit in book.entries.search(text, k=len(book.entries)):
            score = _shared(concepts, book.words[hit.ids[0]])
            if score >= THRESHOLD:
                found[hit.ids[0]] = round(score, 3)
    best = sorted(found, key=lambda key: -found[key])[:ENTRIES_MOST]
    return {key: found[key] for key in best}


@lru_cache(maxsize=_BOOKS_MOST)
def _prepared(book: CompiledBook) -> _Prepared | None:
    """A version of a book, read once per process; None if no entry of it is marked."""
    items = [item for item in book.items if item.entry.vectorized and item.content.strip()]
    if not items:
        return None
    # Entries are no conversation: as sessions of their own they are no neighbours.
    analysed = [analyse(Turn(item.key, item.content, session=item.key)) for item in items]
    entries = Index()
    entries.extend(analysed)
    words = {one.turn.uid: frozenset(" ".join(one.terms).split()) for one in analysed}
    return _Prepared(entries, words)


def _shared(concepts: Sequence[Concept], terms: frozenset[str]) -> float:
    common = sum(
        max((weight for form, weight in concept.forms if form in terms), default=0.0)
        for concept in concepts
    )
    return common / max(_WORDS_LEAST, min(len(concepts), len(terms)))
