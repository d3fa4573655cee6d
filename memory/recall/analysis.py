"""One turn, read once: its pieces, their terms and what they look like."""

import re
from functools import lru_cache
from typing import Final

from memory.recall.lexicon import MONTHS, NUMBERS
from memory.recall.passages import cut, sentences
from memory.recall.values import Analysed, Turn
from memory.recall.words import terms

# What lies behind this many characters of a message is shown and stored, but not looked through.
READ_MOST: Final = 200_000

# Marks of a piece.
TIMED: Final = 1  # says when: a weekday, a month, "yesterday", "two weeks ago"
COUNTED: Final = 2  # holds a number, in digits or as a word
NAMED: Final = 4  # holds a name: a capital inside a sentence
REASONED: Final = 8  # says why
ASKS: Final = 16  # holds a question
ONLY_ASKS: Final = 32  # is little but a question
QUOTED: Final = 64  # holds a title or words in quotes
FELT: Final = 128  # says how somebody feels
PLACED: Final = 256  # says where

_TIMES: Final = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|since|recently|soon|later|weekends?|"
    r"weeks?|months?|years?|days?|hours?|minutes?|morning|afternoon|evening|night|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|spring|summer|autumn|winter|"
    rf"(?:{'|'.join(name for name in MONTHS if name != 'may')})|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    rf"\d|\b(?:{'|'.join(word for word in NUMBERS if word != 'one')}|once|twice|couple|several)\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?<=[a-z,;:] )(?!I\b|I['’])[A-Z][\w'’-]+")
_PLACE: Final = re.compile(r"\b(?:in|to|at|from|near|around|visit|visited|visiting) [A-Z]\w+")
_REASON: Final = re.compile(
    r"\b(?:because|cause|cuz|since|reason|inspired|decided|motivat\w+|helps?)\b", re.IGNORECASE
)
_REASONING: Final = re.compile(
    r"\b(?:so that|due to|in order to|that['’]s why|thanks to|wanted to)\b", re.IGNORECASE
)
_CLOCK: Final = re.compile(r"\b\d{1,2}:\d\d\b")
_QUOTE: Final = re.compile(r"[\"“«][^\"”»]{2,80}[\"”»]|\*[^*\n]{2,80}\*")
_FEELING: Final = re.compile(
    r"\b(?:feel\w*|felt|happy|sad|proud|excited|scared|nervous|grateful|thankful|thrilled|"
    r"amazing|awesome|love[ds]?|loving|upset|anxious|stress\w*|relie\w+|overwhelm\w*|peace\w*|"
    r"inspir\w+|blown|emotional|joy\w*|afraid|angry|disappoint\w+|frustrat\w+|glad|hope\w*)\b",
    re.IGNORECASE,
)
# A word is looked at once for all texts that it is in; only what takes several is searched for.
_OF_WORDS: Final = ((TIMED, _TIMES), (COUNTED, _NUMBER), (REASONED, _REASON), (FELT, _FEELING))
_OF_TEXTS: Final = (
    (TIMED, _CLOCK),
    (NAMED, _NAME),
    (PLACED, _PLACE),
    (REASONED, _REASONING),
    (QUOTED, _QUOTE),
)
_WORDS: Final = re.compile(r"[\w'’]+")


def analyse(turn: Turn) -> Analysed:
    """What the index needs to know of a turn; depends on nothing but the turn."""
    spans = cut(turn.text[:READ_MOST])
    texts = [turn.text[start:end] for start, end in spans]
    return Analysed(
        turn=turn,
        spans=spans,
        terms=tuple(" ".join(terms(text)) for text in texts),
        marks=tuple(marks_of(text) for text in texts),
    )


def marks_of(text: str) -> int:
    """The marks of a piece, as one number."""
    marks = _asking(text)
    for mark, pattern in _OF_TEXTS:
        if pattern.search(text):
            marks |= mark
    for word in set(_WORDS.findall(text)):
        marks |= _marks_of_word(word)
    return marks


@lru_cache(maxsize=65536)
def _marks_of_word(word: str) -> int:
    return sum(mark for mark, pattern in _OF_WORDS if pattern.search(word))


def _asking(text: str) -> int:
    if "?" not in text and "？" not in text:
        return 0
    spoken = [text[start:end].strip() for start, end in sentences(text)]
    asked = sum(len(part) for part in spoken if part.rstrip("\"'”’)*_ ").endswith(("?", "？")))
    return ASKS | (ONLY_ASKS if asked * 2 > len(text) else 0)
