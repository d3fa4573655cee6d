"""The named blocks of a prompt, in their order: stable ones first, so that caches hold."""

import re
from functools import lru_cache
from typing import Final

import msgspec

from engine.expander import Expander
from engine.parts import (
    DEFAULT_MAIN_PROMPT,
    ROLES,
    CharacterParts,
    PersonaParts,
    Piece,
    Preferences,
    PromptParts,
    Role,
)

_EXAMPLE_START: Final = re.compile(r"^\s*<START>\s*$", re.IGNORECASE | re.MULTILINE)
_LENGTHS: Final = {
    "short": "Keep replies short: one to three sentences.",
    "medium": "Write replies of about one or two paragraphs.",
    "long": "Write long, unhurried replies of several paragraphs.",
}
_NARRATION: Final = {
    "first_person": "Narrate in the first person, as {{char}}.",
    "third_person": "Narrate in the third person.",
    "dialogue": "Write dialogue only, without narration.",
}
_INTENSITY: Final = {
    "none": "Keep everything suitable for all readers; fade out before anything explicit.",
    "mild": "Romance and tension are welcome; stay suggestive rather than explicit.",
    "full": "Mature themes between adults need not be toned down.",
}
_PERSONA_IN_PROMPT: Final = (0, 1)
_PERSONA_NOTE_TOP, _PERSONA_NOTE_BOTTOM, _PERSONA_AT_DEPTH = 2, 3, 4
_NOTE_AFTER_SCENARIO, _NOTE_AMONG_MESSAGES, _NOTE_FIRST = 0, 1, 2


class TextBlock(msgspec.Struct, frozen=True, gc=False):
    """A piece of the prompt. `order` and `is_first_cut` matter when there is too much; `score`
    and `uids` say of what is recalled how well it fits and what it was made of."""

    name: str
    source: str
    text: str
    order: int = 0
    is_first_cut: bool = False
    score: float | None = None
    uids: tuple[str, ...] = ()


class Injection(msgspec.Struct, frozen=True):
    """Blocks that stand among the messages, `depth` before the end (or after the start)."""

    depth: int
    role: Role
    blocks: tuple[TextBlock, ...]
    is_from_start: bool = False


def leading_blocks(parts: PromptParts, expand: Expander) -> list[TextBlock]:
    """Everything of the leading message before the memories, in the order it is written."""
    lore, card = parts.lore, parts.character
    blocks = [
        *_note_at(_NOTE_FIRST, parts, expand),
        _main(parts, expand),
        *_pieces("lore before", lore.before),
        *_pieces("lore before description", lore.before_desc),
        TextBlock("description", "card", expand(card.description).strip()),
        *_pieces("lore after description", lore.after_desc),
        TextBlock("personality", "card", _titled("Personality", expand(card.personality))),
        *_pieces("lore beside personality", lore.personality),
        *_scenario(parts, expand),
        *_pieces("lore beside scenario", lore.scenario),
        *_note_at(_NOTE_AFTER_SCENARIO, parts, expand),
        _persona(parts.persona, expand),
        TextBlock("preferences", "preferences", _wishes(parts.preferences, expand)),
        *_pieces("lore after", lore.after),
    ]
    return [block for block in blocks if block.text]


def _main(parts: PromptParts, expand: Expander) -> TextBlock:
    """The chat's own instruction, else the card's, else ours; each may hold what it replaces."""
    card = parts.character.system_prompt.strip()
    is_off = "system_prompt" in parts.lore.disabled_prompts
    ours = "" if is_off else expand(parts.main_prompt)
    theirs = expand.over(card, ours) if card else ours
    custom = parts.custom_prompt.strip()
    text = expand.over(custom, theirs) if custom else theirs
    source = "chat" if custom else "card" if card else "default"
    return TextBlock("main prompt", source, text.strip())


def _scenario(parts: PromptParts, expand: Expander) -> list[TextBlock]:
    own = parts.scenario_text.strip()
    first = TextBlock(
        "scenario",
        "chat" if own else "card",
        _titled("Scenario", expand(own or parts.character.scenario)),
    )
    layered = TextBlock("scenario", "scenario", _titled("Scenario", expand(parts.scenario_context)))
    return [first, layered]


def _persona(persona: PersonaParts, expand: Expander) -> TextBlock:
    text = persona.text if persona.position in _PERSONA_IN_PROMPT else ""
    return TextBlock("persona", "persona", expand(text).strip())


