"""Giving a file back as it came: what a format said beyond, or otherwise than, we would. Pure.

When an object is read, the difference between it and what we would write for it is kept: keys
that we do not know, keys that were absent, other spellings of the same thing. When it is
written again, each difference is applied as long as the result still means what the value
says now; so an edit always wins, and everything beside it stays.

    {"was": {key: value}, "absent": [key], "inside": {key: the same for an object}}
"""

from collections.abc import Callable, Collection
from typing import Any, Final

Json = dict[str, Any]
_MISSING: Final = object()


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
        if isinstance(written.get(key), dict):
            out[key] = restored(written[key], deeper)
        else:
            out.setdefault(key, deeper.get("was", {}))
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
    for _ in range(3):
        out = restored(written, kept)
        back = read_again(out)
        if back == written:
            return out
        kept = _without(kept, written, back)
    return restored(written, _foreign(kept, written, back))


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


def _without(kept: Json, written: Json, back: Json) -> Json:
    """The differences but those at keys where the meaning came out wrong."""
    right = {
        key
        for key in {*kept.get("was", {}), *kept.get("absent", ())}
        if written.get(key, _MISSING) == back.get(key, _MISSING)
    }
    inside = {
        key: _without(deeper, _object(written, key), _object(back, key))
        for key, deeper in kept.get("inside", {}).items()
    }
    return _compact(
        {key: value for key, value in kept.get("was", {}).items() if key in right},
        [key for key in kept.get("absent", ()) if key in right],
        inside,
    )


def _object(parent: Json, key: str) -> Json:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _foreign(kept: Json, written: Json, back: Json) -> Json:
    """Only the keys that mean nothing to us."""
    ours = written.keys() | back.keys()
    inside = {
        key: _foreign(deeper, _object(written, key), _object(back, key))
        for key, deeper in kept.get("inside", {}).items()
    }
    was = {key: value for key, value in kept.get("was", {}).items() if key not in ours}
    return _compact(was, [], inside)
