"""BYAF: the archive of Backyard AI, with characters and the scenarios they are met in. Pure."""

import posixpath
import re
from datetime import datetime
from typing import Any, Final

from characters.cards.archive import Archive
from characters.cards.charx import EMBEDDED, main_icon
from characters.cards.json_form import load_object, read_foreign
from characters.cards.legacy import Foreign
from characters.cards.values import Card, Member, Note, refuse

MANIFEST_PATH: Final = "manifest.json"
SCENARIOS_MOST: Final = 100
_SPEAKER: Final = re.compile(r"#\{(character|user)\}:", re.IGNORECASE)
_MACRO: Final = re.compile(r"(?<!\{)\{(character|user)\}(?!\})", re.IGNORECASE)
_MACROS: Final = {"character": "{{char}}", "user": "{{user}}"}


def read_byaf(archive: Archive, *, notes: list[Note]) -> Card:
    """The first character of an archive, under its first scenario. Raises Invalid."""
    manifest = _object(archive, MANIFEST_PATH, notes)
    paths = [path for path in _list(manifest.get("characters")) if isinstance(path, str)]
    if not paths:
        raise refuse("The archive names no character in its manifest.json.", "no_card")
    character = _object(archive, paths[0], notes)
    if len(paths) > 1:
        told = f"The archive holds {len(paths)} characters; the first was read."
        notes.append(Note("ignored", told))
    scenarios = [
        _object(archive, path, notes)
        for path in _list(manifest.get("scenarios"))[:SCENARIOS_MOST]
        if isinstance(path, str) and archive.members.get(path) is not None
    ]
    images = _images(character, posixpath.dirname(paths[0]))
    pictures = [
        _asset(number, label, path, archive.members[path])
        for number, (path, label) in enumerate(
            (path, label) for path, label in images.items() if path in archive.members
        )
    ]
    data = _data(manifest, character, scenarios)
    data["assets"] = [asset for asset, _ in pictures] or None
    foreign = Foreign(spec="byaf", called="a Backyard AI character", data=data)
    card = read_foreign(foreign, place="a BYAF archive", notes=notes)
    card.media_type = "application/zip"
    card.asset_files = [member for _, member in pictures]
    card.other_files = [
        Member(path, data) for path, data in archive.members.items() if path not in images
    ]
    card.picture = main_icon(card)
    _note_scenarios(scenarios, notes)
    return card


def _note_scenarios(scenarios: list[dict[str, Any]], notes: list[Note]) -> None:
    if len(scenarios) > 1:
        told = f"{len(scenarios)} scenarios: the first was read, of the others their greetings."
        notes.append(Note("ignored", told))
    if any(scenario.get("messages") for scenario in scenarios):
        notes.append(Note("ignored", "The chats in the archive were not read."))


def _object(archive: Archive, path: str, notes: list[Note]) -> dict[str, Any]:
    text = archive.members.get(path)
    if text is None:
        raise refuse("The archive lacks a file that its manifest.json names.", "card_damaged")
    return load_object(text, notes=notes)


def _data(
    manifest: dict[str, Any], character: dict[str, Any], scenarios: list[dict[str, Any]]
) -> dict[str, Any]:
    author = manifest.get("author")
    author = author if isinstance(author, dict) else {}
    first = scenarios[0] if scenarios else {}
    greetings = [text for scenario in scenarios for text in _messages(scenario, "firstMessages")]
    name, shown = character.get("name"), character.get("displayName")
    examples = "\n".join(_messages(first, "exampleMessages"))
    return {
        "name": shown or name or "",
        "nickname": name if shown and name != shown else "",
        "description": _macros(character.get("persona")),
        "scenario": _macros(first.get("narrative")),
        "system_prompt": _macros(first.get("formattingInstructions")),
        "first_mes": greetings[0] if greetings else "",
        "alternate_greetings": greetings[1:],
        "mes_example": f"<START>\n{examples}" if examples else "",
        "character_book": _book(character.get("loreItems")),
        "creator": author.get("name"),
        "source": [url for url in [author.get("backyardURL")] if isinstance(url, str) and url],
        "tags": ["NSFW"] if character.get("isNSFW") is True else [],
        "creation_date": _seconds(character.get("createdAt")),
        "modification_date": _seconds(character.get("updatedAt")),
    }


def _messages(scenario: dict[str, Any], name: str) -> list[str]:
    items = [item for item in _list(scenario.get(name)) if isinstance(item, dict)]
    return [_macros(item["text"]) for item in items if item.get("text")]


def _book(items: Any) -> dict[str, Any] | None:
    entries = [
        {
            "keys": [key.strip() for key in str(item.get("key") or "").split(",") if key.strip()],
            "content": _macros(item.get("value")),
            "extensions": {},
            "enabled": True,
            "insertion_order": order,
            "use_regex": False,
        }
        for order, item in enumerate(_list(items))
        if isinstance(item, dict)
    ]
    return {"extensions": {}, "entries": entries} if entries else None


def _macros(text: Any) -> str:
    """The same text with cards' names for who speaks."""
    if not isinstance(text, str):
        return ""
    text = _SPEAKER.sub(lambda found: f"{_MACROS[found[1].lower()]}:", text)
    return _MACRO.sub(lambda found: _MACROS[found[1].lower()], text)


def _seconds(text: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def _images(character: dict[str, Any], folder: str) -> dict[str, str]:
    """The labels of a character's pictures by their paths in the archive."""
    return {
        f"{folder}/{image['path']}": str(image.get("label") or "")
        for image in _list(character.get("images"))
        if isinstance(image, dict) and isinstance(image.get("path"), str)
    }


def _asset(number: int, label: str, path: str, data: bytes) -> tuple[dict[str, str], Member]:
    """A picture as an asset and its file; the first is the main icon."""
    suffix = posixpath.splitext(path)[1].lower()
    place = f"assets/icon/images/{number}{suffix}"
    asset = {
        "type": "icon",
        "uri": f"{EMBEDDED}{place}",
        "name": label or str(number),
        "ext": suffix.removeprefix(".") or "unknown",
    }
    return (asset if number else {**asset, "name": "main"}), Member(place, data)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
