"""Branches of a chat, which SillyTavern keeps as whole copies, folded into one tree. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from chats.files.values import ChatFile, FileMessage

_Key = tuple[int | None, str, str, str]


class Node(msgspec.Struct, kw_only=True):
    """One message or one version of it, without swipes. `parent` and `children` are indices."""

    message: FileMessage
    parent: int | None = None
    children: list[int] = []


class Tree(msgspec.Struct, kw_only=True):
    """Chats that share a beginning.

    `files` are the chats, the one that the others branched off first; `ends` gives the node of
    each one's newest message (None for an empty chat). `roots` are the versions of the first
    message. A parent comes before its children in `nodes`.
    """

    files: list[ChatFile] = []
    nodes: list[Node] = []
    roots: list[int] = []
    ends: list[int | None] = []


def merge_branches(files: Sequence[ChatFile]) -> list[Tree]:
    """The chats of one character as trees: one for each chat that is nobody's branch.

    Branches find their chat by its title. Messages are the same where role, name and text are;
    the swipes of a message become siblings. No version of a message is lost.
    """
    groups: dict[int | str, list[int]] = {}
    by_title = {chat.title: index for index, chat in reversed(list(enumerate(files))) if chat.title}
    order = sorted(range(len(files)), key=lambda index: _lineage(files, by_title, index)[1])
    for index in order:
        groups.setdefault(_lineage(files, by_title, index)[0], []).append(index)
    first_come = sorted(groups.values(), key=min)
    return [_tree([files[index] for index in group]) for group in first_come]


def _lineage(
    files: Sequence[ChatFile], by_title: dict[str, int], index: int
) -> tuple[int | str, int]:
    """What a chat goes back to (a chat, or the title of one that is missing), and how far."""
    seen = {index}
    while (parent := files[index].parent) and parent != files[index].title:
        above = by_title.get(parent)
        if above is None:
            return parent, len(seen)
        if above in seen:
            return _least_of_circle(files, by_title, above), len(seen)
        seen.add(above)
        index = above
    return index, len(seen) - 1


def _least_of_circle(files: Sequence[ChatFile], by_title: dict[str, int], index: int) -> int:
    """The first of chats that call one another their parents, whichever one is met first."""
    circle = {index}
    while (above := by_title[files[index].parent]) not in circle:
        circle.add(above)
        index = above
    return min(circle)


def _tree(files: list[ChatFile]) -> Tree:
    tree = Tree(files=files)
    known: dict[_Key, int] = {}
    for chat in files:
        at: int | None = None
        for message in chat.messages:
            at = _add(tree, known, at, message)
        tree.ends.append(at)
    return tree


def _add(tree: Tree, known: dict[_Key, int], parent: int | None, message: FileMessage) -> int:
    """Adds what is new of a message below `parent`; the node of the version that is shown."""
    shown = 0
    for version, is_shown in versions(message):
        key = (parent, version.role, version.name, version.content)
        place = known.get(key)
        if place is None:
            place = known[key] = len(tree.nodes)
            tree.nodes.append(Node(message=version, parent=parent))
            siblings = tree.roots if parent is None else tree.nodes[parent].children
            siblings.append(place)
        if is_shown:
            shown = place
    return shown


def versions(message: FileMessage) -> Iterator[tuple[FileMessage, bool]]:
    """A message for each of its swipes, in order, and whether it is the one that is shown."""
    if not message.swipes:
        yield message, True
    for index, swipe in enumerate(message.swipes):
        is_shown = index == message.swipe_index
        own: dict[str, Any] = {"swipes": (), "swipe_index": 0}
        if not is_shown:
            own |= {
                "content": swipe.content,
                "sent_at": swipe.sent_at or message.sent_at,
                "extra": swipe.extra,
                "unknown": swipe.unknown,
            }
        yield msgspec.structs.replace(message, **own), is_shown
