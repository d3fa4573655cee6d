"""Facts that were read from messages become memories, with where each was read."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Exists, QuerySet

from core.errors import Conflict, Invalid, NotFound
from core.prepared import Insert
from memory import services
from memory.models import Memory, Notebook, Reading
from memory.queries import known
from memory.rows import OpenNotebook
from memory.writing.answers import Fact
from memory.writing.said import Said

AUTHOR: Final = str(Memory.Author.EXTRACTION)
KNOWN_MOST: Final = 80
_KNOWN_CHARS_MOST: Final = 6_000


def known_to(notebook: Notebook, chat_uid: str) -> list[Memory]:
    """The newest facts that hold in a chat, as many as those who read need to see."""
    found: list[Memory] = []
    room = _KNOWN_CHARS_MOST
    for memory in reversed(known(notebook.uid, chat_uid)):
        room -= len(memory.text)
        if room < 0 or len(found) == KNOWN_MOST:
            break
        found.append(memory)
    return found


_insert_reading = Insert(Reading, ignore_conflicts=True)


def write(
    notebook: Notebook,
    chat_uid: str,
    said: Sequence[Said],
    facts: Sequence[Fact],
    held: Sequence[Memory],
) -> int:
    """Keep these facts of these messages, and note that they were read. Returns how many.

    Facts about the person hold in every chat with the character, others in this chat. `held`
    are the known ones that facts may correct. Read twice, the same messages give nothing new.
    Call inside the transaction in which it was seen that the messages are still the same.
    """
    last = said[-1]
    if not _insert_reading(chat=chat_uid, message=last.uid, position=last.position):
        return 0
    into = OpenNotebook(notebook)
    return sum(_keep(into, chat_uid, said, fact, held) for fact in facts)


def _keep(
    into: OpenNotebook,
    chat_uid: str,
    said: Sequence[Said],
    fact: Fact,
    held: Sequence[Memory],
) -> bool:
    """Whether a fact was kept: not where the notebook is full, or what it corrects changed."""
    evidence = [said[place].uid for place in fact.cited]
    try:
        if fact.corrects is not None:
            services.correct(
                held[fact.corrects],
                fact.text,
                author=AUTHOR,
                chat=chat_uid,
                message=evidence[-1],
                evidence=evidence,
                importance=fact.importance,
            )
            into.forget()
        else:
            services.remember(
                into.notebook,
                fact.text,
                author=AUTHOR,
                scope=Memory.Scope.CHARACTER if fact.is_about_person else Memory.Scope.CHAT,
                chat=chat_uid,
                message=evidence[-1],
                evidence=evidence,
                importance=fact.importance,
                into=into,
            )
    except (Conflict, Invalid, NotFound):
        into.forget()  # what locked it may be undone
        return False
    return True


def reached(chat_uid: str, shown: Exists) -> "QuerySet[Reading, Any]":
    """The position of the last message that was read on the shown path: one or none.

    `shown` says of a reading whether its message is on that path.
    """
    rows = Reading.objects.filter(shown, chat=chat_uid)
    return rows.order_by("-position").values_list("position")[:1]
