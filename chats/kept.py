"""What an imported message said beside its text, and how that goes back into a file. Pure.

Kept as JSON, each key only where it says something: `extra`, `unknown` (keys of the message that
no field says), `swipe` (where what the list of swipes said of this version differs from what the
message did: `sent_at`, `extra`, `unknown`), `swipes` (the file listed swipes) and `undated`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from chats.files import FileMessage, Swipe
from engine.macros.variables import CHANGES_MOST, NAME_CHARS_MOST, VALUE_CHARS_MOST

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
VARIABLES_CHARS_MOST: Final = 100_000
"""All variables of a chat together: they are saved again with every reply."""
Kept = dict[str, Any]


def sensible(moment: datetime | None) -> datetime | None:
    """The time, unless it is one at which nobody wrote a chat."""
    return moment if moment is not None and _EARLIEST <= moment <= _LATEST else None


def keep(message: FileMessage, swipe: Swipe | None, *, is_shown: bool) -> Kept | None:
    """What to keep of one version of a message; `swipe` is it in the message's list."""
    if not is_shown:
        assert swipe is not None
        return _said(
            extra=_without_reasoning(swipe.extra),
            swipe=_said(unknown=swipe.unknown),
            swipes=True,
            **_undated(swipe.sent_at),
        )
    return _said(
        extra=_without_reasoning(message.extra),
        unknown=message.unknown,
        swipe=_differences(message, swipe),
        swipes=swipe is not None,
        **_undated(message.sent_at),
    )


def reasoning_of(extra: Mapping[str, Any]) -> str:
    """The model's thoughts, which have a place of their own."""
    value = extra.get("reasoning")
    return value if isinstance(value, str) else ""


def extra_of(kept: Kept | None, *, reasoning: str, model: str) -> dict[str, Any]:
    """The `extra` of a message in a file."""
    if kept is not None:
        extra = dict(kept.get("extra", {}))
    else:
        extra = {"model": model} if model else {}
    return {**extra, "reasoning": reasoning} if reasoning else extra


def date_of(kept: Kept | None, created_at: datetime) -> datetime | None:
    """When a message was sent, as its file said it."""
    undated = (kept or {}).get("undated")
    if isinstance(undated, str):
        return datetime.fromisoformat(undated)
    return None if undated else created_at


def swipe_of(kept: Kept | None, message: FileMessage) -> Swipe:
    """A version as the list of swipes says it. `message` is what the line would say of it."""
    own = (kept or {}).get("swipe", {})
    sent_at = message.sent_at
    if "sent_at" in own:
        sent_at = datetime.fromisoformat(own["sent_at"]) if own["sent_at"] else None
    return Swipe(
        content=message.content,
        sent_at=sent_at,
        extra=own.get("extra", message.extra),
        unknown=own.get("unknown", {}),
    )


def variables_here(said: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a file as macros know them, which is as texts; as many as a chat may have."""
    found: dict[str, str] = {}
    room = VARIABLES_CHARS_MOST
    for name, value in said.items():
        text = _as_text(value)
        fits = 0 < len(name) <= NAME_CHARS_MOST and len(text) <= VALUE_CHARS_MOST
        if fits and len(found) < CHANGES_MOST and len(name) + len(text) <= room:
            found[name] = text
            room -= len(name) + len(text)
    return found


def variables_back(now: Mapping[str, str] | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """Variables for a file: what they are `now`, in the form in which the file `said` them.

    None: nothing was noted since. What a chat had no room for is as it was.
    """
    if now is None:
        return dict(said)
    before = variables_here(said)
    left = {name: value for name, value in said.items() if name not in before}
    same = {name: said[name] if before.get(name) == text else text for name, text in now.items()}
    return {**left, **same}


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return orjson.dumps(value).decode() if not isinstance(value, int) else str(value).lower()


def _undated(moment: datetime | None) -> Kept:
    """{} for a time that a row can have. One that makes no sense is kept as a text."""
    if sensible(moment) is not None:
        return {}
    return {"undated": moment.isoformat() if moment else True}


def _without_reasoning(extra: dict[str, Any]) -> dict[str, Any]:
    if not reasoning_of(extra):
        return extra
    return {key: value for key, value in extra.items() if key != "reasoning"}


def _differences(message: FileMessage, swipe: Swipe | None) -> Kept | None:
    if swipe is None:
        return None
    different: Kept = {}
    if swipe.sent_at != message.sent_at:
        different["sent_at"] = swipe.sent_at.isoformat() if swipe.sent_at else None
    if swipe.extra != message.extra:
        different["extra"] = swipe.extra
    if swipe.unknown:
        different["unknown"] = swipe.unknown
    return different or None


def _said(**parts: Any) -> Kept | None:
    return {key: value for key, value in parts.items() if value} or None