def _titled(title: str, text: str) -> str:
    text = text.strip()
    return f"{title}: {text}" if text else ""


def _wishes(preferences: Preferences, expand: Expander) -> str:
    if preferences == Preferences():
        return ""
    wishes = (
        _INTENSITY.get(preferences.nsfw_intensity, ""),
        expand(_NARRATION.get(preferences.narration_style, "")),
        _LENGTHS.get(preferences.response_length, ""),
    )
    return " ".join(wish for wish in wishes if wish)


def _pieces(name: str, pieces: tuple[Piece, ...]) -> list[TextBlock]:
    """Pieces were expanded when they were called up."""
    return [
        TextBlock(name, piece.source, piece.text.strip(), piece.order, piece.is_first_cut)
        for piece in pieces
        if piece.text.strip()
    ]


def _note_at(position: int, parts: PromptParts, expand: Expander) -> list[TextBlock]:
    """The note if this is its place. Expanded there alone: its macros may count."""
    is_here = parts.note is not None and parts.note.position == position
    return note_blocks(parts, expand) if is_here else []


def note_blocks(parts: PromptParts, expand: Expander) -> list[TextBlock]:
    """The author's note with what is hung above and below it. Without a note in force, nothing."""
    if parts.note is None:
        return []
    persona = parts.persona
    beside = persona.position in (_PERSONA_NOTE_TOP, _PERSONA_NOTE_BOTTOM)
    block = TextBlock("persona", "persona", expand(persona.text).strip() if beside else "")
    blocks = [
        *_pieces("lore above the note", parts.lore.note_top),
        *([block] if persona.position == _PERSONA_NOTE_TOP else ()),
        TextBlock("author's note", "chat", expand(parts.note.text).strip()),
        *([block] if persona.position == _PERSONA_NOTE_BOTTOM else ()),
        *_pieces("lore below the note", parts.lore.note_bottom),
    ]
    return [block for block in blocks if block.text]


def injections(parts: PromptParts, expand: Expander) -> list[Injection]:
    """What stands among the messages. One message for each depth and role."""
    card, persona, note = parts.character, parts.persona, parts.note
    found = [
        Injection(at.depth, at.role, tuple(_pieces("lore", at.pieces)), at.is_from_start)
        for at in parts.lore.at_depth
    ]
    if card.depth_prompt.strip():
        text = expand(card.depth_prompt).strip()
        block = TextBlock("character's note", "card", text)
        found.append(Injection(card.depth, card.role, (block,)))
    if persona.position == _PERSONA_AT_DEPTH and persona.text.strip():
        block = TextBlock("persona", "persona", expand(persona.text).strip())
        found.append(Injection(persona.depth, ROLES[persona.role], (block,)))
    if note is not None:
        blocks = tuple(_note_at(_NOTE_AMONG_MESSAGES, parts, expand))
        found.append(Injection(note.depth, ROLES[note.role], blocks))
    return _merged([injection for injection in found if injection.blocks])


def _merged(found: list[Injection]) -> list[Injection]:
    places: dict[tuple[int, Role, bool], tuple[TextBlock, ...]] = {}
    for injection in found:
        place = (injection.depth, injection.role, injection.is_from_start)
        places[place] = (*places.get(place, ()), *injection.blocks)
    return [
        Injection(depth, role, blocks, from_start)
        for (depth, role, from_start), blocks in places.items()
    ]


def example_blocks(parts: PromptParts, expand: Expander) -> list[TextBlock]:
    """The example dialogues, one block each, between the lore that frames them."""
    lore, card = parts.lore, parts.character
    texts = [part.strip() for part in _split_examples(card)]
    title = f"Example of how {card.spoken_name} talks:\n"
    return [
        *_pieces("lore above examples", lore.examples_top),
        *(TextBlock("examples", "card", title + expand(text)) for text in texts if text),
        *_pieces("lore below examples", lore.examples_bottom),
    ]


@lru_cache(maxsize=1024)
def _split_examples(card: CharacterParts) -> tuple[str, ...]:
    return tuple(_EXAMPLE_START.split(card.mes_example)) if card.mes_example.strip() else ()


def post_history(parts: PromptParts, expand: Expander) -> str:
    """The card's instruction after the history. There is no default that it could replace."""
    return expand.over(parts.character.post_history_instructions, "").strip()


__all__ = [
    "DEFAULT_MAIN_PROMPT",
    "Injection",
    "TextBlock",
    "example_blocks",
    "injections",
    "leading_blocks",
    "post_history",
]
