"""Deleting for good what has been in the trash long enough, with all that was made from it.

Charges and the rows of turns stay; of their prompts nothing stays that repeats what was deleted.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from chats import passages
from chats.models import Chat, Message, Turn
from jobs.work import Work
from memory import vectors
from memory.clearing import clear_chat, clear_messages
from memory.models import IndexBlock, Memory, Notebook, Reading, Summary
from memory.services import purge
from memory.vectors import Kind

_AT_ONCE: Final = 500


def empty_trash() -> int:
    """Delete for good what has been in the trash long enough. Returns how many rows."""
    now = timezone.now()
    cutoff = now - timedelta(days=settings.TRASH_DAYS)
    chats = Chat.objects.filter(trashed_at__lt=cutoff)
    count = sum(_delete_chat(uid) for uid in chats.values_list("uid", flat=True))
    old = Message.objects.filter(trashed_at__lt=cutoff)
    for uid in old.order_by().values_list("chat", flat=True).distinct():
        count += _delete_messages(uid, cutoff)
    while forgotten := purge(now):
        count += forgotten
    return count + _delete_orphans()


def _delete_orphans() -> int:
    """What names a chat by its uid alone outlives one that went in another way."""
    gone = ~Exists(Chat.objects.filter(uid=OuterRef("chat")))
    return sum(model.objects.filter(gone).delete()[0] for model in (IndexBlock, Reading))


def _delete_chat(chat_uid: str) -> int:
    with transaction.atomic():
        chat = Chat.objects.select_for_update(of=("self",)).filter(uid=chat_uid)
        found = chat.exclude(trashed_at=None).first()
        if found is None:
            return 0
        clear_chat(chat_uid)
        count, _ = found.delete()
        if found.notebook_id and not Chat.objects.filter(notebook=found.notebook_id).exists():
            own = Notebook.objects.filter(uid=found.notebook_id, is_default=False)
            if own.delete()[0]:
                vectors.forget_scope(Kind.MEMORY, found.notebook_id)
        _scrub(_turns_with(found))
    passages.forget(chat_uid)
    return count


def _delete_messages(chat_uid: str, cutoff: datetime) -> int:
    with transaction.atomic():
        chat = Chat.objects.select_for_update().get(uid=chat_uid)
        rows = Message.objects.filter(chat=chat, trashed_at__lt=cutoff)
        uids = set(rows.values_list("uid", flat=True))
        clear_messages(chat_uid, uids)
        for some in _batches(uids):
            turns = Turn.objects.filter(Q(reply__in=some) | Q(parent__in=some), chat=chat)
            turns.update(manifest=None, partial="")
        count, _ = rows.delete()
        _scrub(_turns_with(chat))
    return count


def scrub(work: Work) -> None:
    """The job after memories were deleted for good: no prompt that was kept repeats them.

    Its key is the notebook. Safe to run twice.
    """
    notebook = Notebook.objects.filter(uid=work.key).first()
    if notebook is None:
        return
    mine = _turns_of(notebook.user_id, notebook.character)
    for some in _batches(mine.values_list("uid", flat=True)):
        work.keep()
        with work.writing(steps=0):
            _scrub(mine.filter(uid__in=some))


def _batches(uids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(uids)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _turns_with(chat: Chat) -> "QuerySet[Turn]":
    return _turns_of(chat.user_id, chat.character.uid)


def _turns_of(user_id: int, character: str) -> "QuerySet[Turn]":
    """The turns of a person with a character that recalled something."""
    mine = Turn.objects.filter(chat__user=user_id, chat__character__uid=character)
    return mine.filter(manifest__has_key="recalled")


def _scrub(turns: "QuerySet[Turn]") -> None:
    """Take the texts of what is no more out of the prompts that were kept."""
    recalled = dict(turns.values_list("uid", "manifest__recalled"))
    gone = _no_more({uid for uids in recalled.values() for uid in uids})
    touched = [uid for uid, uids in recalled.items() if not gone.isdisjoint(uids)]
    for turn in Turn.objects.filter(uid__in=touched).only("manifest"):
        manifest = turn.manifest or {}
        manifest["recalled"] = sorted(set(manifest["recalled"]) - gone)
        for block in manifest["blocks"]:
            if not gone.isdisjoint(block["uids"]):
                block |= {"text": "", "uids": []}
        turn.save(update_fields=["manifest"])


def _no_more(uids: Collection[str]) -> set[str]:
    """Those of the uids that no message, memory or summary has."""
    gone = set(uids)
    for some in _batches(uids):
        for model in (Message, Memory, Summary):
            gone -= set(model.objects.filter(uid__in=some).values_list("uid", flat=True))
    return gone
