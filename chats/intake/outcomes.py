"""What became of one thing that was brought."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """`HERE` was imported before. `READABLE` is what a dry run says in place of `MADE`."""

    MADE = "imported"
    HERE = "here already"
    READABLE = "readable"
    SKIPPED = "not taken over"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`kind` is character, lorebook, persona, settings, chat, group or file.

    `uid` is that of what it became. `message` says why it failed or was passed over, `notes`
    what was mended or could not be kept.
    """

    path: str
    kind: str
    status: Status
    name: str = ""
    uid: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.status != Status.FAILED
