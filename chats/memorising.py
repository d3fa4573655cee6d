"""How people ask for what jobs write of a chat, memories and summaries, and see how far it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import User
from chats import queries, remembering
from chats.models import Chat
from chats.spans import length_of
from chats.values import Opened
from core.errors import Conflict
from core.shelf import Shelf
from jobs.models import Job
from jobs.queries import newest_of
from jobs.queue import enqueue
from memory import summaries
from memory.models import Summary
from memory.queries import get_summary

EXTRACT: Final = "extract"
SUMMARISE: Final = "summarise"
KINDS: Final = (EXTRACT, SUMMARISE)
READ_EVERY: Final = 12
"""A chat is read for memories each time it has grown by so many messages, and when it rests."""
REST: Final = timedelta(minutes=10)
RESTED_MOST: Final = 500
LEFT_ALONE: Final = 32
"""So many of the newest messages are not summed up when somebody asks for all of a chat."""
_ASK_AGAIN: Final = 8
"""What this process asked for already it asks for again when a chat has grown by so many."""
_asked: Final = Shelf[int](10_000)


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest job of one kind on a chat. `done` of `total` steps; both 0 if there is no more.

    `state` is queued, running, done or failed; `note` says why nothing was done, `error` what
    went wrong.
    """

    kind: str
    state: str
    done: int
    total: int
    note: str
    error: str
    at: datetime

    @property
    def is_open(self) -> bool:
        return self.state in (Job.State.QUEUED, Job.State.RUNNING)


def after_turn(opened: Opened) -> None:
    """Ask for what a reply makes due. Decided from its place: most turns ask for nothing."""
    to, end = opened.summarise_to, opened.place.position + 1
    if to and (_asked.get(opened.chat_uid) != to or _has_passed(_ASK_AGAIN, end)):
        _asked.put(opened.chat_uid, to, 1)
        wanted = {"to": to}
        enqueue(SUMMARISE, opened.chat_uid, user_id=opened.user_id, payload=wanted, is_urgent=False)
    if opened.offer is None and _has_passed(READ_EVERY, end):
        enqueue(EXTRACT, opened.chat_uid, user_id=opened.user_id, is_urgent=False)


def _has_passed(step: int, end: int) -> bool:
    """Whether a turn, which is mostly two messages, took a chat past a multiple of `step`."""
    return end // step > (end - 2) // step


def ask_for_rested(now: datetime) -> int:
    """Have the chats read that were talked in a while ago and rest since. Returns how many.

    Once for each rest, although the clock comes by more often than a rest can be seen.
    """
    asked = Job.objects.filter(
        kind=EXTRACT,
        user=OuterRef("user"),
        key=OuterRef("uid"),
        created_at__gte=OuterRef("active_at") + REST,
    )
    rested = Chat.objects.filter(
        ~Exists(asked),
        trashed_at=None,
        notebook__remembers=True,
        active_at__gt=now - 3 * REST,
        active_at__lte=now - REST,
    )
    found = list(rested.order_by("active_at").values_list("uid", "user_id")[:RESTED_MOST])
    for uid, user_id in found:
        enqueue(EXTRACT, uid, user_id=user_id)
    return len(found)


def regenerate(user: User, summary_uid: str) -> Summary:
    """Have one of the person's summaries written anew, and those that were made of it.

    Raises NotFound; Conflict if it is pinned, not on the shown branch, or from another chat.
    """
    with transaction.atomic():
        summary = get_summary(user, summary_uid)
        chat = _summarising(user, summary.chat)
        summaries.set_stale(summary)
        enqueue(SUMMARISE, chat.uid, user_id=user.pk)
    summary.refresh_from_db()
    return summary


def rebuild(user: User, chat_uid: str) -> None:
    """Have a chat summed up anew, all but its newest messages. What is pinned or edited stays.

    Raises NotFound; Conflict if summaries are switched off.
    """
    with transaction.atomic():
        chat = _summarising(user, chat_uid)
        remembering.give_notebook(chat)
        if chat.notebook is not None:
            summaries.set_all_stale(chat.notebook, chat.uid)
        to = max(0, length_of(chat.uid) - LEFT_ALONE)
        enqueue(SUMMARISE, chat.uid, user_id=user.pk, payload={"to": to})


def read_now(user: User, chat_uid: str) -> None:
    """Have everything of a chat that was not read yet read for memories.

    Raises NotFound; Conflict if the character does not remember.
    """
    chat = queries.get_chat(user, chat_uid)
    if chat.notebook is not None and not chat.notebook.remembers:
        raise Conflict("Remembering is switched off for this character.", code="switched_off")
    enqueue(EXTRACT, chat.uid, user_id=user.pk, payload={"all": True})


def progress(user: User, chat_uid: str) -> list[Progress]:
    """How the newest job of each kind on a chat stands. Raises NotFound."""
    chat = queries.get_chat(user, chat_uid)
    found: dict[str, Progress] = {}
    for job in newest_of(user.pk, chat.uid).filter(kind__in=KINDS)[:50]:
        found.setdefault(job.kind, _progress(job))
    return [found[kind] for kind in KINDS if kind in found]


def _progress(job: Job) -> Progress:
    return Progress(
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        note=job.note,
        error=job.error,
        at=job.ended_at or job.created_at,
    )


def _summarising(user: User, chat_uid: str) -> Chat:
    """The chat, if it is to be summed up. Raises NotFound and Conflict."""
    chat = queries.get_chat(user, chat_uid)
    if chat.notebook is not None and not chat.notebook.summarises:
        raise Conflict("Summaries are switched off for this character.", code="switched_off")
    return chat
