"""Where the activated entries go in the prompt. Pure."""

from typing import Any

import msgspec

from lore.books import Item
from lore.values import Position, Role


class Placed(msgspec.Struct, frozen=True):
    """The text of one entry. `is_first_cut` ones go first when the window is full."""

    entry: str
    text: str
    tokens: int
    order: int = 0
    is_first_cut: bool = False


class AtDepth(msgspec.Struct, frozen=True):
    """Texts that stand `depth` messages before the end, or with `is_from_start` after the start."""

    depth: int
    role: Role
    pieces: tuple[Placed, ...]
    is_from_start: bool = False


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """The places of the prompt. In each, the highest order is last and so nearest the reply.

    Of equal orders the one that was activated first is last. The four texts after `outlets` are
    places of card version 3 beside the description, the personality and the scenario.
    """

    before: tuple[Placed, ...] = ()
    after: tuple[Placed, ...] = ()
    note_top: tuple[Placed, ...] = ()
    note_bottom: tuple[Placed, ...] = ()
    examples_top: tuple[Placed, ...] = ()
    examples_bottom: tuple[Placed, ...] = ()
    at_depth: tuple[AtDepth, ...] = ()
    outlets: dict[str, tuple[Placed, ...]] = {}
    before_desc: tuple[Placed, ...] = ()
    after_desc: tuple[Placed, ...] = ()
    personality: tuple[Placed, ...] = ()
    scenario: tuple[Placed, ...] = ()


_NAMES = {
    Position.BEFORE_CHARACTER: "before",
    Position.AFTER_CHARACTER: "after",
    Position.NOTE_TOP: "note_top",
    Position.NOTE_BOTTOM: "note_bottom",
    Position.EXAMPLES_TOP: "examples_top",
    Position.EXAMPLES_BOTTOM: "examples_bottom",
}


def arrange(activated: list[tuple[Item, Placed]]) -> Slots:
    """Every activated entry with any text at its place."""
    simple: dict[str, list[Placed]] = {}
    depths: dict[tuple[int, Role, bool], list[Placed]] = {}
    outlets: dict[str, list[Placed]] = {}
    for item, piece in sorted(activated, key=lambda pair: -pair[0].entry.order):
        if not piece.text.strip():
            continue
        at = _depth_of(item)
        if at is not None:
            depths.setdefault(at, []).append(piece)
        elif item.decorators.position is None and item.entry.position is Position.OUTLET:
            if item.entry.outlet_name:
                outlets.setdefault(item.entry.outlet_name, []).append(piece)
        else:
            name = item.decorators.position or _NAMES[item.entry.position]
            simple.setdefault(name, []).append(piece)
    named: dict[str, Any] = {name: tuple(pieces[::-1]) for name, pieces in simple.items()}
    return Slots(
        **named,
        at_depth=tuple(
            AtDepth(depth, role, tuple(pieces[::-1]), from_start)
            for (depth, role, from_start), pieces in depths.items()
        ),
        outlets={name: tuple(pieces[::-1]) for name, pieces in outlets.items()},
    )


def _depth_of(item: Item) -> tuple[int, Role, bool] | None:
    """Depth, role and direction of an entry that stands among the messages."""
    said, entry = item.decorators, item.entry
    if said.position is not None:
        return None
    role = entry.role if said.role is None else said.role
    if said.depth is not None:
        return said.depth, role, False
    if said.reverse_depth is not None:
        return said.reverse_depth, role, True
    if entry.position is Position.AT_DEPTH:
        return entry.depth, role, False
    return None
