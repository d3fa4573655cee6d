"""The outcome of a dry run as the wire shows it."""

from typing import Any

from lore.books import CompiledBook
from lore.dryrun import Told, told, uid_of
from lore.outcome import Activation
from lore.slots import AtDepth, Placed, Slots


def outcome(found: Activation, book: CompiledBook) -> dict[str, Any]:
    """In the shape of `DryRunResultSerializer`."""
    return {
        "activated": [uid_of(key) for key in found.activated],
        "slots": _slots(found.slots),
        "verdicts": [_verdict(one) for one in told(found, book)],
        "tokens": found.tokens,
        "is_over_budget": found.is_over_budget,
        "is_cut_short": found.is_cut_short,
        "slow_keys": found.slow_keys,
    }


def _verdict(one: Told) -> dict[str, Any]:
    verdict = one.verdict
    where = verdict.where
    return {
        "uid": one.entry.uid,
        "title": one.title,
        "activated": verdict.activated,
        "rule": verdict.rule,
        "reason": one.reason,
        "key": verdict.key,
        "where": {"kind": where.source, "message": where.message} if where else None,
        "scan": verdict.scan,
        "tokens": verdict.tokens,
    }


def _slots(slots: Slots) -> list[dict[str, Any]]:
    simple = [name for name in Slots.__struct_fields__ if name not in ("at_depth", "outlets")]
    out = [_slot(name, pieces) for name in simple if (pieces := getattr(slots, name))]
    out += [_slot("at_depth", at.pieces, at) for at in slots.at_depth]
    out += [_slot(f"outlet:{name}", pieces) for name, pieces in slots.outlets.items()]
    return out


def _slot(name: str, pieces: tuple[Placed, ...], at: AtDepth | None = None) -> dict[str, Any]:
    return {
        "slot": name,
        "depth": at.depth if at else None,
        "role": at.role.name.lower() if at else None,
        "from_start": at.is_from_start if at else False,
        "entries": [
            {"uid": uid_of(piece.entry), "text": piece.text, "tokens": piece.tokens}
            for piece in pieces
        ],
    }
