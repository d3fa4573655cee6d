"""Notes under a reply: what the character remembered while it wrote."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from chats.models import Chat, Turn
from memory.models import Memory

_WORDS: Final = {
    "save": ("Remembered", "Wants to remember"),
    "update": ("Corrected", "Wants to correct"),
    "delete": ("Forgotten", "Wants to forget"),
}
_DROPPED: Final = (Memory.Status.RETIRED, Memory.Status.REJECTED)


@dataclass(frozen=True, slots=True)
class Note:
    """One change. `uid` is the memory that says what, `before` what it replaced or forgot."""

    uid: str
    kind: str
    status: str
    text: str
    before: str

    @property
    def words(self) -> str:
        if self.is_undone:
            return "Taken back"
        return _WORDS[self.kind][self.status == Memory.Status.PROPOSED]

    @property
    def is_undone(self) -> bool:
        return self.status in _DROPPED

    @property
    def state(self) -> str:
        """Changes whenever the drawn note would."""
        return f"{self.uid[-8:]}-{self.status}"


def notes_of(chat: Chat, turns: Iterable[Turn]) -> dict[str, tuple[Note, ...]]:
    """The notes of each of these turns of a chat by its uid. Asks only where something was changed.

    What was deleted for good has none, nor has what is in the notebook of the chat that this one
    was forked from.
    """
    changes = {turn.uid: turn.changes for turn in turns if turn.changes and _has_ended(turn)}
    if not changes:
        return {}
    uids = {change["memory"] for made in changes.values() for change in made}
    found = Memory.objects.filter(
        uid__in=uids, notebook__user=chat.user_id, notebook=chat.notebook_id
    )
    rows = {row.uid: row for row in found.select_related("supersedes")}
    return {
        turn: tuple(
            _note(change["kind"], rows[change["memory"]])
            for change in made
            if change["memory"] in rows
        )
        for turn, made in changes.items()
    }


def _has_ended(turn: Turn) -> bool:
    """While a turn runs its changes are only asked for."""
    return turn.state != Turn.State.RUNNING


def _note(kind: str, row: Memory) -> Note:
    before = row.supersedes.text if row.supersedes else ""
    return Note(row.uid, kind, row.status, row.text, before)
