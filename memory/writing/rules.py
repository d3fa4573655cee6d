"""Facts without a model: plain statements of the person about themselves, in English. Pure.

Careful rather than complete: what is asked, denied, supposed or said by a character is left
alone. Each fact fills a slot; a new one for the same slot corrects what filled it before.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from memory.text import normal, tidy
from memory.writing.answers import Fact
from memory.writing.said import Said

CHARS_MOST: Final = 20_000
"""Characters that are read of one message, from its beginning."""
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*")
_SPEECHLESS: Final = re.compile(r"\*[^*]*\*|\"[^\"]*\"|“[^“”]*”|`[^`]*`")
_UNSURE: Final = re.compile(
    r"\b(?:if|would|could|might|maybe|perhaps|imagine|pretend|wish|suppose|when i was|used to"
    r"|as if|let's say|don't know|not sure|joking|kidding|said|says|asked)\b",
    re.IGNORECASE,
)
_VALUE: Final = r"(?P<value>[^,;.!?()]{2,80}?)"
_STOP: Final = (
    r"(?=\s*(?:[,;.!?()]|$|\b(?:and|but|so|because|since|now|anymore|these days|right now|with"
    r"|where|which|who|for now|today|yesterday|this|last|next|until|though|by the way)\b))"
)
_ALL: Final = r"(?=\s*(?:[;.!?()]|$|,? (?:so|but|because|since)\b))"
_DAY: Final = (
    r"(?P<value>(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? )?(?:january|february|march|april|may|june|july"
    r"|august|september|october|november|december)(?: \d{1,2}(?:st|nd|rd|th)?)?(?:,? \d{4})?)"
)
_KIN: Final = (
    r"(?P<kin>wife|husband|partner|girlfriend|boyfriend|sister|brother|mother|mom|mum|father|dad"
    r"|daughter|son|grandmother|grandfather|aunt|uncle|cousin|best friend|boss)"
)
_PET: Final = r"(?P<pet>cat|dog|parrot|rabbit|hamster|horse|puppy|kitten|bird|turtle|fish)"
_NAME: Final = r"(?P<value>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?)"
_I_AM: Final = r"\b[Ii](?:'|’| a)m "
_HAVE: Final = r"\b[Ii](?:'ve got|’ve got| have got| have) "


class _Rule(NamedTuple):
    """What a statement looks like, the slot it fills and the fact it becomes.

    `one` slots hold one value at a time; in others each value has its own.
    """

    pattern: re.Pattern[str]
    slot: str
    fact: str
    importance: int
    one: bool = True


def _rule(pattern: str, slot: str, fact: str, importance: int, *, one: bool = True) -> _Rule:
    return _Rule(re.compile(pattern), slot, fact, importance, one)


_RULES: Final = (
    _rule(rf"\b[Mm]y name is {_NAME}", "name", "{who} is called {value}.", 8),
    _rule(
        r"\b(?:I(?: now)? live|I(?:'|’)m living|I(?:'ve|’ve| have)? (?:just |recently )?moved)"
        rf" (?:in|to) {_VALUE}{_STOP}",
        "home",
        "{who} lives in {value}.",
        7,
    ),
    _rule(
        rf"\bI(?: now)? work (?P<how>as|at|for|in) {_VALUE}{_STOP}",
        "work",
        "{who} works {how} {value}.",
        6,
    ),
    _rule(
        rf"{_I_AM}allergic to (?P<value>[^;.!?()]{{2,80}}?){_ALL}",
        "allergy",
        "{who} is allergic to {value}.",
        9,
        one=False,
    ),
    _rule(
        rf"\b[Mm]y birthday is (?:on )?(?:the )?(?i:{_DAY})",
        "birthday",
        "{who}'s birthday is {value}.",
        8,
    ),
    _rule(
        rf"\b[Mm]y {_KIN}(?:'s|’s) name is {_NAME}",
        "kin:{kin}",
        "{who}'s {kin} is called {value}.",
        7,
    ),
    _rule(
        rf"\b[Mm]y {_KIN} (?:is|was) (?:called|named) {_NAME}",
        "kin:{kin}",
        "{who}'s {kin} is called {value}.",
        7,
    ),
    _rule(rf"\b[Mm]y {_KIN},? {_NAME}\b", "kin:{kin}", "{who}'s {kin} is called {value}.", 6),
    _rule(
        rf"\b[Mm]y {_PET}(?:(?:'s|’s) name is| is (?:called|named)) {_NAME}",
        "pet:{pet}",
        "{who} has a {pet} called {value}.",
        7,
    ),
    _rule(
        rf"{_HAVE}a {_PET} (?:called|named) {_NAME}",
        "pet:{pet}",
        "{who} has a {pet} called {value}.",
        7,
    ),
    _rule(
        rf"\bI (?:do not|don't|don’t)(?: really)? (?:like|enjoy) {_VALUE}{_STOP}",
        "taste",
        "{who} does not like {value}.",
        5,
        one=False,
    ),
    _rule(
        rf"\bI (?:really )?(?:hate|dislike|can't stand|can’t stand|detest) {_VALUE}{_STOP}",
        "taste",
        "{who} does not like {value}.",
        5,
        one=False,
    ),
    _rule(
        rf"\bI (?:really |absolutely )?(?:love|like|enjoy|adore) {_VALUE}{_STOP}",
        "taste",
        "{who} likes {value}.",
        5,
        one=False,
    ),
    _rule(
        rf"\b[Mm]y favou?rite (?P<kin>[a-z]{{3,20}}) is {_VALUE}{_STOP}",
        "favourite:{kin}",
        "{who}'s favourite {kin} is {value}.",
        5,
    ),
    _rule(
        rf"{_I_AM}(?:flying|travelling|traveling|moving|going) to (?P<value>[A-Z][\w' ’-]{{1,40}}?"
        r" (?:on|in|next) [\w ]{3,30}?)(?=[,;.!?]|$)",
        "plan",
        "{who} goes to {value}.",
        6,
        one=False,
    ),
)
# What facts look like, for finding the slot of one that is kept already.
_KEPT: Final = (
    (re.compile(r"^.+? is called (.+)\.$"), "name"),
    (re.compile(r"^.+? lives in (.+)\.$"), "home"),
    (re.compile(r"^.+? works (?:as|at|for|in) (.+)\.$"), "work"),
    (re.compile(r"^.+?'s birthday is (.+)\.$"), "birthday"),
    (re.compile(r"^.+? (?:does not like|likes) (.+)\.$"), "taste"),
    (re.compile(r"^.+? is allergic to (.+)\.$"), "allergy"),
    (re.compile(r"^.+? goes to (.+)\.$"), "plan"),
)
_KEPT_KIN: Final = re.compile(r"^.+?'s ([a-z ]+) is called .+\.$")
_KEPT_FAVOURITE: Final = re.compile(r"^.+?'s favourite ([a-z]+) is .+\.$")
_KEPT_PET: Final = re.compile(r"^.+? has a ([a-z]+) called .+\.$")
_VAGUE: Final = frozenset(
    ["it", "that", "this", "them", "you", "him", "her", "me", "us", "there", "here", "to", "what",
     "how", "when", "your", "the way", "the idea", "the sound", "one", "so much", "being", "myself"]
)  # fmt: skip


def facts_of(said: Sequence[Said], known: Sequence[str]) -> list[Fact]:
    """What the person states about themselves in these messages.

    `known` are the facts that are kept already: what fills the same slot is corrected.
    """
    held = {slot: place for place, text in enumerate(known) if (slot := slot_of(text))}
    texts = {normal(text) for text in known}
    found: dict[str, Fact] = {}
    for place, message in enumerate(said):
        if message.is_person:
            for slot, text, importance in _stated(message):
                if normal(text) not in texts:
                    fact = Fact(text, (place,), True, importance, held.get(slot))
                    found.pop(slot, None)  # the last word counts
                    found[slot] = fact
    return list(found.values())


def slot_of(text: str) -> str:
    """The slot that a kept fact fills; "" for one that these rules would not have written."""
    for pattern, kind in ((_KEPT_KIN, "kin"), (_KEPT_FAVOURITE, "favourite"), (_KEPT_PET, "pet")):
        if match := pattern.match(text):
            return f"{kind}:{match[1]}"
    for pattern, slot in _KEPT:
        if match := pattern.match(text):
            is_many = slot in ("taste", "allergy", "plan")
            return f"{slot}:{normal(match[1])}" if is_many else slot
    return ""


def _stated(message: Said) -> list[tuple[str, str, int]]:
    """(slot, fact, importance) of each statement in a message."""
    found = []
    for sentence in _SENTENCE.findall(_SPEECHLESS.sub(" ", message.text[:CHARS_MOST])):
        if sentence.rstrip().endswith("?") or _UNSURE.search(sentence):
            continue
        for rule in _RULES:
            found += [
                made
                for match in rule.pattern.finditer(sentence)
                if (made := _made(rule, match, message))
            ]
    return found


def _made(rule: _Rule, match: re.Match[str], message: Said) -> tuple[str, str, int] | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    value = tidy(groups["value"])
    if normal(value).split(" ")[0] in _VAGUE or normal(value) in _VAGUE:
        return None
    named = {**groups, "value": value, "who": message.speaker}
    slot = rule.slot.format(**named)
    if not rule.one:
        slot += f":{normal(value)}"
    return slot, rule.fact.format(**named), rule.importance
