"""A summary without a model: the most telling sentences, in order, with who said them. Pure."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from engine.cover import shortened
from memory.text import tidy
from memory.writing.said import Said, without_middle

_END: Final = re.compile(r"(?<=[.!?…])[\"”»’)\]*]*\s+|(?<=[。！？])|\n+")
_WORD: Final = re.compile(r"[^\W\d_]{2,}|\d+")
_WIDE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PICKED_CHARS: Final = 220
_SENTENCES_MOST: Final = 400


class _Sentence(NamedTuple):
    place: int
    speaker: str
    text: str
    words: frozenset[str]


def pick(said: Sequence[Said], tokens_most: int, count: Callable[[str], int]) -> str:
    """What the messages say, in their own words, within so many tokens."""
    sentences = [
        _Sentence(place, message.speaker, text, _words(text))
        for place, (message, text) in enumerate(_split(said))
    ]
    chosen: list[_Sentence] = []
    size = 0
    for sentence in _ranked(sentences):
        tokens = count(_line(sentence)) + 1
        if size + tokens <= tokens_most and not _is_told(sentence, chosen):
            chosen.append(sentence)
            size += tokens
    return _written(sorted(chosen), tokens_most, count)


def pick_of(texts: Sequence[str], tokens_most: int, count: Callable[[str], int]) -> str:
    """The same for summaries: some of each, so that every stretch keeps its place."""
    each = max(1, tokens_most // max(1, len(texts)))
    parts = [shortened(text, each, count) for text in texts]
    return shortened("\n".join(filter(None, parts)), tokens_most, count)


def _split(said: Sequence[Said]) -> list[tuple[Said, str]]:
    found = [
        (message, without_middle(text, _PICKED_CHARS))
        for message in said
        for piece in _END.split(message.text)
        if (text := tidy(piece))
    ]
    return found[:_SENTENCES_MOST]


def _words(text: str) -> frozenset[str]:
    wide = _WIDE.findall(text)
    return frozenset([word.casefold() for word in _WORD.findall(text)] + wide)


def _ranked(sentences: list[_Sentence]) -> list[_Sentence]:
    """The most telling first: rare words, names and numbers count, questions and echoes do not."""
    often = Counter(word for sentence in sentences for word in sentence.words)

    def worth(sentence: _Sentence) -> float:
        rare = sum(math.log(1 + len(sentences) / often[word]) for word in sentence.words)
        value = rare / math.sqrt(4 + len(sentence.words))
        inside = sentence.text[1:]
        value += 0.5 * any(char.isdigit() for char in inside)
        value += 0.5 * any(char.isupper() for char in inside)
        return value * (0.4 if sentence.text.rstrip('"”»’)*').endswith(("?", "？")) else 1.0)

    return sorted(sentences, key=lambda sentence: (-worth(sentence), sentence.place))


def _is_told(sentence: _Sentence, chosen: list[_Sentence]) -> bool:
    """Whether another one says nearly the same."""
    return any(
        2 * len(sentence.words & other.words) > len(sentence.words | other.words)
        for other in chosen
    )


def _line(sentence: _Sentence) -> str:
    return f"{sentence.speaker}: {sentence.text}"


def _written(chosen: list[_Sentence], tokens_most: int, count: Callable[[str], int]) -> str:
    lines: list[str] = []
    speaker = None
    for sentence in chosen:
        if lines and sentence.speaker == speaker:
            lines[-1] += f" {sentence.text}"
        else:
            lines.append(_line(sentence))
        speaker = sentence.speaker
    return shortened("\n".join(lines), tokens_most, count)
