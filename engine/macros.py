"""The names in a card's text: `{{char}}`, `{{user}}` and their older spellings."""

import re
from functools import lru_cache
from typing import Final

_NAMES: Final = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(BOT|CHAR|USER)>", re.IGNORECASE)
_ORIGINAL: Final = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)


@lru_cache(maxsize=2048)
def expand(text: str, *, char: str, user: str) -> str:
    """Put the names in. Every other macro stays as it is."""
    if "{{" not in text and "<" not in text:
        return text

    def name(match: re.Match[str]) -> str:
        word = (match[1] or match[2]).lower()
        return user if word == "user" else char

    return _NAMES.sub(name, text)


def with_original(text: str, original: str) -> str:
    """A card's own instruction, with `{{original}}` standing for what it replaces."""
    return _ORIGINAL.sub(lambda _: original, text)
