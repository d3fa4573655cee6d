"""What is written into notebooks. Every change is one transaction and raises the version.

Two that write into one notebook follow each other (`memory.rows`). Whatever raises, changed
nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core.errors import Conflict, Invalid
from jobs.queue import enqueue
from memory import vectors
from memory.copying import carry, copy_notebook
from memory.models import Memory, Notebook
from memory.queries import APPROVAL, contents
from memory.rows import (
    ACTIVE,
    DROPPED,
    PERSON,
    PROPOSED,
    REJECTED,
    OpenNotebook,
    alike,
    bring_back,
    changed,
    check_importance,
    check_room,
    checked_text,
    delete_memories,
    drop,
    learn,
    learnt_from,
    opened,
    put,
    repeated,
    reread,
    standing_below,
    status_for,
    succeed,
    whole_families,
)
from memory.standing import Standing
from memory.vectors import Kind

KEPT_DAYS: Final = 30
SCRUB: Final = "scrub"
"""The job that clears kept prompts of what was deleted for good. Its key is the notebook."""
_PURGED_MOST: Final = 1_000

__all__ = [
    "approve",
    "approve_all",
    "carry",
    "changed",
    "copy_notebook",
    "correct",
    "default_notebook",
    "erase",
    "forget",
    "forget_all",
    "purge",
    "reject",
    "reject_all",
    "remember",
    "set_approval",
    "set_importance",
    "set_pinned",
    "set_switches",
    "take_back",
    "undo",
]


def default_notebook(*, user: User, character: str) -> Notebook:
    """The notebook that chats of this person with this character share."""
    return Notebook.objects.get_or_create(user=user, character=character, is_default=True)[0]


@transaction.atomic
def remember(
    notebook: Notebook,
    text: str,
    *,
    author: str,
    scope: str = "character",
    chat: str = "",
    message: str = "",
    evidence: Sequence[str] = (),
    importance: int = 5,
    status: str = "active",
    into: OpenNotebook | None = None,
) -> Memory:
    """Keep a fact, learnt from `message` of `chat`, or from nowhere.

    What says the same in the same scope is kept once, with both sources. Twice from one message
    is once, also if it was corrected or forgotten since. What a model or the extraction writes
    waits for approval if the person asked for that. `into` is the notebook as whoever keeps
    several facts in one transaction has it open.

    Raises Invalid, and Conflict if the notebook is full.
    """
    text = checked_text(text, author)
    check_importance(importance)
    if scope != Memory.Scope.CHARACTER and not chat:
        raise Invalid("Say which chat it is for.", param="chat")
    place = "" if scope == Memory.Scope.CHARACTER else chat
    changed(notebook.uid)
    into = into or OpenNotebook(notebook)
    held = into.held
    same = [row for row in alike(held, text) if (row.scope, row.chat) == (scope, place)]
    found = learnt_from(message, same) or repeated(held, same)
    is_new = found is None
    if found is None:
        check_room(held)
        found = Memory.objects.create(
            notebook=notebook,
            scope=scope,
            chat=place,
            text=text,
            status=status_for(notebook, author, status),
            author=author,
            importance=importance,
        )
    elif author == PERSON and found.status == PROPOSED:
        put(found, status=ACTIVE)
    learn(found, (chat, message, evidence))
    into.took(found, is_new=is_new)
    return found


@transaction.atomic
def correct(
    memory: Memory,
    text: str,
    *,
    author: str,
    chat: str = "",
    message: str = "",
    evidence: Sequence[str] = (),
    importance: int | None = None,
) -> Memory:
    """Put a new wording in the place of a memory, which is kept. The same wording changes nothing.

    Raises Invalid; Conflict if it was forgotten or corrected meanwhile; NotFound where a model
    reaches for another chat's.
    """
    text = checked_text(text, author)
    if importance is not None:
        check_importance(importance)
    held, memory = opened(memory, author, chat)
    mine = [row for row in alike(held, text) if row.supersedes_id == memory.uid]
    if (again := learnt_from(message, mine)) is not None:
        learn(again, (chat, message, evidence))
        return again
    standing = held.standing[memory.uid]
    if standing in (Standing.RETIRED, Standing.SUPERSEDED):
        raise Conflict("This memory was changed meanwhile. Look again.", code="memory_changed")
    if text == memory.text and standing == Standing.ACTIVE:
        return memory
    source = (chat, message, evidence)
    return succeed(memory, text, author=author, importance=importance, source=source)


@transaction.atomic
def forget(
    memory: Memory,
    *,
    author: str,
    chat: str = "",
    message: str = "",
    evidence: Sequence[str] = (),
) -> Memory | None:
    """Let a memory count no longer; what it corrected does not return. None if it does not already.

    A person forgets on every branch. What a model forgets is forgotten where its message is
    shown: a successor without a text, which is returned.
    """
    held, memory = opened(memory, author, chat)
    standing = held.standing[memory.uid]
    if author != PERSON:
        mine = [row for row in held.below(memory) if not row.text]
        if (again := learnt_from(message, mine)) is not None:
            learn(again, (chat, message, evidence))
            return again
        if standing != Standing.ACTIVE:
            return None
        source = (chat, message, evidence)
        return succeed(memory, "", author=author, importance=None, source=source)
    if standing == Standing.RETIRED:
        return None
    drop([memory, *held.above(memory)])
    memory.refresh_from_db()
    return memory


@transaction.atomic
def take_back(memory: Memory) -> Memory:
    """Undo the writing of a memory: what it corrected, or forgot, holds again. Twice is once."""
    held, memory = opened(memory)
    drop([memory, *standing_below(held, memory)])
    memory.refresh_from_db()
    return memory


@transaction.atomic
def approve(memory: Memory) -> Memory:
    """Let what was proposed count. Twice is once. Raises Conflict if it was forgotten."""
    memory = reread(memory)
    if memory.status in DROPPED:
        raise Conflict("This memory was forgotten. Undo that first.", code="memory_changed")
    return put(memory, status=ACTIVE)


@transaction.atomic
def reject(memory: Memory) -> Memory:
    """Refuse what was proposed. Twice is once. Raises Conflict if it was approved."""
    memory = reread(memory)
    if memory.status == PROPOSED:
        drop([memory])
        memory.refresh_from_db()
    elif memory.status != REJECTED:
        raise Conflict("This memory is not waiting for approval.", code="memory_changed")
    return memory


@transaction.atomic
def undo(memory: Memory) -> Memory:
    """Take back the newest decision about a memory.

    A forgotten one holds again, with all that was forgotten with it; a rejected one waits again;
    of a corrected one the corrections are forgotten. Raises Conflict if there is none.
    """
    held, memory = opened(memory)
    if memory.status in DROPPED:
        bring_back(held, memory)
    elif held.standing[memory.uid] == Standing.SUPERSEDED:
        drop(standing_below(held, memory))
    else:
        raise Conflict("There is nothing to undo.", code="nothing_to_undo")
    memory.refresh_from_db()
    return memory


@transaction.atomic
def set_pinned(memory: Memory, pinned: bool) -> Memory:
    """Keep a memory in every prompt, whatever the conversation is about, or no longer."""
    memory = reread(memory)
    return put(memory, pinned=pinned)


@transaction.atomic
def set_importance(memory: Memory, importance: int) -> Memory:
    """How much a memory weighs when it is recalled, 1 to 10. Raises Invalid."""
    check_importance(importance)
    memory = reread(memory)
    return put(memory, importance=importance)


def approve_all(notebook: Notebook, memories: Iterable[str] | None = None) -> int:
    """Approve these of the notebook by uid, or all that wait. Returns how many were."""
    return _decide(notebook, memories, {"status": ACTIVE})


def reject_all(notebook: Notebook, memories: Iterable[str] | None = None) -> int:
    """Reject these of the notebook by uid, or all that wait. Returns how many were."""
    return _decide(notebook, memories, {"status": REJECTED, "retired_at": timezone.now()})


@transaction.atomic
def _decide(
    notebook: Notebook, memories: Iterable[str] | None, values: dict[str, str | datetime]
) -> int:
    changed(notebook.uid)
    standing = contents(notebook.uid).standing
    waiting = {uid for uid in standing if standing[uid] == Standing.PROPOSED}
    wanted = waiting if memories is None else waiting.intersection(memories)
    return Memory.objects.filter(uid__in=wanted).update(**values)


@transaction.atomic
def forget_all(notebook: Notebook, memories: Iterable[str]) -> int:
    """A person forgets these of the notebook, by uid, on every branch. Returns how many were."""
    rows = Memory.objects.filter(notebook=notebook, uid__in=set(memories))
    found = rows.select_related("notebook").order_by("uid")
    return sum(forget(memory, author=PERSON) is not None for memory in found)


@transaction.atomic
def erase(memory: Memory) -> int:
    """Delete a memory for good, with all that it corrected and all that corrected it.

    So are its copies in forks and in chats that carried it on, each with its own history there.
    Returns how many rows that were. Other memories, and the messages, keep what they say. The
    prompts that were kept lose its words right after, in a job. Raises NotFound.
    """
    gone = whole_families(memory)
    for notebook, family in gone.items():
        changed(notebook)
        vectors.forget(Kind.MEMORY, notebook, family)
    uids = [uid for family in gone.values() for uid in family]
    Memory.objects.filter(uid__in=uids).delete()
    _scrub_prompts(gone)
    return len(uids)


@transaction.atomic
def purge(now: datetime) -> int:
    """Delete what was forgotten more than 30 days ago. Returns how many rows; 0 is the end."""
    old = Memory.objects.filter(
        status__in=DROPPED, retired_at__lt=now - timedelta(days=KEPT_DAYS)
    ).order_by("uid")[:_PURGED_MOST]
    notebooks = {memory.notebook_id for memory in old}
    count = len(delete_memories(old))
    _scrub_prompts(notebooks)
    return count


def _scrub_prompts(notebooks: Collection[str]) -> None:
    """Take what is no more out of the prompts that were kept, which may be many."""
    for notebook in sorted(notebooks):
        enqueue(SCRUB, notebook)


@transaction.atomic
def set_switches(
    notebook: Notebook, *, remembers: bool | None = None, summarises: bool | None = None
) -> Notebook:
    """Let a character remember, and sum up, or not. What it knows already stays."""
    changed(notebook.uid)
    given = {"remembers": remembers, "summarises": summarises}
    values = {name: value for name, value in given.items() if value is not None}
    Notebook.objects.filter(uid=notebook.uid).update(**values) if values else None
    notebook.refresh_from_db()
    return notebook


@transaction.atomic
def set_approval(user: User, asks: bool) -> None:
    """Let what models remember wait for this person's approval, or not."""
    row = User.objects.select_for_update().get(pk=user.pk)
    row.preferences = user.preferences = {**row.preferences, APPROVAL: asks}
    row.save(update_fields=["preferences"])
