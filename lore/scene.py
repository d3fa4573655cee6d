"""What a scan is made over, and under which rules. Values only, and the text built from them."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from core.errors import Invalid
from lore.values import DEPTH_MOST

MARK: Final = "\x01"
JOINT: Final = f"\n{MARK}"


class Strategy(IntEnum):
    """Whose entries come first where the budget is short: the character's or the global ones."""

    EVENLY = 0
    CHARACTER_FIRST = 1
    GLOBAL_FIRST = 2


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a scan. Depths in messages, `budget_tokens` absolute.

    `budget_percent` and `budget_cap` (0: none) give it for a model's window: see `for_window`.

    0 means no limit for `max_recursion_steps` and `min_activations_depth_max`, and off for
    `min_activations`.
    """

    scan_depth: int = 2
    include_names: bool = True
    recursive: bool = True
    max_recursion_steps: int = 0
    min_activations: int = 0
    min_activations_depth_max: int = 0
    case_sensitive: bool = False
    match_whole_words: bool = True
    use_group_scoring: bool = False
    insertion_strategy: Strategy = Strategy.CHARACTER_FIRST
    budget_tokens: int = 2048
    budget_percent: int = 25
    budget_cap: int = 0

    def for_window(self, tokens: int) -> "Settings":
        """The same with the budget that a prompt of so many tokens leaves for lore."""
        budget = max(1, tokens * self.budget_percent // 100)
        if self.budget_cap:
            budget = min(budget, self.budget_cap)
        return replace(self, budget_tokens=budget)


RANGES: Final = {
    "scan_depth": (0, DEPTH_MOST),
    "max_recursion_steps": (0, 1_000),
    "min_activations": (0, 1_000),
    "min_activations_depth_max": (0, DEPTH_MOST),
    "budget_tokens": (0, 10_000_000),
    "budget_percent": (1, 100),
    "budget_cap": (0, 10_000_000),
}
"""The least and the most that a setting may be."""


def settings_with(base: Settings, given: Mapping[str, Any]) -> Settings:
    """`base` with what is given in its place. Raises Invalid, naming the setting."""
    for name in given:
        if name not in Settings.__struct_fields__:
            raise Invalid(f"There is no setting {name}.", param=name)
    try:
        settings = msgspec.convert({**msgspec.to_builtins(base), **given}, Settings)
    except msgspec.ValidationError as error:
        raise Invalid(f"These settings make no sense: {error}.", param="settings") from error
    for name, (least, most) in RANGES.items():
        if not least <= getattr(settings, name) <= most:
            raise Invalid(f"`{name}` is a number from {least} to {most:,}.", param=name)
    return settings


class Said(msgspec.Struct, frozen=True, gc=False):
    """A message: who said it, what, and whether it was the character."""

    name: str
    text: str
    is_reply: bool = False
    uid: str = ""


def _as_it_is(text: str) -> str:
    return text


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside the books that a scan looks at.

    `messages` are oldest first and may be only the end of a chat; `length` and `replies` count
    all of its messages and the character's among them. `notes` are texts that every entry sees,
    such as an author's note. `char_names` are what entries may call the character by, `triggers`
    what the reply that is asked for counts as. `forced` entries (keys `book.uid`) were found by
    meaning, each with how well it fits, up to 1. `expand` replaces macros; what it takes out of a
    text for recursion alone to see it adds to `hidden`. `seed` decides everything that is left to
    chance.
    """

    messages: tuple[Said, ...] = ()
    length: int = 0
    replies: int = 0
    greeting: int | None = None
    char_names: frozenset[str] = frozenset()
    char_tags: frozenset[str] = frozenset()
    user_icon: str = ""
    triggers: frozenset[str] = frozenset({"normal"})
    sources: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    forced: Mapping[str, float] = {}
    expand: Callable[[str], str] = _as_it_is
    hidden: Sequence[str] = ()
    seed: str = ""


SOURCES: Final = (
    "persona_description",
    "character_description",
    "character_personality",
    "character_depth_prompt",
    "scenario",
    "creator_notes",
)
"""Names in `Scene.sources`; an entry sees one when its `match_…` of that name is set."""


class Window:
    """The newest messages as one text, newest first, and where each begins and ends."""

    def __init__(self, messages: tuple[Said, ...], depth: int, *, with_names: bool) -> None:
        newest = messages[::-1][: max(0, depth)]
        parts = [
            (f"{said.name}: {said.text}" if with_names and said.name else said.text).strip()
            for said in newest
        ]
        self.text = MARK + JOINT.join(parts) if parts else ""
        self.messages = newest
        self.starts: list[int] = []
        self.ends: list[int] = []
        at = len(MARK)
        for part in parts:
            self.starts.append(at)
            self.ends.append(at + len(part))
            at += len(part) + len(JOINT)

    def end(self, depth: int) -> int:
        """Where the text of the newest `depth` messages ends."""
        return self.ends[min(depth, len(self.ends)) - 1] if self.ends and depth > 0 else 0
