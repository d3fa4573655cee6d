"""What was said in a chat, ready to be searched: an index of its shown path.

A process keeps the indexes of the chats it saw last and lets them grow. Where it has none, what
was analysed before is read from blocks, which a job writes; the rest is analysed at once, up to
a bound. A change of the path is noticed by the chat's `path_version`.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from chats.models import Chat, Message
from chats.spans import length_of
from core.shelf import Shelf
from memory.giving import Given
from memory.models import IndexBlock
from memory.recall import Analysed, Hit, Index, Turn, analyse, pack, unpack
from memory.vectors import Kind, Place, Question

BLOCK: Final = 256
"""Positions that a block covers; blocks begin at multiples of it."""
ANALYSED_MOST: Final = 512
"""Messages that one turn analyses before it goes on with what it has."""
_FRESH: Final = 64
"""So many of the newest messages are in no block: they change most."""
_KEPT_MOST: Final = 60_000
_USUAL_WIDTH: Final = 768


class _Mark(NamedTuple):
    """What tells one state of a message from another, and where it stands."""

    uid: str
    edited_at: datetime | None
    position: int


class _Row(NamedTuple):
    uid: str
    edited_at: datetime | None
    position: int
    content: str
    speaker: str
    role: str
    created_at: datetime


class Found(NamedTuple):
    """Passages, best first, with the place of each.

    `unread` counts the messages that could not be searched yet, `unembedded` those that were
    searched by their words alone although meaning was asked for; `is_due` says that there is
    something for `write_blocks` to do.
    """

    hits: list[Hit]
    positions: list[int]
    unread: int
    is_due: bool
    unembedded: int = 0


@dataclass(slots=True)
class PathIndex:
    """The index of a shown path as far as position `end`, and which messages its turns were."""

    version: int
    index: Index = field(default_factory=Index)
    given: Given = field(default_factory=Given)
    marks: list[_Mark] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    end: int = 0
    blocks: int = 0

    def extend(self, analysed: Sequence[Analysed], marks: Sequence[_Mark]) -> None:
        self.index.extend(analysed)
        self.marks += marks
        self.places.update((mark.uid, mark.position) for mark in marks)
        self.end = self.marks[-1].position + 1 if self.marks else 0

    def truncate(self, count: int) -> None:
        self.index.truncate(count)
        for mark in self.marks[count:]:
            del self.places[mark.uid]
        del self.marks[count:]
        self.given.truncate([mark.uid for mark in self.marks])
        self.end = self.marks[-1].position + 1 if self.marks else 0
        self.blocks = min(self.blocks, self.end // BLOCK)

    def count_before(self, position: int) -> int:
        return bisect_left(self.marks, position, key=lambda mark: mark.position)

    @property
    def size(self) -> int:
        """What keeping it costs, in messages; long vectors count more."""
        return 1 + len(self.marks) * (1 + self.index.width // _USUAL_WIDTH)

    def give_vectors(self, chat: Chat, model: str) -> int:
        """Take in the vectors that there are. Returns how many messages have none."""
        place = Place(chat.user_id, Kind.PASSAGE, chat.uid)
        self.given.give(self.index, place, model, [mark.uid for mark in self.marks])
        return self.given.lacking


_shelf: Shelf[PathIndex] = Shelf(_KEPT_MOST)


def search(
    chat: Chat,
    question: str,
    *,
    before: int,
    k: int,
    now: datetime,
    asker: str = "",
    meaning: Question | None = None,
) -> Found:
    """The best passages of a chat's shown path that lie before a position.

    `meaning` is the question as a vector: then passages are found by that too.

    Reads inside the caller's transaction; what it built is kept once that is committed.
    """
    path = _index_of(chat, before)
    unembedded = path.give_vectors(chat, meaning.model) if meaning else 0
    hits = path.index.search(
        question,
        k=k,
        asker=asker,
        before=path.count_before(before),
        now=now.timestamp(),
        vector=meaning.vector if meaning else None,
    )
    wanted = _blocks_in(before)
    is_due, path.blocks = wanted > path.blocks, max(path.blocks, wanted)
    transaction.on_commit(lambda: _shelf.put(chat.uid, path, path.size))
    places = [path.places[hit.ids[0]] for hit in hits]
    return Found(hits, places, max(0, before - path.end), is_due, unembedded)


def write_blocks(chat_uid: str, *, most: int = 16) -> int:
    """Analyse and store what a chat's path has grown by. Returns how many blocks are missing.

    Safe to run twice and beside turns: a block is written only if the path is still the one
    that was read.
    """
    chat = Chat.objects.filter(uid=chat_uid, trashed_at=None).first()
    if chat is None:
        return 0
    missing = _missing(chat_uid)
    written = list(takewhile(lambda number: _write_block(chat, number), missing[:most]))
    return len(missing) - len(written)


def forget(*chat_uids: str) -> None:
    """Drop what this process keeps of these chats, or of all."""
    for uid in chat_uids:
        _shelf.take(uid)
    if not chat_uids:
        _shelf.clear()


def _index_of(chat: Chat, until: int) -> PathIndex:
    path = _shelf.take(chat.uid)
    if path is None:
        path = _from_blocks(chat)
    elif path.version != chat.path_version:
        _cut_back(path, chat)
    if path.end < until:
        _read_on(path, chat.uid, until)
    return path


def _said(chat_uid: str, start: int, end: int) -> "QuerySet[Message, Any]":
    """What is shown from one position up to another, but for what is kept out of prompts."""
    span = Message.objects.filter(chat=chat_uid, active=True, hidden=False)
    return span.filter(position__gte=start, position__lt=end).order_by("position")


def _marks(chat_uid: str, end: int) -> list[_Mark]:
    return [_Mark(*row) for row in _said(chat_uid, 0, end).values_list(*_Mark._fields)]


def _rows(chat_uid: str, start: int, end: int) -> list[_Row]:
    rows = _said(chat_uid, start, end).values_list(*_Row._fields)
    return [_Row(*row) for row in rows[:ANALYSED_MOST]]


def _analysed(row: _Row) -> Analysed:
    sent = row.created_at.timestamp()
    return analyse(Turn(row.uid, row.content, row.speaker, row.role, sent))


def _from_blocks(chat: Chat) -> PathIndex:
    path = PathIndex(chat.path_version)
    analysed: list[Analysed] = []
    blocks = IndexBlock.objects.filter(chat=chat.uid).order_by("first_position")
    for block in blocks.iterator():
        stored = _stored(block)
        if stored is None:
            IndexBlock.objects.filter(chat=chat.uid).delete()
            return PathIndex(chat.path_version)
        if block.first_position != path.blocks * BLOCK:
            break
        analysed += stored
        path.blocks += 1
    marks = _marks(chat.uid, path.blocks * BLOCK) if analysed else []
    pairs = zip(analysed, marks, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0].turn.uid == pair[1].uid, pairs))
    path.extend(analysed[:same], marks[:same])
    return path


def _stored(block: IndexBlock) -> list[Analysed] | None:
    """What a block holds, or None if it was written by another version of the analysis."""
    try:
        return unpack(bytes(block.data))
    except ValueError:
        return None


def _cut_back(path: PathIndex, chat: Chat) -> None:
    """Drop what is not as it was any more."""
    pairs = zip(path.marks, _marks(chat.uid, path.end), strict=False)
    path.truncate(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))
    path.version = chat.path_version


def _read_on(path: PathIndex, chat_uid: str, until: int) -> None:
    rows = _rows(chat_uid, path.end, until)
    path.extend([_analysed(row) for row in rows], [_Mark(*row[:3]) for row in rows])
    if len(rows) < ANALYSED_MOST:
        path.end = until


def _blocks_in(end: int) -> int:
    """How many blocks there should be for a path of this length."""
    return max(0, end - _FRESH) // BLOCK


def _missing(chat_uid: str) -> list[int]:
    """Numbers of the blocks that can be written and are not."""
    wanted = _blocks_in(length_of(chat_uid))
    blocks = IndexBlock.objects.filter(chat=chat_uid)
    there = {first // BLOCK for first in blocks.values_list("first_position", flat=True)}
    return [number for number in range(wanted) if number not in there]


def _write_block(chat: Chat, number: int) -> bool:
    """Write one block, unless the path has changed since the chat was read."""
    first = number * BLOCK
    data = pack([_analysed(row) for row in _rows(chat.uid, first, first + BLOCK)])
    with transaction.atomic():
        same = Chat.objects.select_for_update().filter(
            uid=chat.uid, path_version=chat.path_version, trashed_at=None
        )
        if not same.exists():
            return False
        block = IndexBlock(
            chat=chat.uid, first_position=first, last_position=first + BLOCK - 1, data=data
        )
        IndexBlock.objects.bulk_create([block], ignore_conflicts=True)
    return True
