"""Giving a file back as it came: what a format said beyond, or otherwise than, we would. Pure.

When an object is read, the difference between it and what we would write for it is kept: keys
that we do not know, keys that were absent, other spellings of the same thing. When it is
written again, each difference is applied as long as the result still means what the value
says now; so an edit always wins, and everything beside it stays.

    {"was": {key: value}, "absent": [key], "inside": {key: the same for an object}}
"""

from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

Json = dict[str, Any]
_MISSING: Final = object()


class Change(NamedTuple):
    """One difference: the path to a key, and its value or that it was absent."""

    path: tuple[str, ...]
    value: Any
    is_absent: bool


def difference(written: Json, was: Json) -> Json:
    """What turns `written` into `was`; empty if they are equal."""
    changed: Json = {}
    inside: Json = {}
    for key, value in was.items():
        ours = written.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(ours, dict):
            inside[key] = difference(ours, value)
        elif not _same(ours, value):
            changed[key] = value
    return _compact(changed, [key for key in written if key not in was], inside)


def restored(written: Json, kept: Json) -> Json:
    """`written` with the kept differences applied."""
    absent = set(kept.get("absent", ()))
    out = {key: value for key, value in written.items() if key not in absent}
    out.update(kept.get("was", {}))
    for key, deeper in kept.get("inside", {}).items():
        ours = written.get(key)
        out[key] = restored(ours if isinstance(ours, dict) else {}, deeper)
    return out


def mended(raw: Json, written: Json, paths: Collection[tuple[str, ...]]) -> Json:
    """`raw` with our value, or none, at the paths of the fields that were wrong in it."""
    return _mended(raw, written, paths, ()) if paths else raw


def given_back(written: Json, kept: Json, read_again: Callable[[Json], Json]) -> Json:
    """`written` as near to the original as it can be while it says the same.

    `read_again` reads such an object and gives what we would write for what it says.
    """

    if not kept:
        return written
    out = restored(written, kept)
    if read_again(out) == written:
        return out
    meant = read_again(written)

    def fits(changes: list[Change]) -> bool:
        return read_again(restored(written, _nested(changes))) == meant

    return restored(written, _nested(_fitting(changes_in(kept), [], fits)))


def changes_in(kept: Json, path: tuple[str, ...] = ()) -> list[Change]:
    """The kept differences one by one."""
    found = [Change((*path, key), value, False) for key, value in kept.get("was", {}).items()]
    found += [Change((*path, key), None, True) for key in kept.get("absent", ())]
    for key, deeper in kept.get("inside", {}).items():
        found += changes_in(deeper, (*path, key))
    return found


def _nested(changes: list[Change]) -> Json:
    root: Json = {}
    for change in changes:
        place = root
        for step in change.path[:-1]:
            place = place.setdefault("inside", {}).setdefault(step, {})
        if change.is_absent:
            place.setdefault("absent", []).append(change.path[-1])
        else:
            place.setdefault("was", {})[change.path[-1]] = change.value
    return root


def _fitting(
    changes: list[Change], sure: list[Change], fits: Callable[[list[Change]], bool]
) -> list[Change]:
    """`sure` and as many of the changes as fit, found by halving."""
    if fits(sure + changes):
        return sure + changes
    if len(changes) <= 1:
        return sure
    middle = len(changes) // 2
    sure = _fitting(changes[:middle], sure, fits)
    return _fitting(changes[middle:], sure, fits)


def _same(ours: Any, value: Any) -> bool:
    return bool(ours == value) and isinstance(ours, bool) == isinstance(value, bool)


def _compact(was: Json, absent: list[str], inside: Json) -> Json:
    deeper = {key: value for key, value in inside.items() if value}
    parts = {"was": was, "absent": absent, "inside": deeper}
    return {name: part for name, part in parts.items() if part}


def _mended(
    raw: Json, written: Json, paths: Collection[tuple[str, ...]], path: tuple[str, ...]
) -> Json:
    out: Json = {}
    for key, value in raw.items():
        here = (*path, key)
        ours = written.get(key, _MISSING)
        if here in paths:
            if ours is not _MISSING:
                out[key] = ours
        elif isinstance(value, dict):
            out[key] = _mended(value, ours if isinstance(ours, dict) else {}, paths, here)
        else:
            out[key] = value
    return out
