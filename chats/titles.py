"""Titles of chats, and names of the files they become. Pure."""

import re
from typing import Final

FILENAME_CHARS_MOST: Final = 100
# What SillyTavern calls a chat that nobody named: "Luna - 2024-7-12@01h31m37s".
_UNNAMED: Final = re.compile(r".* - \d{4}-\d{1,2}-\d{1,2} ?@\d{2}h ?\d{2}m ?\d{2}s( ?\d{1,3}ms)?")
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')


def shown_title(title: str) -> str:
    """The title, unless a program made it up from a name and a time."""
    return "" if _UNNAMED.fullmatch(title) else title


def filename(title: str) -> str:
    """A name that every file system takes, without an ending."""
    return _UNSAFE.sub("-", title)[:FILENAME_CHARS_MOST].strip(". ") or "chat"
