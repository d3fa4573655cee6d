"""A version of a character as turns need it: its texts and its own lorebook, ready for use.

Read and compiled once per process and version; every change of a character gives a new number.
"""

from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final

import msgspec

from characters.models import Character, CharacterVersion
from engine.parts import ROLES, CharacterParts
from engine.tokens import default_counter
from lore.books import CompiledBook, compile_book
from lore.formats import book_from_character_book

VERSIONS_KEPT_IN_MEMORY: Final = 512
_DEPTH_MOST: Final = 10_000
_SPOKEN: Final = (
    "nickname",
    "description",
    "personality",
    "scenario",
    "first_mes",
    "alternate_greetings",
    "group_only_greetings",
    "mes_example",
    "system_prompt",
    "post_history_instructions",
    "creator_notes",
    "character_version",
    "extensions",
    "character_book",
)


class Spoken(msgspec.Struct, frozen=True):
    """What goes into prompts of one version. `names` and `tags` are for lore that asks for them.

    Lorebooks of other programs call a character by the name of its card's file, so `names` has
    that too; `tags` are as written and as listed. `group_greetings` are ways to begin a scene
    that others are in. `tokens` is the size of the texts that its prompts hold, as written.
    """

    parts: CharacterParts
    book: CompiledBook | None
    names: frozenset[str]
    tags: frozenset[str]
    group_greetings: tuple[str, ...] = ()
    tokens: int = 0


def spoken(character: Character, number: int = 0) -> Spoken:
    """The texts of a version of this character: the current one for 0, or if it is not kept."""
    return _read(character.uid, number or character.number, character.number)


@lru_cache(maxsize=VERSIONS_KEPT_IN_MEMORY)
def _read(uid: str, number: int, current: int) -> Spoken:
    if number != current:
        rows = CharacterVersion.objects.filter(character__uid=uid, number=number)
        kept = rows.values_list("card", "character__original__filename").first()
        if kept is not None:
            card, filename = kept
            return _of_card(card["data"], uid, filename or "")
    fields = ("name", "card_tags", "original__filename", *_SPOKEN)
    row = Character.objects.filter(uid=uid).values(*fields).get()
    return _of_card({**row, "tags": row["card_tags"]}, uid, row["original__filename"] or "")


def _of_card(data: dict[str, Any], uid: str, filename: str) -> Spoken:
    def text(name: str) -> str:
        return str(data.get(name) or "")

    note, depth, role = _depth_prompt(data.get("extensions") or {})
    parts = CharacterParts(
        name=text("name"),
        spoken_name=text("nickname") or text("name"),
        description=text("description"),
        personality=text("personality"),
        scenario=text("scenario"),
        mes_example=text("mes_example"),
        system_prompt=text("system_prompt"),
        post_history_instructions=text("post_history_instructions"),
        depth_prompt=note,
        depth=depth,
        role=ROLES[role],
        version=text("character_version"),
        creator_notes=text("creator_notes"),
        greetings=_greetings(data.get("first_mes"), *(data.get("alternate_greetings") or ())),
    )
    book = data.get("character_book")
    tags = [str(tag) for tag in data.get("tags") or ()]
    listed = [" ".join(tag.split()).lower() for tag in tags]
    in_groups = _greetings(*(data.get("group_only_greetings") or ()))
    names = frozenset({parts.name, PurePath(filename).stem} - {""})
    compiled = _compiled(book, uid) if book else None
    return Spoken(parts, compiled, names, frozenset((*tags, *listed)), in_groups, _tokens(parts))


def _tokens(parts: CharacterParts) -> int:
    told = (parts.system_prompt, parts.post_history_instructions, parts.depth_prompt)
    shown = (parts.description, parts.personality, parts.scenario, parts.mes_example)
    return sum(map(default_counter().count, (*told, *shown)))


def _greetings(*texts: Any) -> tuple[str, ...]:
    return tuple(text for text in texts if isinstance(text, str) and text.strip())


def _compiled(book: dict[str, Any], uid: str) -> CompiledBook:
    return compile_book(book_from_character_book(book, []), f"card:{uid}")


def _depth_prompt(extensions: dict[str, Any]) -> tuple[str, int, int]:
    """The character's note, its depth and its role, whatever a card has made of them."""
    found = extensions.get("depth_prompt")
    if not isinstance(found, dict):
        return "", 4, 0
    depth, role = found.get("depth"), found.get("role")
    if isinstance(depth, str) and depth.strip().isdecimal():
        depth = int(depth)
    is_number = isinstance(depth, int) and 0 <= depth <= _DEPTH_MOST
    named = ROLES.index(role) if role in ROLES else 0
    return str(found.get("prompt") or ""), depth if is_number else 4, named  # type: ignore[return-value]  # is_number says so
