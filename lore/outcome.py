"""What comes of a scan: what was called up, and what became of each entry. Pure."""

import msgspec

from lore.sight import Where
from lore.slots import Slots
from lore.timed import State


class Verdict(msgspec.Struct, frozen=True):
    """What became of one entry (`book.uid`) and by which rule.

    For an activated one, `rule` is what activated it; `key` and `where` are set if a key did.
    `scan` is the pass, from 1. `tokens` is the size of its text, `title` what editors show,
    `score` how well it fits what was said if it was found by meaning.
    """

    entry: str
    activated: bool
    rule: str
    key: str = ""
    where: Where | None = None
    scan: int = 0
    tokens: int = 0
    title: str = ""
    score: float | None = None


class Activation(msgspec.Struct, frozen=True):
    """The outcome of a scan.

    `activated` are keys in the order of activation. `verdicts` has every activated entry and
    every one that was looked at and refused; `explain` adds those that nothing called for.
    `slow_keys` maps patterns that ran out of time to what happened to them. `state` is what
    lasts. `disabled_prompts` are prompts of the interface that an entry switches off.
    `is_cut_short` says that the scan ended before its time, having become too long.
    """

    activated: tuple[str, ...]
    slots: Slots
    verdicts: tuple[Verdict, ...]
    state: State
    tokens: int
    is_over_budget: bool
    slow_keys: dict[str, str]
    disabled_prompts: frozenset[str]
    is_cut_short: bool = False
