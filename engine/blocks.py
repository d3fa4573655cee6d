"""The named blocks of a prompt, in their order: stable ones first, so that caches hold."""

import re
from functools import lru_cache
from typing import Final

import msgspec

from engine.macros import expand_names, with_original
from engine.parts import CharacterParts, Preferences, PromptParts

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


class TextBlock(msgspec.Struct, frozen=True):
    """A piece of the leading system message."""

    name: str
    source: str
    text: str


@lru_cache(maxsize=1024)
def card_blocks(
    card: CharacterParts, user_name: str, main_prompt: str
) -> tuple[TextBlock, TextBlock, TextBlock, TextBlock]:
    """Main prompt, description, personality and scenario of a card, with the names put in."""

    def named(text: str) -> str:
        return expand_names(text, char=card.spoken_name, user=user_name).strip()

    main = card.system_prompt.strip()
    main = with_original(main, main_prompt) if main else main_prompt
    return (
        TextBlock("main prompt", "card" if card.system_prompt.strip() else "default", named(main)),
        TextBlock("description", "card", named(card.description)),
        TextBlock("personality", "card", _titled("Personality", named(card.personality))),
        TextBlock("scenario", "card", _titled("Scenario", named(card.scenario))),
    )


def system_blocks(parts: PromptParts) -> list[TextBlock]:
    """Everything before the examples and the history, in the order it is written."""
    card = parts.character
    main, description, personality, scenario = card_blocks(card, parts.user_name, parts.main_prompt)
    names = {"char": card.spoken_name, "user": parts.user_name}
    if parts.scenario_context:
        situation = _titled("Scenario", expand_names(parts.scenario_context, **names).strip())
        layered = "\n\n".join(text for text in (scenario.text, situation) if text)
        scenario = TextBlock("scenario", "scenario", layered)
    blocks = (
        main,
        TextBlock("lore before", "lorebook", parts.lore_before),
        description,
        personality,
        scenario,
        TextBlock("persona", "persona", parts.persona),
        TextBlock("preferences", "preferences", _wishes(parts.preferences, names)),
        TextBlock("lore after", "lorebook", parts.lore_after),
    )
    return [block for block in blocks if block.text]


def _titled(title: str, text: str) -> str:
    return f"{title}: {text}" if text else ""


def _wishes(preferences: Preferences, names: dict[str, str]) -> str:
    if preferences == Preferences():
        return ""
    wishes = (
        _INTENSITY.get(preferences.nsfw_intensity, ""),
        expand_names(_NARRATION.get(preferences.narration_style, ""), **names),
        _LENGTHS.get(preferences.response_length, ""),
    )
    return " ".join(wish for wish in wishes if wish)


@lru_cache(maxsize=1024)
def examples(card: CharacterParts, user_name: str) -> tuple[str, ...]:
    """The example dialogues of a card, one text each."""
    if not card.mes_example.strip():
        return ()
    text = expand_names(card.mes_example, char=card.spoken_name, user=user_name)
    found = (part.strip() for part in _EXAMPLE_START.split(text))
    return tuple(f"Example of how {card.spoken_name} talks:\n{part}" for part in found if part)


@lru_cache(maxsize=1024)
def post_history(card: CharacterParts, user_name: str) -> str:
    """The card's instruction after the history. There is no default that it could replace."""
    text = with_original(card.post_history_instructions, "")
    return expand_names(text, char=card.spoken_name, user=user_name).strip()
