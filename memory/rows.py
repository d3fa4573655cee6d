"""What the services of memories are made of: opening a notebook, kinship, writing rows.

A notebook is opened by raising its version. That locks its row until the end of the transaction,
so two workers that write into one notebook follow each other, and the second reads what the first
wrote.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.errors import Conflict, Invalid, NotFound
from core.prepared import Insert, Update
from memory import vectors
from memory.models import TEXT_CHARS, Memory, MemorySource, Notebook
from memory.queries import Contents, asks_first, contents
from memory.standing import Standing
from memory.text import normal, tidy
from memory.vectors import Kind

MODEL_TEXT_CHARS: Final = 500
MEMORIES_MOST: Final = 2_000
IMPORTANCE_MOST: Final = 10
PERSON: Final = str(Memory.Author.PERSON)
ACTIVE: Final = str(Memory.Status.ACTIVE)
PROPOSED: Final = str(Memory.Status.PROPOSED)
RETIRED: Final = str(Memory.Status.RETIRED)
REJECTED: Final = str(Memory.Status.REJECTED)
DROPPED: Final = (RETIRED, REJECTED)
_REPEATABLE: Final = (Standing.ACTIVE, Standing.WITHDRAWN, Standing.PROPOSED)


_raise_version = Update(
    lambda uid: (Notebook.objects.filter(uid=uid), {"version": F("version") + 1}), uid=str
)


def changed(notebook_uid: str) -> None:
    """Say that what can be remembered from a notebook is different now; lock it. Or NotFound."""
    if not _raise_version(uid=notebook_uid):
        raise NotFound("There is no such notebook.", code="notebook_not_found")


class OpenNotebook:
    """A notebook of which more than one thing is written in one transaction, and what it holds.

    Read when it is first asked for, and again after a change other than one memory more. Whoever
    uses it has raised the version in this transaction: nobody else writes meanwhile.
    """

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self._held: Contents | None = None

    @property
    def held(self) -> Contents:
        if self._held is None:
            self._held = contents(self.notebook.uid)
        return self._held

    def took(self, memory: Memory, *, is_new: bool) -> None:
        """This was written: a memory that was made, or another source of one that was there."""
        if is_new:
            self.held.add(memory)
        else:
            self.forget()

    def forget(self) -> None:
        """Something else was written, or undone: read it again."""
        self._held = None


def opened(memory: Memory, author: str = PERSON, chat: str = "") -> tuple[Contents, Memory]:
    """The notebook, locked, and the memory as it is now. Or NotFound.

    Whoever is no person reaches what all chats share and what is of its own chat.
    """
    changed(memory.notebook_id)
    held = contents(memory.notebook_id)
    found = held.memories.get(memory.uid)
    is_shared = found is not None and found.scope == Memory.Scope.CHARACTER
    if found is None or not (author == PERSON or is_shared or found.chat == chat):
        raise NotFound("There is no such memory.", code="memory_not_found")
    found.notebook = memory.notebook
    return held, found


def whole_families(memory: Memory) -> dict[str, list[str]]:
    """A memory and its copies with all that each corrected and was corrected by, by notebook.

    Uids all of them. The notebooks of this person and character are locked, in one order for
    everybody. Or NotFound.
    """
    shelf = Notebook.objects.filter(
        user=memory.notebook.user_id, character=memory.notebook.character
    )
    notebooks = [row.uid for row in shelf.select_for_update().order_by("uid")]
    held: dict[str, Contents] = {}
    found: dict[str, str] = {}
    due = list(Memory.objects.filter(uid=memory.uid, notebook__in=notebooks))
    if not due:
        raise NotFound("There is no such memory.", code="memory_not_found")
    while due:
        one = due.pop()
        if one.uid in found:
            continue
        if one.notebook_id not in held:
            held[one.notebook_id] = contents(one.notebook_id)
        family = held[one.notebook_id].family(one)
        found |= {row.uid: row.notebook_id for row in family}
        origins = {row.origin or row.uid for row in family}
        copies = Memory.objects.filter(Q(uid__in=origins) | Q(origin__in=origins))
        due += copies.filter(notebook__in=notebooks).exclude(uid__in=found)
    families: dict[str, list[str]] = {}
    for uid, notebook in found.items():
        families.setdefault(notebook, []).append(uid)
    return families


def reread(memory: Memory) -> Memory:
    """The memory as it is now, its notebook locked. Or NotFound."""
    changed(memory.notebook_id)
    found = Memory.objects.filter(uid=memory.uid).select_related("notebook").first()
    if found is None:
        raise NotFound("There is no such memory.", code="memory_not_found")
    return found


def alike(held: Contents, text: str) -> list[Memory]:
    """All that says the same, however it stands."""
    said = normal(text)
    return [row for row in held.memories.values() if row.text and normal(row.text) == said]


def learnt_from(message: str, among: Iterable[Memory]) -> Memory | None:
    """The one of these that was learnt from this message: it was read before."""
    found = {row.uid: row for row in among} if message else {}
    rows = MemorySource.objects.filter(memory__in=found, message=message)
    uid = rows.values_list("memory_id", flat=True).first() if found else None
    return found[uid] if uid else None


def repeated(held: Contents, among: Iterable[Memory]) -> Memory | None:
    """The one that another source is added to: one that holds rather than one that waits."""
    usable = [row for row in among if held.standing[row.uid] in _REPEATABLE]
    return min(usable, key=lambda row: _REPEATABLE.index(held.standing[row.uid]), default=None)


def standing_below(held: Contents, memory: Memory) -> Iterator[Memory]:
    """The corrections of a memory that hold on the branches that are shown."""
    stand = (Standing.ACTIVE, Standing.SUPERSEDED)
    return (row for row in held.below(memory) if held.standing[row.uid] in stand)


def drop(rows: Iterable[Memory]) -> None:
    """Forget what counts and reject what waits, together: one undo brings all of it back."""
    now = timezone.now()
    uids = [row.uid for row in rows]
    for before, after in ((ACTIVE, RETIRED), (PROPOSED, REJECTED)):
        found = Memory.objects.filter(uid__in=uids, status=before)
        found.update(status=after, retired_at=now)


def bring_back(held: Contents, memory: Memory) -> None:
    """Undo `drop`."""
    family = [memory, *held.above(memory), *held.below(memory)]
    together = [row.uid for row in family if row.retired_at == memory.retired_at]
    for before, after in ((ACTIVE, RETIRED), (PROPOSED, REJECTED)):
        found = Memory.objects.filter(uid__in=together, status=after)
        found.update(status=before, retired_at=None)


def delete_memories(memories: "QuerySet[Memory]") -> set[str]:
    """Delete memories for good. What corrected one corrects then what that one corrected.

    Returns the uids of those that were asked for.
    """
    rows = {row.uid: row for row in memories}
    for notebook in sorted({row.notebook_id for row in rows.values()}):
        changed(notebook)
        vectors.forget(Kind.MEMORY, notebook, rows)
    for child in Memory.objects.filter(supersedes__in=rows).exclude(uid__in=rows):
        parent = child.supersedes_id
        while parent in rows:
            parent = rows[parent].supersedes_id
        if parent is None and not child.text:
            child.delete()  # there is nothing left that it forgets
        else:
            Memory.objects.filter(uid=child.uid).update(supersedes=parent)
    Memory.objects.filter(uid__in=rows).delete()
    return set(rows)


def succeed(
    memory: Memory, text: str, *, author: str, importance: int | None, source: "Source"
) -> Memory:
    """A new row that supersedes a memory. An empty text forgets it."""
    made = Memory.objects.create(
        notebook=memory.notebook,
        scope=memory.scope,
        chat=memory.chat,
        text=text,
        status=status_for(memory.notebook, author, ACTIVE),
        author=author,
        importance=memory.importance if importance is None else importance,
        pinned=memory.pinned,
        supersedes=memory,
    )
    learn(made, source)
    return made


Source = tuple[str, str, Sequence[str]]
"""Chat, its message, and the evidence; "" for no message."""


_insert_source = Insert(MemorySource, ignore_conflicts=True)


def learn(memory: Memory, source: Source) -> None:
    """Note where a memory comes from. Twice is once; from what was rewritten since, it is anew."""
    chat, message, evidence = source
    if not message:
        return
    read = list(evidence) or [message]
    if not _insert_source(memory_id=memory.uid, message=message, chat=chat, evidence=read):
        rewritten = MemorySource.objects.filter(memory=memory.uid, message=message, stale=True)
        rewritten.update(stale=False, evidence=read)


def put(memory: Memory, **values: str | int | datetime | None) -> Memory:
    for name, value in values.items():
        setattr(memory, name, value)
    memory.save(update_fields=list(values))
    return memory


def status_for(notebook: Notebook, author: str, asked: str) -> str:
    """What is asked for, unless the person wants to approve what others write."""
    return PROPOSED if author != PERSON and asks_first(notebook.user) else asked


def check_room(held: Contents) -> None:
    if len(held.standing_as(Standing.ACTIVE, Standing.PROPOSED)) >= MEMORIES_MOST:
        raise Conflict(
            f"This notebook is full: it holds {MEMORIES_MOST:,} memories. Forget some of them.",
            code="notebook_full",
        )


def checked_text(text: str, author: str) -> str:
    """The text as it is kept. Raises Invalid."""
    most = TEXT_CHARS if author == PERSON else MODEL_TEXT_CHARS
    text = tidy(text)
    if not text:
        raise Invalid("A memory needs a text.", code="empty_memory", param="text")
    if len(text) > most:
        raise Invalid(
            f"The memory has {len(text)} characters; {most} is the most.",
            code="memory_too_long",
            param="text",
        )
    return text


def check_importance(importance: int) -> None:
    if not 1 <= importance <= IMPORTANCE_MOST:
        raise Invalid(f"An importance is a number from 1 to {IMPORTANCE_MOST}.", param="importance")
