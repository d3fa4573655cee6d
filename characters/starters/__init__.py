"""The six characters that a new instance begins with, one file each."""

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import User
from catalog.models import Project
from characters.models import Character
from characters.services import create_character, create_scenario

FOLDER = Path(__file__).parent
ORDER = ("luna", "tobias", "adaeze", "sable", "ilse", "bramble")
CREATOR = "Reverie"


def read_starter(slug: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{slug}.toml").read_text(encoding="utf-8"))


def add_starters(*, owner: User) -> list[Character]:
    """Give the owner the starters they do not have yet, public for everybody here."""
    return [
        character
        for slug in ORDER
        if (character := _add(read_starter(slug), slug, owner)) is not None
    ]


def _add(text: dict[str, Any], slug: str, owner: User) -> Character | None:
    marker = {"reverie": {"starter": slug}}
    if Character.objects.filter(owner=owner, extensions=marker).exists():
        return None
    scenarios, entries = text.pop("scenarios"), text.pop("lore")
    with transaction.atomic():
        character = create_character(
            owner=owner,
            visibility=Project.Visibility.PUBLIC,
            creator=CREATOR,
            character_version="1",
            extensions=marker,
            character_book=_book(text["name"], entries),
            **text,
        )
        for scenario in scenarios:
            create_scenario(character=character, **scenario)
    return character


def _book(name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The lore as a version 3 character book."""
    return {
        "name": f"{name}'s world",
        "extensions": {},
        "entries": [
            {
                "keys": entry["keys"],
                "content": entry["content"],
                "extensions": {},
                "enabled": True,
                "insertion_order": 100 + index,
                "use_regex": False,
                "constant": False,
                "name": entry["name"],
                "position": "before_char",
            }
            for index, entry in enumerate(entries)
        ],
    }
