"""What SillyTavern's settings file says that means something here. Pure.

Connections and keys to services are never read.
"""

from typing import Any, Final

import msgspec

from chats.files.values import TEXT_CHARS_MOST, Note
from personas.backup import PersonaFile, personas_of

NAMES_MOST: Final = 10_000
TAG_CHARS_MOST: Final = 200
_NUMBER_MOST: Final = 1_000_000
_NUMBERS: Final = {
    "scan_depth": "world_info_depth",
    "budget_percent": "world_info_budget",
    "budget_cap": "world_info_budget_cap",
    "strategy": "world_info_character_strategy",
    "min_activations": "world_info_min_activations",
    "min_activations_depth_max": "world_info_min_activations_depth_max",
    "max_recursion_steps": "world_info_max_recursion_steps",
}
_SWITCHES: Final = {
    "include_names": "world_info_include_names",
    "recursive": "world_info_recursive",
    "case_sensitive": "world_info_case_sensitive",
    "match_whole_words": "world_info_match_whole_words",
    "use_group_scoring": "world_info_use_group_scoring",
    "overflow_alert": "world_info_overflow_alert",
}
_NOTE: Final = {
    "interval": "defaultInterval",
    "depth": "defaultDepth",
    "position": "defaultPosition",
    "role": "defaultRole",
}


class WorldSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How lore is found. None: the file does not say.

    `scan_depth` is in messages, `budget_percent` of the context, `budget_cap` in tokens (0 for
    none). `strategy` is 0 evenly, 1 character first, 2 global first. `global_books` are names;
    `character_books` gives the further books of a character by the stem of its file.
    """

    scan_depth: int | None = None
    budget_percent: int | None = None
    budget_cap: int | None = None
    strategy: int | None = None
    min_activations: int | None = None
    min_activations_depth_max: int | None = None
    max_recursion_steps: int | None = None
    include_names: bool | None = None
    recursive: bool | None = None
    case_sensitive: bool | None = None
    match_whole_words: bool | None = None
    use_group_scoring: bool | None = None
    overflow_alert: bool | None = None
    global_books: tuple[str, ...] = ()
    character_books: dict[str, tuple[str, ...]] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that a chat can feel. Texts are "" where the file does not say.

    `note` is what a new chat's author's note starts as. `main_prompt`, `auxiliary_prompt` and
    `post_history` are those of chat completions; `system_prompt` that of text completions.
    """

    username: str = ""
    world: WorldSettings = WorldSettings()
    note: Note | None = None
    main_prompt: str = ""
    auxiliary_prompt: str = ""
    post_history: str = ""
    system_prompt: str = ""


class Tags(msgspec.Struct, frozen=True):
    """The tags a person made: what each id is called, and which ones a card has by its file."""

    names: dict[str, str] = {}
    of: dict[str, tuple[str, ...]] = {}


def read_tags(root: dict[str, Any]) -> Tags:
    """The tags in a settings object. Lorebooks and cards name them by their ids."""
    listed = root.get("tags")
    items = listed[:NAMES_MOST] if isinstance(listed, list) else ()
    names = {
        uid: name
        for item in items
        if isinstance(item, dict)
        and (uid := _text(item.get("id")))
        and (name := " ".join(_text(item.get("name")).split())[:TAG_CHARS_MOST])
    }
    of = {
        file: tuple(names[uid] for uid in _texts(ids) if uid in names)
        for file, ids in _object(root, "tag_map").items()
    }
    return Tags(names, {file: found for file, found in of.items() if found})


def read_settings(root: dict[str, Any]) -> Settings:
    """The settings in the object that settings.json holds. What makes no sense is left out."""
    prompts = _prompts(_object(root, "oai_settings"))
    sysprompt = _object(_object(root, "power_user"), "sysprompt")
    return Settings(
        username=_text(root.get("username")),
        world=_world(root),
        note=_note(_object(_object(root, "extension_settings"), "note")),
        main_prompt=prompts.get("main", ""),
        auxiliary_prompt=prompts.get("nsfw", ""),
        post_history=prompts.get("jailbreak", ""),
        system_prompt=_text(sysprompt.get("content")),
    )


def read_worn(root: dict[str, Any]) -> list[PersonaFile]:
    """The personas of a settings object; of an old one, the only one it knows.

    Raises Invalid for more than anybody has.
    """
    power_user = _object(root, "power_user")
    personas = personas_of(power_user)
    description = _text(power_user.get("persona_description"))
    if personas or not description:
        return personas
    name = _text(root.get("username")) or "User"
    key = _text(root.get("user_avatar"))
    return [PersonaFile(key=key, name=name, description=description, is_default=True)]


def _world(root: dict[str, Any]) -> WorldSettings:
    said = _object(root, "world_info_settings") or root  # once they stood at the root
    chosen = _object(said, "world_info")
    linked = chosen.get("charLore")
    books = {
        _text(item.get("name")): _texts(item.get("extraBooks"))
        for item in (linked[:NAMES_MOST] if isinstance(linked, list) else ())
        if isinstance(item, dict)
    }
    known: dict[str, Any] = {
        **{field: _number(said.get(key)) for field, key in _NUMBERS.items()},
        **{field: _switch(said.get(key)) for field, key in _SWITCHES.items()},
    }
    return WorldSettings(
        global_books=_texts(chosen.get("globalSelect")),
        character_books={name: found for name, found in books.items() if name and found},
        **known,
    )


def _note(said: dict[str, Any]) -> Note | None:
    if not any(said.get(key) is not None for key in ("default", *_NOTE.values())):
        return None
    numbers = {field: _number(said.get(key)) for field, key in _NOTE.items()}
    known = {field: number for field, number in numbers.items() if number is not None}
    return Note(prompt=_text(said.get("default")), **known)


def _prompts(said: dict[str, Any]) -> dict[str, str]:
    """Texts by the names main, nsfw and jailbreak; older files keep each under its own key."""
    listed = said.get("prompts")
    texts = {name: _text(said.get(f"{name}_prompt")) for name in ("main", "nsfw", "jailbreak")}
    for prompt in listed[:NAMES_MOST] if isinstance(listed, list) else ():
        if isinstance(prompt, dict) and _text(prompt.get("identifier")) in texts:
            texts[prompt["identifier"]] = _text(prompt.get("content"))
    return texts


def _object(holder: dict[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value[:TEXT_CHARS_MOST] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    items = value[:NAMES_MOST] if isinstance(value, list) else ()
    return tuple(item for item in items if isinstance(item, str) and item)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:9])
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and is_number and value in range(_NUMBER_MOST) else None


def _switch(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
