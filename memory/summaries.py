"""Summaries as rows: which are usable, which are to be written, and writing them."""

from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from core.errors import Conflict
from engine.cover import Covered
from engine.tokens import default_counter
from memory.models import Notebook, Summary
from memory.rows import changed
from memory.shelf import Shelf
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


def wanted(chat_uid: str, to: int) -> list[tuple[int, Span]]:
    """(level, block) of the summaries that can be written now of what lies before `to`.

    The highest level comes first, because everything it is made of is there.
    """
    rows = usable(chat_uid).exclude(author=CARRIED)
    spans: dict[int, set[Span]] = {level: set() for level in range(LEVELS)}
    for level, first, last in rows.values_list("level", "first_position", "last_position"):
        spans.setdefault(level, set()).add(Span(first, last))
    found = []
    for level in reversed(range(LEVELS)):
        below = spans[level - 1] if level else set()
        found += [(level, block) for block in missing(level, spans[level], below, to)]
    return found


def stale_end(chat_uid: str) -> int:
    """The position after the last live summary that is to be written anew; 0 without any."""
    rows = Summary.objects.filter(chat=chat_uid, live=True, stale=True).exclude(KEPT)
    return max((last + 1 for last in rows.values_list("last_position", flat=True)), default=0)


def spans_in(chat_uid: str, block: Span) -> list[Span]:
    """The usable summaries of messages in a block."""
    rows = usable(chat_uid).filter(
        level=0, first_position__gte=block.first, last_position__lte=block.last
    )
    found = rows.exclude(author=CARRIED).values_list("first_position", "last_position")
    return [Span(*row) for row in found]


def texts_below(chat_uid: str, level: int, block: Span) -> list[str]:
    """What the summaries of the level below say of a block, in order."""
    rows = usable(chat_uid).filter(
        level=level - 1, first_position__gte=block.first, last_position__lte=block.last
    )
    return list(rows.order_by("first_position").values_list("text", flat=True))


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
    here = Summary.objects.filter(
        chat=chat,
        level=level,
        live=True,
        first_position__lte=span.last,
        last_position__gte=span.first,
    ).exclude(author=CARRIED)
    if here.filter(KEPT).exists():
        return
    # Also what was cut otherwise before its messages changed.
    here.exclude(first_position=span.first, last_message=last_message).filter(stale=True).delete()
    Summary.objects.update_or_create(
        chat=chat,
        level=level,
        first_position=span.first,
        last_message=last_message,
        defaults={
            "notebook_id": notebook_uid,
            "last_position": span.last,
            "text": text,
            "tokens": default_counter().count(text),
            "author": MODEL,
            "model": model,
            "live": True,
            "stale": False,
            "edited_at": None,
        },
    )


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


def forget_covers() -> None:
    """Drop what this process keeps at hand."""
    _shelf.clear()
