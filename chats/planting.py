"""Where each message of imported files goes in a chat's tree. Pure.

The path that is shown is that of the first file, and goes on below its end where a branch does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chats.files import FileMessage, Swipe, Tree
from chats.kept import variables_here
from core.ids import new_uid


@dataclass(frozen=True, slots=True)
class Told:
    """What a file says of a version of a message; `swipe` is it in the message's list."""

    message: FileMessage
    swipe: Swipe | None
    is_shown: bool

    @property
    def sent_at(self) -> datetime | None:
        own = None if self.is_shown or self.swipe is None else self.swipe.sent_at
        return own or self.message.sent_at

    @property
    def extra(self) -> dict[str, Any]:
        return self.message.extra if self.is_shown or self.swipe is None else self.swipe.extra


@dataclass(slots=True, kw_only=True)
class Plot:
    """For each node of a tree, by its index: its row's place. `last` is the end of what is shown.

    `states` holds what `Message.state` is where a file ends.
    """

    uids: list[str]
    positions: list[int] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    chosen: set[int] = field(default_factory=set)
    active: set[int] = field(default_factory=set)
    states: dict[int, dict[str, Any]] = field(default_factory=dict)
    last: int = 0


def plot(tree: Tree) -> Plot:
    """The plot of a tree that has at least one message in its first file."""
    placed = Plot(uids=[new_uid() for _ in tree.nodes])
    for node in tree.nodes:
        above = -1 if node.parent is None else placed.positions[node.parent]
        placed.positions.append(above + 1)
    told: dict[int, Told] = {}
    chosen: dict[int | None, int] = {}
    for file, end in zip(tree.files, tree.ends, strict=True):
        path = path_to(tree, end)
        for index, message in zip(path, file.messages, strict=True):
            chosen.setdefault(tree.nodes[index].parent, index)
            _tell(tree, told, index, message)
    placed.told = [told[index] for index in range(len(tree.nodes))]
    placed.chosen = set(chosen.values())
    at = chosen.get(None)
    while at is not None:
        placed.active.add(at)
        placed.last = at
        at = chosen.get(at)
    placed.states = _states(tree)
    return placed


def path_to(tree: Tree, end: int | None) -> list[int]:
    """The nodes from the first message to `end`."""
    path: list[int] = []
    while end is not None:
        path.append(end)
        end = tree.nodes[end].parent
    return path[::-1]


def _tell(tree: Tree, told: dict[int, Told], shown: int, message: FileMessage) -> None:
    """Note what a file says of a message and of its other versions, if no file before it did.

    The file that shows a version says more of it than one that only lists it.
    """
    own = message.swipes[message.swipe_index] if message.swipes else None
    if shown not in told or not told[shown].is_shown:
        told[shown] = Told(message, own, is_shown=True)
    places = dict(_places(tree, shown, message)) if message.swipes else {}
    for swipe in message.swipes:
        told.setdefault(places[swipe.content], Told(message, swipe, is_shown=False))


def _places(tree: Tree, shown: int, message: FileMessage) -> Iterator[tuple[str, int]]:
    """(text, node) of each version that this message may have."""
    parent = tree.nodes[shown].parent
    for place in tree.roots if parent is None else tree.nodes[parent].children:
        version = tree.nodes[place].message
        if (version.role, version.name) == (message.role, message.name):
            yield version.content, place


def _states(tree: Tree) -> dict[int, dict[str, Any]]:
    """Variables, where each file ends. A branch without any hides those of the chat it left."""
    if not any(file.variables for file in tree.files):
        return {}
    states: dict[int, dict[str, Any]] = {}
    for file, end in zip(tree.files, tree.ends, strict=True):
        if end is not None:
            states.setdefault(end, {"variables": variables_here(file.variables)})
    return states
