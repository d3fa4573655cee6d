"""What SillyTavern's settings say, old and new."""

import pytest

from chats.files.settings import (
    Settings,
    Tags,
    WorldSettings,
    read_settings,
    read_tags,
    read_worn,
)
from chats.files.values import Note
from personas.backup import PersonaFile

WORLD = {
    "world_info": {
        "globalSelect": ["Old Town", 5, ""],
        "charLore": [
            {"name": "Luna", "extraBooks": ["Trains", "Nights"]},
            {"name": "Sol", "extraBooks": []},
            {"extraBooks": ["x"]},
            None,
        ],
    },
    "world_info_depth": 2,
    "world_info_budget": "25",
    "world_info_budget_cap": 0,
    "world_info_character_strategy": 1,
    "world_info_recursive": True,
    "world_info_case_sensitive": False,
    "world_info_match_whole_words": 1,
    "world_info_min_activations": -3,
}
READ_WORLD = WorldSettings(
    scan_depth=2,
    budget_percent=25,
    budget_cap=0,
    strategy=1,
    recursive=True,
    case_sensitive=False,
    global_books=("Old Town",),
    character_books={"Luna": ("Trains", "Nights")},
)


def test_settings_are_read():
    root = {
        "username": "Ana",
        "world_info_settings": WORLD,
        "extension_settings": {
            "note": {"default": "Be brief.", "defaultDepth": 2, "defaultRole": "1"},
        },
        "oai_settings": {
            "main_prompt": "old",
            "prompts": [
                {"identifier": "main", "content": "Write."},
                {"identifier": "jailbreak", "content": "Go on."},
                {"identifier": ["x"], "content": "?"},
                {"identifier": "mine", "content": "?"},
                None,
            ],
        },
        "power_user": {"sysprompt": {"content": "You are."}},
    }

    assert read_settings(root) == Settings(
        username="Ana",
        world=READ_WORLD,
        note=Note(prompt="Be brief.", depth=2, role=1),
        main_prompt="Write.",
        post_history="Go on.",
        system_prompt="You are.",
    )


def test_old_settings_are_read():
    root = {
        **WORLD,
        "oai_settings": {"main_prompt": "a", "nsfw_prompt": "b", "jailbreak_prompt": "c"},
    }

    assert read_settings(root) == Settings(
        world=READ_WORLD, main_prompt="a", auxiliary_prompt="b", post_history="c"
    )


@pytest.mark.parametrize(
    "root",
    [
        {},
        {"world_info_settings": 5, "power_user": [], "extension_settings": {"note": []}},
        {"oai_settings": {"prompts": {}}, "world_info": {"charLore": 5}, "username": 1},
        {"extension_settings": {"note": {"default": None, "chara": []}}},
    ],
)
def test_odd_settings_say_nothing(root):
    assert read_settings(root) == Settings()
    assert read_worn(root) == []


def test_personas_of_the_settings():
    power_user = {"personas": {"a.png": "Ana"}, "persona_description": "now worn"}

    assert read_worn({"power_user": power_user}) == [PersonaFile(key="a.png", name="Ana")]


def test_only_persona_of_old_settings():
    root = {"username": "Ana", "user_avatar": "a.png", "power_user": {"persona_description": "Me."}}

    assert read_worn(root) == [
        PersonaFile(key="a.png", name="Ana", description="Me.", is_default=True)
    ]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ({}, Tags()),
        ({"tags": 5, "tag_map": []}, Tags()),
        (
            {
                "tags": [
                    {"id": "a", "name": " Sea  folk "}, {"id": "b"}, {"name": "x"}, None,
                    {"id": "c", "name": "Calm"},
                ],
                "tag_map": {"Luna.png": ["a", "c", "gone", 5], "Sol.png": ["b"], "Bo.png": None},
            },
            Tags({"a": "Sea folk", "c": "Calm"}, {"Luna.png": ("Sea folk", "Calm")}),
        ),
    ],
)  # fmt: skip
def test_tags_are_read(root, expected):
    assert read_tags(root) == expected
