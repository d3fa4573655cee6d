"""Macros: `{{…}}` in the texts of cards, lore and prompts. Pure: no clock, no chance, no I/O.

What people type and what clients send is never expanded; callers hand in authored text only.
`docs/macros.md` lists every macro.
"""

import re
from functools import lru_cache
from typing import Final

from engine.macros.context import Changes, Expanded, MacroContext
from engine.macros.evaluate import Run
from engine.macros.table import TABLE

_NAMES: Final = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(BOT|CHAR|USER)>", re.IGNORECASE)
_GROUPS: Final = re.compile(r"<(?:GROUP|CHARIFNOTGROUP)>", re.IGNORECASE)
_ORIGINAL: Final = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)


def expand(text: str, context: MacroContext) -> Expanded:
    """The text with its macros carried out, and what they changed. Never raises.

    Unknown macros stay as written. So does what goes beyond the bounds in `evaluate`.
    """
    return carry_out(text, context)[0]


def carry_out(text: str, context: MacroContext) -> tuple[Expanded, int]:
    """The same, and how many macros that were."""
    if _is_plain(text):
        return Expanded(text), 0
    if _has_only_names(text):
        return Expanded(_named(text, context.char, context.user)), 0
    run = Run(context, TABLE)
    found = Expanded(
        run.whole(text),
        Changes(run.scopes["."].changes(), run.scopes["$"].changes()),
        tuple(run.hidden_keys),
        tuple(run.comments),
        tuple(run.banned),
    )
    return found, run.steps


@lru_cache(maxsize=2048)
def expand_names(text: str, *, char: str, user: str) -> str:
    """Put the two names in and leave every other macro. For hot paths without a context."""
    return text if "{{" not in text and "<" not in text else _named(text, char, user)


def with_original(text: str, original: str) -> str:
    """A card's own instruction, with `{{original}}` standing for what it replaces."""
    return _ORIGINAL.sub(lambda _: original, text)


def has_only_names(text: str) -> bool:
    """Whether `expand_names` does all that there is to do."""
    return _is_plain(text) or _has_only_names(text)


def _is_plain(text: str) -> bool:
    return "{{" not in text and "<" not in text and "\\{" not in text


def _has_only_names(text: str) -> bool:
    braces = sum(1 for match in _NAMES.finditer(text) if match[1])
    return braces == text.count("{{") and "\\{" not in text and not _GROUPS.search(text)


def _named(text: str, char: str, user: str) -> str:
    def name(match: re.Match[str]) -> str:
        return user if (match[1] or match[2]).lower() == "user" else char

    return _NAMES.sub(name, text)


__all__ = [
    "Changes",
    "Expanded",
    "MacroContext",
    "carry_out",
    "expand",
    "expand_names",
    "has_only_names",
    "with_original",
]
