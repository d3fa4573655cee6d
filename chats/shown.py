"""What a process has at hand of chats: the end of the shown path, as the last turn left it.

Every change of a chat's messages raises its `version` in the same transaction, and whoever asks
has locked the chat and read that: what is kept under the same version is what the table has.
"""

from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from chats import tree
from chats.models import Chat
from chats.tree import Node
from core.shelf import Shelf

_CHARS_MOST: Final = 32_000_000
_CHARS_EACH: Final = 1_000_000
_NODE_CHARS: Final = 400
"""What a message takes besides its text, as if it were text."""


class Kept(NamedTuple):
    """The end of a chat's shown path, oldest first, and of how many characters it is."""

    version: int
    path: list[Node]
    chars: int

    def end(self, chars: int) -> list[Node]:
        """At least the last `chars` characters, as `tree.path` reads them; empty if it must."""
        spare, start = self.chars - chars, 0
        if spare < 0:
            return [] if self.path[0].position else self.path.copy()
        while (spare := spare - len(self.path[start].content)) >= 0:
            start += 1
        return self.path[start:]


_shelf: Final = Shelf[Kept](_CHARS_MOST)


def of(chat: Chat) -> Kept | None:
    """What is at hand of this chat, which is locked, or None."""
    kept = _shelf.get(chat.uid)
    return kept if kept is not None and kept.version == chat.version else None


def keep(chat_uid: str, version: int, path: Sequence[Node]) -> None:
    """Note the end of a shown path, which is not empty. It is committed as this version."""
    chars = sum(map(len, tree.contents(path)))
    if chars <= _CHARS_EACH:
        kept = Kept(version, list(path), chars)
        _shelf.put(chat_uid, kept, chars + _NODE_CHARS * len(path))


def all_kept() -> dict[Hashable, Kept]:
    """What is at hand, by the chats' uids."""
    return _shelf.all()


def forget() -> None:
    """Drop what is at hand."""
    _shelf.clear()
