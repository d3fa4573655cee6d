"""Reads of notebooks, memories and summaries. What a person asks for begins with who asks."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from core.errors import NotFound
from core.prepared import Select
from memory.models import Memory, MemorySource, Notebook, Summary
from memory.standing import Row, Standing, standings
from memory.text import normal

APPROVAL = "memory_approval"
"""Where a person's preferences say that memories of models wait for their approval."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All memories of a notebook, oldest first, and how each stands."""

    memories: dict[str, Memory]
    standing: dict[str, Standing]

    def standing_as(self, *wanted: Standing) -> list[Memory]:
        """The facts that stand so; what only forgets is none."""
        return [
            memory
            for uid, memory in self.memories.items()
            if memory.text and self.standing[uid] in wanted
        ]

    def add(self, memory: Memory) -> None:
        """Take in a memory that was just made: nothing corrects it, and its source is shown."""
        self.memories[memory.uid] = memory
        self.standing.update(standings([Row(memory.uid, memory.status)]))

    def above(self, memory: Memory) -> list[Memory]:
        """What a memory corrects, and what that corrected, the oldest last."""
        found = []
        while memory.supersedes_id is not None:
            memory = self.memories[memory.supersedes_id]
            found.append(memory)
        return found

    def below(self, memory: Memory) -> list[Memory]:
        """All that corrects a memory, and all that corrects that."""
        children: dict[str | None, list[Memory]] = defaultdict(list)
        for row in self.memories.values():
            children[row.supersedes_id].append(row)
        found = []
        queue = [memory.uid]
        while queue:
            direct = children[queue.pop()]
            found += direct
            queue += (row.uid for row in direct)
        return found

    def family(self, memory: Memory) -> list[Memory]:
        """A memory with all that it corrected and all that corrected it, the oldest first."""
        first = [memory, *self.above(memory)][-1]
        return sorted([first, *self.below(first)], key=lambda row: row.uid)

    def forgotten_by(self, memory: Memory) -> str:
        """What a memory without a text forgets."""
        return next((row.text for row in self.above(memory) if row.text), "")

    def matching(self, *, status: str = "", text: str = "", chat: str = "") -> list[Memory]:
        """The facts that stand so and hold all words of `text`, the newest first.

        With `chat`, without those of other chats. A proposal to forget counts with what it is to
        forget.
        """
        words = normal(text).split()
        return [
            memory
            for uid, memory in reversed(self.memories.items())
            if (memory.text or self.standing[uid] == Standing.PROPOSED)
            and status in ("", self.standing[uid])
            and (not chat or memory.chat in ("", chat))
            and _holds(memory.text or self.forgotten_by(memory), words)
        ]


def _holds(text: str, words: Sequence[str]) -> bool:
    """Whether all of these are somewhere in the text, also as parts of words."""
    folded = normal(text) if words else ""
    return all(word in folded for word in words)


def notebooks_of(user: User) -> QuerySet[Notebook]:
    return Notebook.objects.filter(user=user)


def notebook_for(user: User, uid: str) -> Notebook:
    """One of one's own notebooks. Raises NotFound."""
    found = notebooks_of(user).filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such notebook.", code="notebook_not_found")
    return found


def get_memory(user: User, uid: str) -> Memory:
    """One of one's own memories with its notebook. Raises NotFound."""
    rows = Memory.objects.filter(notebook__user=user).select_related("notebook__user")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such memory.", code="memory_not_found")
    return found


def get_summary(user: User, uid: str) -> Summary:
    """One of one's own summaries. Raises NotFound."""
    rows = Summary.objects.filter(notebook__user=user).select_related("notebook")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such summary.", code="summary_not_found")
    return found


def summaries_of(user: User, chat_uid: str) -> QuerySet[Summary]:
    """The summaries of all branches of a chat of this person, by place, the coarsest first."""
    return Summary.objects.filter(notebook__user=user, chat=chat_uid)


def asks_first(user: User) -> bool:
    """Whether what models remember waits for this person's approval."""
    return bool(user.preferences.get(APPROVAL))


def contents(notebook_uid: str, *, without: Collection[str] = ()) -> Contents:
    """The memories of a notebook and how they stand, in one query.

    What hangs on a message in `without` counts as if that was not shown.
    """
    if without:
        rows = list(_with_sources(notebook_uid, without))
    else:
        rows = _rows.all(notebook=notebook_uid)
    memories: dict[str, Memory] = {}
    given = []
    for sourced, supported, *values in rows:
        memory = Memory.from_db("default", _COLUMNS, values)
        memories[memory.uid] = memory
        given.append(Row(memory.uid, memory.status, memory.supersedes_id, sourced, supported))
    return Contents(memories, standings(given))


_COLUMNS = [field.attname for field in Memory._meta.concrete_fields]


def _with_sources(notebook: str, without: Collection[str] = ()) -> "QuerySet[Memory, Any]":
    """The columns of memories, oldest first; before them if one has a source, and a sound one."""
    sources = MemorySource.objects.filter(memory=OuterRef("pk"))
    sound = sources.filter(live=True, stale=False)
    if without:
        sound = sound.exclude(message__in=without)
    rows = Memory.objects.filter(notebook=notebook).annotate(
        sourced=Exists(sources), supported=Exists(sound)
    )
    return rows.order_by("uid").values_list("sourced", "supported", *_COLUMNS)


_rows: Select[Any] = Select(_with_sources, notebook=str)


def known(notebook_uid: str, chat_uid: str) -> list[Memory]:
    """What holds in a chat now: of the character, and of this chat. The oldest first."""
    return [
        memory
        for memory in contents(notebook_uid).standing_as(Standing.ACTIVE)
        if memory.scope == Memory.Scope.CHARACTER or memory.chat == chat_uid
    ]
