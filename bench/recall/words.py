"""Words of the simple systems: lower case, no stop words, stems after Porter (1980).

Independent of the retriever under test, so that a change there never moves the yardstick.
"""

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+")
_STOP_WORDS = (
    "a about above after again all am an and any are as at be because been before being below "
    "between both but by can could did do does doing don down during each few for from further had "
    "has have having he her here hers herself him himself his how i if in into is it its itself "
    "just ll m me more most my myself no nor not now of off on once only or other our ours out "
    "over own re s same she should so some such t than that the their theirs them then there "
    "these they this those through to too under until up ve very was we were what when where "
    "which while who whom why will with would you your yours"
)
STOP = frozenset(_STOP_WORDS.split())
_DOUBLE = re.compile(r"([^aeioulsz])\1$")
_SHORT = re.compile(r"^(.*[^aeiou])?[^aeiou][aeiouy][^aeiouwxy]$")
_STEPS = (
    (("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
     ("abli", "able"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"),
     ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"),
     ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble")),
    (("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"),
     ("ful", ""), ("ness", "")),
)  # fmt: skip
_LAST = (
    "ement", "ance", "ence", "able", "ible", "ment", "tion", "sion", "ant", "ent", "ism", "ate",
    "iti", "ous", "ive", "ize", "al", "er", "ic", "ou",
)  # fmt: skip


def _measure(rest: str) -> int:
    """How often a vowel is followed by a consonant."""
    shape = re.sub(r"[aeiou]+|(?<=[^aeiou])y", "V", rest)
    return len(re.findall(r"V+[^V]", shape))


def _inflection(word: str) -> str:
    word = re.sub(r"(ss|i)es$", r"\1", word) if word.endswith("es") else word
    word = re.sub(r"([^s])s$", r"\1", word)
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    rest = re.sub(r"(ed|ing)$", "", word)
    if rest == word or not re.search(r"[aeiouy]", rest):
        return word
    if rest.endswith(("at", "bl", "iz")) or (_measure(rest) == 1 and _SHORT.match(rest)):
        return rest + "e"
    return _DOUBLE.sub(r"\1", rest)


def _suffix(word: str) -> str:
    for table in _STEPS:
        for ending, other in table:
            if word.endswith(ending):
                rest = word.removesuffix(ending)
                word = rest + other if _measure(rest) else word
                break
    for ending in _LAST:
        if word.endswith(ending):
            kept = ending[0] if ending in ("tion", "sion") else ""
            rest = word.removesuffix(ending) + kept
            return rest if _measure(rest) > 1 else word
    return word


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    if len(word) < 3 or not word.isalpha():
        return word
    word = _inflection(word)
    if word.endswith("y") and re.search(r"[aeiouy]", word[:-1]):
        word = word[:-1] + "i"
    word = _suffix(word)
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _SHORT.match(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def terms(text: str) -> list[str]:
    """Stems in order, with repeats."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in STOP]
