"""Chance that repeats: the same chat, message and text give the same draw, always."""

import re
from hashlib import blake2b
from typing import Final

from engine.macros.evaluate import Call, Piece, Run, joined, split, trimmed

_DICE: Final = re.compile(
    r"(?P<count>[0-9]{1,3})?\s*d\s*(?P<sides>[0-9]{1,9})\s*(?P<plus>[+-]\s*[0-9]{1,9})?",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(r"[0-9]{1,9}")
_COUNT_MOST: Final = 100


def random(run: Run, call: Call) -> str | None:
    """One item, another one for another message or another try at it."""
    context = run.context
    return _drawn(run, call, ("random", context.message, context.reroll))


def pick(run: Run, call: Call) -> str | None:
    """One item, the same for the whole chat."""
    return _drawn(run, call, ("pick", run.context.pick_seed))


def roll(run: Run, call: Call) -> str | None:
    """`6`, `d6`, `2d6+3`. None if that is no dice, or too many of them."""
    text = call.text()
    if _PLAIN.fullmatch(text):
        text = f"1d{text}"
    match = _DICE.fullmatch(text)
    if match is None:
        return None
    count, sides = int(match["count"] or 1), int(match["sides"])
    if not 1 <= count <= _COUNT_MOST or sides < 1:
        return None
    key = ("roll", run.context.message, run.context.reroll)
    total = sum(1 + _below(run, call, (*key, die), sides) for die in range(count))
    return str(total + int((match["plus"] or "0").replace(" ", "")))


def _drawn(run: Run, call: Call, key: tuple[str | int, ...]) -> str | None:
    items = _items(call)
    return items[_below(run, call, key, len(items))] if items else None


def _items(call: Call) -> list[str]:
    """The items of a list. With `::` between them they keep their space, with `,` they do not."""
    if len(call.args) != 1:
        return [joined(item) for item in call.args]
    kept = [(_hidden(text) if written else text, written) for text, written in call.args[0]]
    items = split(kept, ",")
    if len(items) > 1:
        return [_shown(joined(trimmed(item))) for item in items]
    # No comma was written, so the list may have come whole from an inner macro.
    whole: list[Piece] = [(_hidden(joined(kept)), True)]
    return [_shown(joined(item)).strip() for item in split(whole, ",")]


def _hidden(text: str) -> str:
    """Escaped commas out of the way of splitting."""
    return text.replace("\\,", "\0")


def _shown(text: str) -> str:
    return text.replace("\0", ",")


def _below(run: Run, call: Call, key: tuple[str | int, ...], limit: int) -> int:
    """A number from 0 on, below `limit`. The text and the macro's place in it take part."""
    seed = repr((*key, run.context.seed, run.digest(), call.start)).encode("utf-8")
    return int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") % limit
