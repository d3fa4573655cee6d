"""Text to terms: stems for words, character pairs for scripts that are written without blanks."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from memory.recall.lexicon import NUMBERS, STOP
from memory.recall.stemming import stem

LONGEST_WORD: Final = 40
# Languages with many endings that we have no rules for: the first letters tell enough.
_KEPT_LETTERS: Final = 5

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, as they stand; runs of unspaced scripts are one each."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _TOKEN.findall(text.lower())


def terms(text: str) -> list[str]:
    """The terms of a text, in order, with repeats; words that say nothing are left out."""
    found: list[str] = []
    for token in tokens(text):
        found += term_of(token)
    return found


def term_of(token: str) -> tuple[str, ...]:
    """What one token is looked up by: mostly one stem, nothing for a stop word."""
    if not token.isascii() and _IS_UNSPACED.match(token):
        return _pairs(token)
    return _word(token[:LONGEST_WORD])


@lru_cache(maxsize=65536)
def _word(token: str) -> tuple[str, ...]:
    word = without_ending(token)
    if word in STOP or (len(word) == 1 and not word.isdigit()):
        return ()
    return (_base(word),)


def without_ending(token: str) -> str:
    """`caroline's` -> `caroline`, `don't` -> `do`."""
    if "'" not in token and "’" not in token:
        return token
    head, _, tail = token.replace("’", "'").partition("'")
    return head[:-1] if tail == "t" and head.endswith("n") and len(head) > 1 else head or tail


def _base(word: str) -> str:
    if word.isascii():
        return NUMBERS.get(word) or stem(word)
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return stem(plain) if plain.isascii() else plain[:_KEPT_LETTERS]


def _pairs(run: str) -> tuple[str, ...]:
    if len(run) == 1:
        return (run,)
    return tuple(run[at : at + 2] for at in range(len(run) - 1))
