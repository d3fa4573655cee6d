"""Short ways to write books and to scan them, for the tests of activation."""

from typing import Any

from lore.activation import activate
from lore.books import Bound, Scope, compile_book
from lore.outcome import Activation, Verdict
from lore.patterns import Clock
from lore.scene import Said, Scene, Settings
from lore.slots import Placed, Slots
from lore.timed import State
from lore.values import Book, Entry

PLAIN: dict[str, Any] = {
    "include_names": False,
    "recursive": False,
    "match_whole_words": False,
    "budget_tokens": 10_000,
}


def words(text: str) -> int:
    return len(text.split())


def entry(uid: int, *keys: str, **fields: Any) -> Entry:
    return Entry(uid=uid, keys=keys, **{"content": f"text {uid}", **fields})


def bind(*entries: Entry, uid: str = "w", scope: Scope = "global", **header: Any) -> Bound:
    return Bound(compile_book(Book(entries=entries, **header), uid), scope)


def scene(*texts: str, **fields: Any) -> Scene:
    """A scene of these messages, oldest first, by Ann and Rex in turn; Rex is the character."""
    names = ("Ann", "Rex")
    said = tuple(Said(names[i % 2], text, i % 2 == 1, f"m{i}") for i, text in enumerate(texts))
    common = {"length": len(said), "replies": len(said) // 2, "char_names": frozenset({"Rex"})}
    return Scene(messages=said, **{**common, **fields})


def scan(
    *bound: Bound,
    at: Scene,
    state: State | None = None,
    clock: Clock | None = None,
    explain: bool = False,
    **settings: Any,
) -> Activation:
    return activate(
        list(bound),
        Settings(**{**PLAIN, **settings}),
        at,
        state or State(),
        count=words,
        clock=clock,
        explain=explain,
    )


def found(*entries: Entry, at: Scene, **settings: Any) -> list[int]:
    """Numbers of the entries that one book activates."""
    return numbers(scan(bind(*entries), at=at, **settings))


def numbers(activation: Activation) -> list[int]:
    return [int(key.split(".")[1]) for key in activation.activated]


def verdict(activation: Activation, uid: int) -> Verdict:
    return next(v for v in activation.verdicts if v.entry == f"w.{uid}")


def rules(activation: Activation) -> dict[int, str]:
    return {int(v.entry.split(".")[1]): v.rule for v in activation.verdicts}


def ids(pieces: tuple[Placed, ...]) -> list[int]:
    return [int(piece.entry.split(".")[1]) for piece in pieces]


def placed(slots: Slots, name: str) -> list[int]:
    return ids(getattr(slots, name))
