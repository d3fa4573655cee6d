"""Carrying out the macros of one turn's texts, in the order in which they are read.

A variable that one text sets is seen by the next, so a turn has one expander.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from engine.macros import Changes, MacroContext, carry_out, expand_names, has_only_names

STEPS_MOST: Final = 60_000
"""Macros that one turn carries out, in all its texts; what is beyond stays as written."""
_CHARS_PER_STEP: Final = 20


class Expander:
    """Call it with authored texts. Typed and received ones are never expanded."""

    def __init__(self, context: MacroContext) -> None:
        self._context = context
        self._local: dict[str, str | None] = {}
        self._shared: dict[str, str | None] = {}
        self.comments: list[str] = []
        self.banned: list[str] = []
        self.hidden_keys: list[str] = []
        self._steps = 0

    def __call__(self, text: str) -> str:
        context = self._context
        if _needs_names_alone(text):
            return expand_names(text, char=context.char, user=context.user)
        if self._steps >= STEPS_MOST:
            return text
        found, steps = carry_out(text, context)
        self._steps += steps + len(text) // _CHARS_PER_STEP
        self.comments += found.comments
        self.banned += found.banned
        self.hidden_keys += found.hidden_keys
        if found.variables:
            self._take(found.variables)
        return found.text

    def learn(self, *, outlets: Mapping[str, str]) -> None:
        """Know what `{{outlet::Name}}` stands for, once lore was called up."""
        if outlets:
            self._context = replace(self._context, outlets=outlets)

    def over(self, text: str, original: str) -> str:
        """The same for an instruction that may hold `{{original}}`, which it replaces."""
        before, self._context = self._context, replace(self._context, original=original)
        try:
            return self(text)
        finally:
            self._context = replace(
                before,
                variables=self._context.variables,
                global_variables=self._context.global_variables,
            )

    def _take(self, changes: Changes) -> None:
        self._local.update(changes.local)
        self._shared.update(changes.shared)
        self._context = replace(
            self._context,
            variables=_changed(self._context.variables, changes.local),
            global_variables=_changed(self._context.global_variables, changes.shared),
        )

    @property
    def changes(self) -> Changes:
        """All variables that have changed so far."""
        return Changes(dict(self._local), dict(self._shared))


@lru_cache(maxsize=8192)
def _needs_names_alone(text: str) -> bool:
    return has_only_names(text)


def _changed(variables: Mapping[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    merged = {**variables, **changes}
    return {name: value for name, value in merged.items() if value is not None}
