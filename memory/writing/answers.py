"""Reading what models answered: tolerant of wrapping, strict about content. Pure."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from engine.cover import shortened
from memory.text import tidy

FACTS_MOST: Final = 10
FACT_CHARS_MOST: Final = 500
_THOUGHTS: Final = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_LABEL: Final = re.compile(
    r"\A\s*(?:\*\*|#+\s*)?(?:summary|record)(?:\*\*)?\s*:?\s*\n", re.IGNORECASE
)
_KNOWN: Final = re.compile(r"K?(\d{1,4})", re.IGNORECASE)


class Fact(NamedTuple):
    """One fact of an answer. `cited` are indexes of messages, `corrects` of a known fact."""

    text: str
    cited: tuple[int, ...]
    is_about_person: bool = True
    importance: int = 5
    corrects: int | None = None


class _Facts(msgspec.Struct):
    facts: list[dict[str, Any]] = []


def facts_in(answer: str, *, messages: int, known: int) -> list[Fact]:
    """The usable facts of an answer about so many messages; junk has none."""
    found: list[Fact] = []
    for raw in _listed(answer)[: 4 * FACTS_MOST]:
        fact = _fact(raw, messages, known)
        if fact is not None and all(fact.text != other.text for other in found):
            found.append(fact)
    return found[:FACTS_MOST]


def _listed(answer: str) -> list[dict[str, Any]]:
    """The objects of the first JSON in an answer that looks like what was asked for."""
    text = _THOUGHTS.sub("", answer)
    for opening, closing in (("{", "}"), ("[", "]")):
        start, end = text.find(opening), text.rfind(closing)
        if not 0 <= start < end:
            continue
        try:
            value: Any = orjson.loads(text[start : end + 1])
            value = {"facts": value} if isinstance(value, list) else value
            return msgspec.convert(value, _Facts).facts
        except (orjson.JSONDecodeError, msgspec.ValidationError):
            continue
    return []


def _fact(raw: dict[str, Any], messages: int, known: int) -> Fact | None:
    """A fact, or None where it has no text, is too long, or names no message that was read."""
    text = raw.get("text")
    if not isinstance(text, str) or not (text := tidy(text)) or len(text) > FACT_CHARS_MOST:
        return None
    cited = _cited(raw.get("from"), messages)
    if not cited:
        return None
    importance = raw.get("importance")
    return Fact(
        text,
        cited,
        raw.get("about") != "character",
        min(10, max(1, importance)) if type(importance) is int else 5,
        _corrected(raw.get("corrects"), known),
    )


def _cited(value: Any, messages: int) -> tuple[int, ...]:
    """Indexes of the messages that are named. One number that is none of them spoils all."""
    numbers = value if isinstance(value, list) else [value]
    if not all(type(number) is int and 1 <= number <= messages for number in numbers):
        return ()
    return tuple(sorted({number - 1 for number in numbers}))


def _corrected(value: Any, known: int) -> int | None:
    found = _KNOWN.fullmatch(value.strip()) if isinstance(value, str) else None
    number = int(found[1]) if found else 0
    return number - 1 if 1 <= number <= known else None


def summary_in(answer: str, tokens_most: int, count: Callable[[str], int]) -> str:
    """The text of a summary: without thoughts and labels, cut at the end of a sentence."""
    text = _LABEL.sub("", _THOUGHTS.sub("", answer)).strip()
    lines = (tidy(line) for line in text.splitlines())
    return shortened("\n".join(filter(None, lines)), tokens_most, count)
