"""Which files a chat becomes when all of its branches are written.

The files it came from, each as far as it goes, and one for every end of the tree that is in none
of them. Other versions of a reply need no file: they are swipes of the one that is written.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from chats.models import Chat, ChatSource, Message

_ASSISTANT: Final = str(Message.Role.ASSISTANT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One file. `parent` is the title of the one that it branched off, "" for the chat itself."""

    title: str
    parent: str = ""
    source: ChatSource | None = None
    end: str | None = None


class Skeleton:
    """The tree without its texts."""

    def __init__(self, chat: Chat) -> None:
        rows = Message.objects.filter(chat=chat, trashed_at=None).order_by("position", "uid")
        self.parents: dict[str, str | None] = {}
        self.roles: dict[str, str] = {}
        self.children: dict[str | None, list[str]] = defaultdict(list)
        self.shown: str | None = None
        for uid, parent, role, active in rows.values_list("uid", "parent_id", "role", "active"):
            if parent is not None and parent not in self.parents:
                continue
            self.parents[uid] = parent
            self.roles[uid] = role
            self.children[parent].append(uid)
            self.shown = uid if active else self.shown

    def path_to(self, end: str | None) -> list[str]:
        """The uids from the first message to `end`."""
        path: list[str] = []
        while end is not None:
            path.append(end)
            end = self.parents[end]
        return path[::-1]

    def leaves(self) -> list[str]:
        """The ends of the tree, that of the shown path first."""
        found = [uid for uid in self.parents if uid not in self.children]
        return sorted(found, key=lambda uid: (uid != self.shown, uid))


def branches(chat: Chat, skeleton: Skeleton, *, most: int) -> tuple[list[Branch], int]:
    """The files, the chat itself first, and how many more there would be."""
    found = _from_sources(chat, skeleton)
    main = found[0].title
    covered = _Covered(skeleton)
    for branch in found:
        covered.add(branch.end)
    number = left_out = 0
    for leaf in skeleton.leaves():
        if covered.holds(leaf):
            continue
        covered.add(leaf)
        if len(found) >= most:
            left_out += 1
            continue
        number += 1
        found.append(Branch(title=f"{main} - Branch #{number}", parent=main, end=leaf))
    return found, left_out


def _from_sources(chat: Chat, skeleton: Skeleton) -> list[Branch]:
    """The files that the chat came from; for one that came from none, the shown path."""
    sources = list(ChatSource.objects.filter(chat=chat).order_by("number"))
    first = sources[0] if sources else None
    title = chat.title or (first.title if first else "") or chat.character.name
    further = _further(skeleton, {source.end for source in sources})
    if first is None or first.end not in skeleton.parents:
        found = [Branch(title=title, source=first, end=skeleton.shown)]
    else:
        found = [Branch(title=title, source=first, end=further.get(first.end, first.end))]
    for source in sources[1:]:
        if source.end in skeleton.parents:
            said = str(source.said.get("parent", ""))
            found.append(
                Branch(
                    title=source.title,
                    parent=title if first and said == first.title else said,
                    source=source,
                    end=further.get(source.end, source.end),
                )
            )
    return found


def _further(skeleton: Skeleton, ends: set[str]) -> dict[str, str]:
    """Where chats have gone on to below the ends of their files, the shown path preferred."""
    nearest: dict[str | None, str] = {}  # the last end of a file on the way to each message
    for uid, parent in skeleton.parents.items():
        if uid in ends:
            nearest[uid] = uid
        elif parent in nearest:
            nearest[uid] = nearest[parent]
    found: dict[str, str] = {}
    for leaf in reversed(skeleton.leaves()):
        end = nearest.get(leaf, leaf)
        if end != leaf:
            found[end] = leaf
    return found


class _Covered:
    """What the files written so far hold."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._on_path: set[str] = set()

    def add(self, end: str | None) -> None:
        while end is not None and end not in self._on_path:
            self._on_path.add(end)
            end = self._skeleton.parents[end]

    def holds(self, leaf: str) -> bool:
        """Whether the end of a branch is on a path, or a swipe of something that is."""
        if leaf in self._on_path:
            return True
        roles = self._skeleton.roles
        if roles[leaf] != _ASSISTANT:
            return False
        family = self._skeleton.children[self._skeleton.parents[leaf]]
        return any(uid in self._on_path and roles[uid] == _ASSISTANT for uid in family)
