"""Reading a question: what to look for, whom it names, which dates, what an answer looks like."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from memory.recall import analysis, dates, kin
from memory.recall.lexicon import ASKING, STOP
from memory.recall.words import term_of, tokens, without_ending

READ_MOST: Final = 4_000
CONCEPTS_MOST: Final = 48

# What a word that stands for another counts, beside the word itself.
KIN: Final = 0.5

_WANTED: Final = (
    (re.compile(r"\bwhen\b|\bhow long\b|\bwhat (?:date|day|month|year|time)\b"), analysis.TIMED),
    (re.compile(r"\bhow (?:many|much|old|often)\b|\bnumber of\b"), analysis.COUNTED),
    (re.compile(r"\bwhere\b|\b(?:which|what) (?:\w+ )?(?:country|city|state|town|place)"),
     analysis.PLACED),
    (re.compile(r"\bwho(?:m|se)?\b|\bnames?\b|\bcalled\b"), analysis.NAMED),
    (re.compile(r"\bwhy\b|\breason|\bmotivat|\binspired?\b"), analysis.REASONED),
    (re.compile(r"\bfe(?:el|elt|eling|elings)\b|\breact|\bemotion"), analysis.FELT),
    (re.compile(r"\b(?:book|movie|film|song|title|show|game|quote|slogan)s?\b"), analysis.QUOTED),
)  # fmt: skip
_FIRST: Final = frozenset({"i", "me", "my", "mine", "myself", "we", "our", "us"})
# Asks for what the assistant said: "what did you suggest", "the plan you gave me", "your advice";
# not "can you tell me".
_REPLY: Final = re.compile(
    r"\b(?:did|have|had) you (?:\w+ )?(?:advi[sc]e|answer|describe|explain|give|list|mention|offer|"
    r"outline|point|propose|provide|recommend|say|suggest|tell|warn)"
    r"|\byou(?:'ve| have| had)? (?:\w+ )?(?:advised|answered|described|explained|gave|given|listed|"
    r"mentioned|offered|outlined|pointed|proposed|provided|recommended|said|suggested|told|warned)\b"
    r"|\byour (?:\w+ )?(?:advice|answer|explanation|recommendation|reply|response|suggestion)"
)
# Somebody who is spoken to: "Ada, where is …", "… is it, Ada?"
_ADDRESSED: Final = re.compile(
    r"^(?:(?:hey|hi|hello|ok|so)\W+)?(\w+)[,!]|,\s*(\w+)\W*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Concept:
    """A word of the question with all terms that may stand for it, each with its weight."""

    forms: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read. `people` are the speakers that it names, as their words."""

    concepts: tuple[Concept, ...]
    people: frozenset[str]
    dates: tuple[dates.Named, ...]
    wanted: int
    is_first_person: bool
    is_about_reply: bool


def read(
    text: str, names: Collection[str], *, asker: str = "", now: float | None = None
) -> Question:
    """`names` holds the words of the speakers' names, in lower case.

    Who asks in the first person asks about the speaker that `asker` names. `now` is for
    questions about yesterday.
    """
    text = text[:READ_MOST]
    words = [without_ending(token) for token in tokens(text)]
    said = set(words)
    is_first_person = not said.isdisjoint(_FIRST)
    people = _named(text, said & set(names))
    if is_first_person and not people:
        people = set(tokens(asker)) & set(names)
    lowered = text.lower()
    return Question(
        concepts=_concepts([word for word in words if word not in names]),
        people=frozenset(people),
        dates=tuple(dates.named_in(text, now)),
        wanted=sum({mark for pattern, mark in _WANTED if pattern.search(lowered)}),
        is_first_person=is_first_person,
        is_about_reply=bool(_REPLY.search(lowered)),
    )


def _named(text: str, names: set[str]) -> set[str]:
    """Those of the names by which a speaker is meant: not `Ada, where is my hat?`, not `will`."""
    addressed = {word.lower() for pair in _ADDRESSED.findall(text) for word in pair}
    meant = {name for name in names if name not in STOP or name.capitalize() in text[1:]}
    return meant - addressed


def _concepts(words: list[str]) -> tuple[Concept, ...]:
    """One for each term, in order; words of the asking only where there is nothing else."""
    told = _distinct([word for word in words if word not in ASKING]) or _distinct(words)
    return tuple(Concept(_forms(term)) for term in told[:CONCEPTS_MOST])


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(term for word in words for term in term_of(word)))


def _forms(term: str) -> tuple[tuple[str, float], ...]:
    others = kin.members().get(term, frozenset()) | kin.alike().get(term, frozenset())
    return ((term, 1.0), *((other, KIN) for other in sorted(others - {term})))
