"""Which remembered facts fit what is being said: by words, importance and how new they are."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, NamedTuple

from django.db import transaction

from core.shelf import Shelf
from memory.giving import Given
from memory.models import Memory, Notebook
from memory.queries import contents
from memory.recall import Analysed, Index, Turn, analyse
from memory.standing import Standing
from memory.vectors import Place, Question

_KEPT_MOST: Final = 50_000
_MATCHED: Final = 1.0
_IMPORTANCE: Final = 0.2
"""What a step of importance counts beside a standard deviation of likeness."""
_USUAL_IMPORTANCE: Final = 5
_NEWNESS: Final = 0.5
_HALF_LIFE: Final = timedelta(days=30)
_PINNED: Final = 100.0
_NOTED_AGAIN: Final = timedelta(days=1)


class Fact(NamedTuple):
    """A memory and how well it fits. A pinned one fits always."""

    memory: Memory
    score: float


class Facts:
    """The facts that count in a notebook at one of its versions, ready to be asked."""

    def __init__(self, version: int, memories: list[Memory], known: Mapping[str, Analysed]) -> None:
        self.version = version
        self.memories = memories
        self.analysed = {m.uid: known.get(m.uid) or analyse(_turn(m)) for m in memories}
        self._index = Index()
        self._index.extend(list(self.analysed.values()))
        self._given = Given()
        self._lock = Lock()

    def ranked(
        self,
        question: str,
        *,
        chat_uid: str,
        now: datetime,
        meaning: Question | None = None,
        place: Place | None = None,
    ) -> list[Fact]:
        """Those that hold in a chat, the best first.

        With what the question means, and the place of the facts' vectors, by meaning too.
        """
        here = [m for m in self.memories if m.scope == Memory.Scope.CHARACTER or m.chat == chat_uid]
        if not here:
            return []
        with self._lock:
            if meaning and place:
                self._given.give(self._index, place, meaning.model, list(self.analysed))
            hits = self._index.search(
                question,
                k=len(self.memories),
                now=now.timestamp(),
                vector=meaning.vector if meaning else None,
            )
        likeness = {hit.ids[0]: _MATCHED + hit.score for hit in hits}
        facts = [Fact(m, likeness.get(m.uid, 0.0) + _prior(m, now)) for m in here]
        return sorted(facts, key=lambda fact: (-fact.score, fact.memory.uid))


_shelf: Shelf[Facts] = Shelf(_KEPT_MOST)


def facts_of(notebook: Notebook) -> Facts | None:
    """The facts of a notebook as it was read; None without asking where nothing was ever kept."""
    if not notebook.version:
        return None
    kept = _shelf.get(notebook.uid)
    if kept is None or kept.version != notebook.version:
        kept = _read(notebook, kept.analysed if kept else {})
        _keep_when_committed(notebook.uid, kept)
    return kept


def _keep_when_committed(uid: str, facts: Facts) -> None:
    # What a transaction that fails has read may never have been so.
    transaction.on_commit(lambda: _shelf.put(uid, facts, 1 + len(facts.memories)))


def facts_without(notebook: Notebook, messages: Collection[str]) -> Facts:
    """The facts as if these messages had not been said."""
    kept = _shelf.get(notebook.uid)
    return _read(notebook, kept.analysed if kept else {}, messages)


def _read(
    notebook: Notebook, known: Mapping[str, Analysed], without: Collection[str] = ()
) -> Facts:
    found = contents(notebook.uid, without=without).standing_as(Standing.ACTIVE)
    return Facts(notebook.version, found, known)


def note_recalled(notebook: Notebook, uids: Collection[str], now: datetime) -> None:
    """Remember that these were used, at most once a day for each."""
    kept = _shelf.get(notebook.uid)
    due = [
        memory
        for memory in (kept.memories if kept else ())
        if memory.uid in uids
        and (memory.recalled_at is None or now - memory.recalled_at > _NOTED_AGAIN)
    ]
    if due:
        Memory.objects.filter(uid__in=[memory.uid for memory in due]).update(recalled_at=now)
        for memory in due:
            memory.recalled_at = now


def forget_all() -> None:
    """Drop what this process keeps at hand."""
    _shelf.clear()


def _turn(memory: Memory) -> Turn:
    """A fact as the index takes it: a session of its own, so that it has no neighbours."""
    return Turn(
        uid=memory.uid,
        text=memory.text,
        time=memory.created_at.timestamp(),
        session=memory.uid,
    )


def _prior(memory: Memory, now: datetime) -> float:
    age = max(timedelta(), now - memory.created_at)
    newness = _NEWNESS * float(0.5 ** (age / _HALF_LIFE))
    importance = _IMPORTANCE * (memory.importance - _USUAL_IMPORTANCE)
    return importance + newness + (_PINNED if memory.pinned else 0.0)
