"""Lorebook files of every format, made for the tests."""

import base64
import json
import struct
import zlib
from typing import Any

ST_ENTRY: dict[str, Any] = {
    "uid": 3,
    "key": ["magic", "/mana\\d+/i"],
    "keysecondary": ["spell"],
    "comment": "Magic",
    "content": "Magic is real.",
    "constant": True,
    "vectorized": True,
    "selective": False,
    "selectiveLogic": 3,
    "addMemo": True,
    "order": 7,
    "position": 4,
    "disable": True,
    "ignoreBudget": True,
    "excludeRecursion": True,
    "preventRecursion": True,
    "delayUntilRecursion": 2,
    "probability": 40,
    "useProbability": False,
    "depth": 2,
    "outletName": "door",
    "group": "a,b",
    "groupOverride": True,
    "groupWeight": 5,
    "scanDepth": 9,
    "caseSensitive": True,
    "matchWholeWords": False,
    "useGroupScoring": True,
    "automationId": "auto",
    "role": 2,
    "sticky": 1,
    "cooldown": 2,
    "delay": 3,
    "matchPersonaDescription": True,
    "matchCharacterDescription": True,
    "matchCharacterPersonality": True,
    "matchCharacterDepthPrompt": True,
    "matchScenario": True,
    "matchCreatorNotes": True,
    "characterFilter": {"isExclude": True, "names": ["Ada"], "tags": ["t"]},
    "triggers": ["normal", "swipe"],
    "displayIndex": 11,
    "madeUp": {"kept": [1, None]},
}
ST: dict[str, Any] = {
    "entries": {"3": ST_ENTRY},
    "name": "World",
    "extensions": {"x": 1},
    "originalData": {"entries": [{"keys": ["old"]}]},
}
ST_EXTENSIONS: dict[str, Any] = {
    "position": 4,
    "exclude_recursion": True,
    "prevent_recursion": False,
    "delay_until_recursion": True,
    "display_index": 2,
    "probability": 100,
    "useProbability": True,
    "depth": 3,
    "selectiveLogic": 2,
    "group": "",
    "role": None,
    "sticky": None,
    "case_sensitive": None,
    "chub": {"kept": True},
}
V3_ENTRY: dict[str, Any] = {
    "keys": ["^ma.ic$"],
    "content": "@@depth 3\n\nMagic is real.",
    "extensions": {"ours": [1]},
    "enabled": True,
    "insertion_order": 5,
    "use_regex": True,
    "constant": True,
    "case_sensitive": True,
    "name": "Magic",
    "priority": 4,
    "id": "an-id",
    "comment": "",
    "position": "before_char",
    "made_up": 1,
}
V3: dict[str, Any] = {
    "name": "World",
    "description": "All of it",
    "scan_depth": 6,
    "token_budget": 700,
    "recursive_scanning": False,
    "extensions": {"deep": {"er": 1}},
    "entries": [V3_ENTRY],
    "made_up": None,
}
AGNAI: dict[str, Any] = {
    "kind": "memory",
    "_id": "abc",
    "userId": "me",
    "name": "World",
    "description": "All of it",
    "entries": [
        {
            "name": "Drinks",
            "entry": "Tea is served.",
            "keywords": ["tea", "drink*", "c?p"],
            "priority": 8,
            "weight": 3,
            "enabled": False,
            "made_up": 1,
        }
    ],
}
RISU: dict[str, Any] = {
    "type": "risu",
    "ver": 1,
    "data": [
        {
            "key": "tea,  coffee",
            "secondkey": "hot",
            "insertorder": 50,
            "comment": "Drinks",
            "content": "Tea is served.",
            "mode": "normal",
            "alwaysActive": False,
            "selective": True,
            "extentions": {"risu_case_sensitive": True, "other": 1},
            "activationPercent": 30,
            "loreCache": None,
            "useRegex": False,
            "bookVersion": 2,
            "id": "an-id",
            "folder": "folder:x",
        },
        {"key": "/a,b/i, /c/", "useRegex": True, "mode": "constant", "content": "x"},
    ],
}
NOVELAI: dict[str, Any] = {
    "lorebookVersion": 5,
    "entries": [
        {
            "text": "Tea is served.",
            "contextConfig": {"prefix": "[", "suffix": "]", "budgetPriority": 400},
            "lastUpdatedAt": 1700000000000,
            "displayName": "Drinks",
            "id": "an-id",
            "keys": ["tea", "/coff?ee/i"],
            "searchRange": 2000,
            "enabled": True,
            "forceActivation": True,
            "keyRelative": True,
            "nonStoryActivatable": True,
            "category": "c",
            "loreBiasGroups": [{"phrases": []}],
            "hidden": False,
        }
    ],
    "settings": {"orderByKeyLocations": True},
    "categories": [{"name": "c", "id": "c", "enabled": True}],
    "order": ["an-id"],
}
STANDALONE: dict[str, Any] = {"spec": "lorebook_v3", "data": V3, "beside": 1}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def st_book(**entry: Any) -> bytes:
    """A world info file of one entry with these fields."""
    return as_json({"entries": {"0": {"uid": 0, **entry}}})


def v3_book(**entry: Any) -> bytes:
    """A character book of one entry with these fields."""
    return as_json({"entries": [entry], "extensions": {}})


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def in_png(value: Any, keyword: str) -> bytes:
    """A picture without pixels, with the value in a tEXt chunk."""
    text = keyword.encode() + b"\x00" + base64.b64encode(as_json(value))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"tEXt", text) + _chunk(b"IEND", b"")
