"""Which memories count now: worked out from what was decided, from sources and from successors."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

_DROPPED: Final = frozenset({"retired", "rejected"})


class Standing(StrEnum):
    """What a memory is worth on the branches that are shown now."""

    ACTIVE = "active"
    PROPOSED = "proposed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    RETIRED = "retired"


class Row(NamedTuple):
    """What decides about a memory. `supported`: a source is live and not stale."""

    uid: str
    status: str
    supersedes: str | None = None
    sourced: bool = False
    supported: bool = False


def standings(rows: Iterable[Row]) -> dict[str, Standing]:
    """The standing of each memory of one notebook, by uid.

    A memory is superseded while anything that descends from it stands, also through one that
    does not: who corrects a correction has decided about what that corrected. Whoever dropped a
    memory dropped it on every branch; a source binds it to its own.
    """
    known = {row.uid: row for row in rows}
    superseded = _superseded(known)
    return {uid: _standing(row, uid in superseded) for uid, row in known.items()}


def _standing(row: Row, is_superseded: bool) -> Standing:
    if row.status in _DROPPED:
        return Standing.RETIRED
    if is_superseded:
        return Standing.SUPERSEDED
    if not _has_ground(row):
        return Standing.WITHDRAWN
    return Standing.PROPOSED if row.status == "proposed" else Standing.ACTIVE


def _has_ground(row: Row) -> bool:
    return row.supported or not row.sourced


def _superseded(rows: dict[str, Row]) -> set[str]:
    """All from which one descends that stands."""
    found: set[str] = set()
    for row in rows.values():
        if row.status != "active" or not _has_ground(row):
            continue
        above = row.supersedes
        while above in rows and above not in found:
            found.add(above)
            above = rows[above].supersedes
    return found
