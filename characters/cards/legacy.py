"""Characters as other programs write them, translated into a card's data. Pure.

What a program says that a card has no field for is kept beside the fields, under its own name.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from characters.cards.values import Note

_PYGMALION: Final = {
    "char_name": "name",
    "char_persona": "description",
    "char_greeting": "first_mes",
    "world_scenario": "scenario",
    "example_dialogue": "mes_example",
}
_OOBA: Final = {
    "context": "description",
    "greeting": "first_mes",
    "example_dialogue": "mes_example",
}
_CHARACTER_AI_MARKS: Final = ("external_id", "participant__name")
_CHARACTER_AI_TEXTS: Final = ("greeting", "definition", "description", "title")
_DIALOGUE_MARKS: Final = ("END_OF_DIALOG", "{{char}}:", "{{user}}:", "{{random_user_1}}:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Another program's character as a card's data. `called` names the format for people."""

    spec: str
    called: str
    data: dict[str, Any]
    notes: list[Note] = field(default_factory=list)


def translate(root: dict[str, Any]) -> Foreign | None:
    """The data of a character written by a known program, else None."""
    found = _character_ai_in(root)
    if found is not None:
        return _character_ai(found)
    if "char_name" in root:
        return Foreign(
            spec="pygmalion", called="a Pygmalion character", data=_renamed(root, _PYGMALION)
        )
    if "name" in root and ("context" in root or "greeting" in root):
        return Foreign(
            spec="ooba", called="a character of Text Generation Web UI", data=_renamed(root, _OOBA)
        )
    return None


def _renamed(root: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in root.items()}


def is_character_ai(root: dict[str, Any]) -> bool:
    return any(mark in root for mark in _CHARACTER_AI_MARKS) and any(
        text in root for text in _CHARACTER_AI_TEXTS
    )


def _character_ai_in(root: dict[str, Any]) -> dict[str, Any] | None:
    """The character in a dump, which may stand alone or beside its chats."""
    info = root.get("info")
    inner = info.get("character") if isinstance(info, dict) else None
    for found in (root, root.get("character"), inner):
        if isinstance(found, dict) and is_character_ai(found):
            return found
    return None


def _character_ai(found: dict[str, Any]) -> Foreign:
    """A definition with dialogue in it becomes example messages, else more description."""
    definition = found.get("definition")
    definition = definition if isinstance(definition, str) else ""
    is_dialogue = any(mark in definition for mark in _DIALOGUE_MARKS)
    described = [found.get("description"), "" if is_dialogue else definition]
    texts = [text for text in described if isinstance(text, str) and text]
    told = "example messages" if is_dialogue else "part of the description"
    data = {
        "name": found.get("participant__name") or found.get("name"),
        "personality": found.get("title"),
        "description": "\n\n".join(texts),
        "first_mes": found.get("greeting"),
        "mes_example": _examples(definition) if is_dialogue else "",
        "creator": found.get("user__username"),
        "tags": _categories(found.get("categories")),
        "extensions": {"character_ai": found},
    }
    notes = [Note("repaired", f"The definition became {told}.")] if definition else []
    if data["name"] is None:
        del data["name"]
    return Foreign(spec="character_ai", called="a Character.AI character", data=data, notes=notes)


def _examples(definition: str) -> str:
    """Dialogues divided as cards do it."""
    parts = [part.strip() for part in definition.split("END_OF_DIALOG")]
    return "\n".join(f"<START>\n{part}" for part in parts if part)


def _categories(value: Any) -> list[str]:
    names = [item.get("name") if isinstance(item, dict) else item for item in _listed(value)]
    return [name for name in names if isinstance(name, str) and name]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
