"""The text of a memory: tidied before it is kept, and compared so that nothing is kept twice."""

import unicodedata
from typing import Final

from core.text import clean

_APOSTROPHES: Final = str.maketrans("", "", "'’ʼ`´")
_BLANKED: Final[dict[int, str | None]] = {
    **{code: " " for code in range(128) if not chr(code).isalnum()},
    **dict.fromkeys(map(ord, "'`")),
}
_KEPT: Final = frozenset("LNM")  # letters, digits and the marks that belong to them
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def tidy(text: str) -> str:
    """One line without control characters, or characters that turn the direction of a text."""
    return " ".join("".join(char for char in clean(text) if _is_kept(char)).split())


def _is_kept(char: str) -> bool:
    if char in _DIRECTIONS:
        return False
    return char.isspace() or unicodedata.category(char) != "Cc"


def normal(text: str) -> str:
    """A form for comparing: case, punctuation and white space folded.

    The order of the words stays: "Ana trusts Bo" does not say what "Bo trusts Ana" says.
    """
    if text.isascii():
        folded = text.lower()
        return " ".join(folded.translate(_BLANKED).split()) or " ".join(folded.split())
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    words = "".join(char if unicodedata.category(char)[0] in _KEPT else " " for char in folded)
    return " ".join(words.split()) or " ".join(folded.split())
