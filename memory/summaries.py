"""Summaries as rows: which are usable, which are to be written, and writing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from core.errors import Conflict
from core.prepared import Insert, Select
from core.shelf import Shelf
from engine.cover import Covered
from engine.tokens import default_counter
from memory.models import Notebook, Summary
from memory.rows import changed
from memory.writing.spans import BLOCK, LEVELS, Span, missing

CARRIED: Final = str(Summary.Author.CARRIED)
MODEL: Final = str(Summary.Author.MODEL)
KEPT: Final = Q(pinned=True) | Q(edited_at__isnull=False) | Q(author=Summary.Author.PERSON)
"""What a person decided about is never written anew on its own; it is only marked as stale."""
_KEPT_MOST: Final = 20_000
_USABLE: Final = Q(stale=False) | KEPT


def usable(chat_uid: str) -> QuerySet[Summary]:
    """What may stand in for messages of the shown path."""
    return Summary.objects.filter(_USABLE, chat=chat_uid, live=True)


@dataclass(frozen=True, slots=True)
class Written:
    """Where the live summaries of a chat stand, at one look."""

    usable: tuple[tuple[int, Span], ...]
    """Level and span of what may stand in for messages of this chat."""
    stale_end: int
    """The position after the last one that is to be written anew; 0 without any."""

    def wanted(self, to: int) -> list[tuple[int, Span]]:
        """(level, block) of the summaries that can be written now of what lies before `to`.

        The highest level comes first, because everything it is made of is there.
        """
        spans: dict[int, set[Span]] = {level: set() for level in range(LEVELS)}
        for level, span in self.usable:
            spans.setdefault(level, set()).add(span)
        found = []
        for level in reversed(range(LEVELS)):
            below = spans[level - 1] if level else set()
            found += [(level, block) for block in missing(level, spans[level], below, to)]
        return found

    def inside(self, block: Span) -> list[Span]:
        """The usable summaries of messages in a block."""
        return [
            span
            for level, span in self.usable
            if level == 0 and block.first <= span.first and span.last <= block.last
        ]


def _as_column(condition: Q) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(condition, output_field=BooleanField())


_live: Select[Any] = Select(
    lambda chat: (
        Summary.objects.filter(chat=chat, live=True)
        .exclude(author=CARRIED)
        .annotate(usable=_as_column(_USABLE))
        .order_by()
        .values_list("level", "first_position", "last_position", "usable")
    ),
    chat=str,
)


def written(chat_uid: str) -> Written:
    usable, stale_end = [], 0
    for level, first, last, is_usable in _live.all(chat=chat_uid):
        if is_usable:
            usable.append((level, Span(first, last)))
        else:
            stale_end = max(stale_end, last + 1)
    return Written(tuple(usable), stale_end)


def texts_below(chat_uid: str, level: int, block: Span) -> list[str]:
    """What the summaries of the level below say of a block, in order."""
    rows = usable(chat_uid).filter(
        level=level - 1, first_position__gte=block.first, last_position__lte=block.last
    )
    return list(rows.order_by("first_position").values_list("text", flat=True))


def _overlapping(level: int) -> "Select[Any]":
    """The live summaries of a level that say something of a span."""
    return Select(
        lambda chat, first, last: (
            Summary.objects.filter(chat=chat, level=level, live=True)
            .filter(first_position__lte=last, last_position__gte=first)
            .exclude(author=CARRIED)
            .annotate(kept=_as_column(KEPT))
            .order_by()
            .values_list("uid", "first_position", "last_message", "stale", "kept")
        ),
        chat=str,
        first=int,
        last=int,
    )


_HERE: Final = tuple(_overlapping(level) for level in range(LEVELS))
_insert = Insert(Summary, ignore_conflicts=True)


def write(
    notebook_uid: str,
    *,
    chat: str,
    level: int,
    span: Span,
    last_message: str,
    text: str,
    model: str,
) -> None:
    """Put a summary in its place. One that a person decided about meanwhile stays.

    Call inside the transaction in which it was seen that the messages are still the same.
    """
    changed(notebook_uid)
    here = _HERE[level].all(chat=chat, first=span.first, last=span.last)
    if any(is_kept for *_, is_kept in here):
        return
    # What was cut otherwise before its messages changed.
    old = [
        uid
        for uid, first, last, is_stale, _ in here
        if is_stale and (first, last) != (span.first, last_message)
    ]
    if old:
        Summary.objects.filter(uid__in=old).delete()
    place = {
        "chat": chat,
        "level": level,
        "first_position": span.first,
        "last_message": last_message,
    }
    values = {
        "notebook_id": notebook_uid,
        "last_position": span.last,
        "text": text,
        "tokens": default_counter().count(text),
        "author": MODEL,
        "model": model,
        "live": True,
        "stale": False,
        "edited_at": None,
    }
    if not _insert(**place, **values):
        Summary.objects.filter(**place).update(**values)


@transaction.atomic
def set_stale(summary: Summary) -> None:
    """Let a summary be written anew, and those that were written from it.

    Raises Conflict for a pinned one, one of a branch that is not shown, and one that came from
    another chat.
    """
    if not summary.live:
        raise Conflict("Its branch of the chat is not shown.", code="not_shown")
    if summary.pinned:
        raise Conflict("This summary is pinned. Unpin it to have it written anew.", code="pinned")
    if summary.author == CARRIED:
        raise Conflict("This summary came from another chat.", code="carried")
    changed(summary.notebook_id)
    Summary.objects.filter(uid=summary.uid).update(stale=True, author=MODEL, edited_at=None)
    outdate_coarser(summary)


def outdate_coarser(summary: Summary) -> None:
    """Mark as stale what was written from a summary, unless a person decided about it."""
    coarser = Summary.objects.filter(
        chat=summary.chat,
        level__gt=summary.level,
        first_position__lte=summary.first_position,
        last_position__gte=summary.last_position,
        live=summary.live,
    )
    coarser.exclude(KEPT).update(stale=True)


@transaction.atomic
def set_all_stale(notebook: Notebook, chat_uid: str) -> int:
    """Let everything that no person decided about be written anew. Returns how many there are."""
    changed(notebook.uid)
    rows = Summary.objects.filter(chat=chat_uid, live=True).exclude(author=CARRIED).exclude(KEPT)
    return rows.update(stale=True)


_shelf: Shelf[tuple[int, tuple[Covered, ...]]] = Shelf(_KEPT_MOST)


def covers(notebook: Notebook, chat_uid: str) -> tuple[Covered, ...]:
    """What may stand in for messages of a chat, by place.

    Nothing is asked where a notebook was never written to, nor twice at the same version.
    """
    if not (notebook.version and notebook.summarises):
        return ()
    kept = _shelf.get(chat_uid)
    if kept is not None and kept[0] == notebook.version:
        return kept[1]
    fields = ("first_position", "last_position", "text", "uid", "level")
    found = tuple(
        Covered(first=first, last=last, text=text, uid=uid, level=level)
        for first, last, text, uid, level in usable(chat_uid).values_list(*fields)
    )
    # What a transaction that fails has read may never have been so.
    transaction.on_commit(lambda: _shelf.put(chat_uid, (notebook.version, found), 1 + len(found)))
    return found


def due_to(there: Sequence[Covered], leaving: int) -> int:
    """How far a path is to be summed up of which what lies before `leaving` leaves the prompt.

    0 if that is done: whole blocks only, and nothing where it is covered already.
    """
    to = leaving - leaving % BLOCK
    at = 0
    for item in there:
        if item.first <= at <= item.last:
            at = item.last + 1
    return to if at < to else 0
