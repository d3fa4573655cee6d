"""A scan that changes nothing: which entries a text would call up, and in words why. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from core.errors import Invalid
from core.text import clean
from engine.expander import Expander
from engine.macros import MacroContext
from engine.tokens import default_counter
from lore.activation import activate
from lore.books import Bound, CompiledBook
from lore.editing import title_of
from lore.outcome import Activation, Verdict
from lore.patterns import Clock
from lore.reasons import why
from lore.scene import SOURCES, Said, Scene, Settings
from lore.slots import Placed, Slots
from lore.timed import State
from lore.values import Entry

TEXT_CHARS_MOST: Final = 200_000
MESSAGES_MOST: Final = 1_000
_SPEAKER: Final = re.compile(r"([^\s:][^:\n]{0,59}):(?:[ \t]+(.*))?")


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part: names for `{{char}}` and `{{user}}`, what else entries may call the
    character by, its tags, and the texts that entries may ask to see, by the names in
    `lore.scene.SOURCES`."""

    char: str = ""
    user: str = "You"
    called: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    sources: Mapping[str, str] = {}


class Told(msgspec.Struct, frozen=True):
    """What became of one entry, with a sentence that says why."""

    entry: Entry
    title: str
    verdict: Verdict
    reason: str


def said_in(text: str, char: str = "") -> tuple[Said, ...]:
    """A pasted text as messages, oldest first. Raises Invalid if it is too long.

    Lines of the form "Name: words" begin a message each, if the first line does; the lines that
    follow belong to it. Any other text is one message.
    """
    text = clean(text).replace("\r\n", "\n").strip()
    if len(text) > TEXT_CHARS_MOST:
        raise Invalid(f"The text has more than {TEXT_CHARS_MOST:,} characters.", param="text")
    if not _SPEAKER.fullmatch(text.partition("\n")[0]):
        return (Said("", text),) if text else ()
    told: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        found = _SPEAKER.fullmatch(line)
        if found:
            told.append((found[1].strip(), [found[2] or ""]))
        else:
            told[-1][1].append(line)
    if len(told) > MESSAGES_MOST:
        raise Invalid(f"There are more than {MESSAGES_MOST:,} messages.", param="text")
    return tuple(Said(name, "\n".join(lines), name == char) for name, lines in told)


def dry_run(
    book: CompiledBook, settings: Settings, messages: tuple[Said, ...], cast: Cast, *, seed: str
) -> Activation:
    """Scan these messages as if they were a whole chat. Every entry gets a verdict."""

    expand = _expander(messages, cast, seed)
    scene = Scene(
        messages=messages,
        length=len(messages),
        replies=sum(said.is_reply for said in messages),
        char_names=cast.called | {cast.char},
        char_tags=cast.tags,
        sources={name: expand(cast.sources.get(name, "")) for name in SOURCES},
        expand=expand,
        hidden=expand.hidden_keys,
        seed=seed,
    )
    bound = [Bound(book, "global")]
    count = default_counter().count
    return activate(bound, settings, scene, State(), count=count, clock=Clock(), explain=True)


def _expander(messages: tuple[Said, ...], cast: Cast, seed: str) -> Expander:
    """What carries out the macros of entries, as far as the cast and the messages tell."""
    sources = cast.sources
    return Expander(
        MacroContext(
            char=cast.char or "{{char}}",
            user=cast.user,
            persona=sources.get("persona_description", ""),
            description=sources.get("character_description", ""),
            personality=sources.get("character_personality", ""),
            scenario=sources.get("scenario", ""),
            char_depth_prompt=sources.get("character_depth_prompt", ""),
            creator_notes=sources.get("creator_notes", ""),
            last_message=messages[-1].text if messages else "",
            seed=seed,
        )
    )


def told(found: Activation, book: CompiledBook) -> list[Told]:
    """Every verdict in words: the activated ones first, in the order of activation."""
    items = book.by_key
    return [
        Told(entry, title_of(entry), verdict, why(verdict))
        for verdict in found.verdicts
        for entry in (items[verdict.entry].entry,)
    ]


def uid_of(entry_key: str) -> int:
    """The number of an entry by its key in a scan, `book.uid`."""
    return int(entry_key.rpartition(".")[2])


_PLACES: Final = {
    "before": "Before the character",
    "before_desc": "Before the description",
    "after_desc": "After the description",
    "personality": "Beside the personality",
    "scenario": "Beside the situation",
    "after": "After the character",
    "examples_top": "Before the example dialogue",
    "examples_bottom": "After the example dialogue",
    "note_top": "At the top of the author's note",
    "note_bottom": "At the bottom of the author's note",
}


def places(slots: Slots) -> list[tuple[str, tuple[Placed, ...]]]:
    """The places of the prompt that hold something, each with its texts in their order."""
    found = [(words, getattr(slots, name)) for name, words in _PLACES.items()]
    for at in slots.at_depth:
        side = "after the beginning" if at.is_from_start else "before the end"
        name = f"{at.depth} messages {side}, as {at.role.name.lower()}"
        found.append((name, at.pieces))
    found += [(f"Outlet “{name}”", pieces) for name, pieces in slots.outlets.items()]
    return [(words, pieces) for words, pieces in found if pieces]
