"""What lasts along a branch: variables and timed lore. Saved with each reply, read back from
the newest message of the path, so that a fork or another version goes on from its own past."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chats import tree
from chats.tree import Node
from engine.macros import Changes
from lore.timed import State as Timed


class State(msgspec.Struct, frozen=True):
    """Variables that macros of this chat set, and the effects of its lore.

    `shared` are those that cards call global. They stay in the chat as well: a card never
    reads what another chat holds.
    """

    variables: dict[str, str] = {}
    shared: dict[str, str] = {}
    timed: Timed = Timed()

    def after(self, changes: Changes, timed: Timed) -> "State":
        return State(
            _merged(self.variables, changes.local), _merged(self.shared, changes.shared), timed
        )

    def after_path(self, path: Sequence[Node]) -> dict[str, Any] | None:
        """What to save with a message at the end of `path`; None if nothing ever lasted here."""
        if self == State() and tree.states(path).count(None) == len(path):
            return None
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]  # a struct becomes a dict


def _merged(values: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    if not changes:
        return values
    merged = {**values, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def state_of(path: Sequence[Node]) -> State:
    """What holds at the end of this path."""
    states = tree.states(path)
    if states.count(None) == len(states):
        return State()
    found = next(state for state in reversed(states) if state is not None)
    return State() if not found else msgspec.convert(found, State, strict=False)
