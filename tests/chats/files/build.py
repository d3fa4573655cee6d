"""Chat files for the tests."""

import json
from typing import Any

HEADER = {
    "user_name": "Ana",
    "character_name": "Luna",
    "create_date": "2024-7-12@01h31m37s",
    "chat_metadata": {
        "integrity": "f3b0",
        "note_prompt": "Be brief.",
        "note_interval": 2,
        "note_depth": 3,
        "note_position": 1,
        "note_role": 0,
        "world_info": "Old Town",
        "persona": "ana.png",
        "scenario": "A night train.",
        "variables": {"score": 4},
        "timedWorldInfo": {"sticky": {"a.1": {"hash": 7, "start": 1, "end": 3}}, "cooldown": {}},
        "main_chat": "Luna - 1",
        "tainted": True,
        "attachments": [{"name": "map.txt"}],
    },
    "made_up": {"kept": [1, None]},
}
GREETING = {
    "name": "Luna",
    "is_user": False,
    "is_system": False,
    "send_date": "2024-06-05T14:56:50.682Z",
    "mes": "Hello.",
    "extra": {},
    "swipes": ["Hello.", "Good evening."],
    "swipe_id": 0,
    "swipe_info": [],
}
QUESTION = {
    "name": "Ana",
    "is_user": True,
    "is_system": False,
    "send_date": "June 19, 2023 2:20pm",
    "mes": "Where are we?",
    "extra": {"isSmallSys": False},
    "force_avatar": "User Avatars/ana.png",
}
REPLY = {
    "name": "Luna",
    "is_user": False,
    "is_system": False,
    "send_date": 1718000000000,
    "mes": "On a train.",
    "extra": {"api": "openai", "model": "gpt", "reasoning": "Trains."},
    "swipes": ["In a boat.", "On a train."],
    "swipe_id": 1,
    "swipe_info": [
        {
            "send_date": 1718000000000,
            "gen_started": "2024-06-10T06:13:00.000Z",
            "extra": {"model": "a"},
        },
        {"send_date": 1718000001000, "extra": {"model": "gpt"}},
    ],
    "gen_started": "2024-06-10T06:13:20.000Z",
    "title": "",
}
WHOLE = [HEADER, GREETING, QUESTION, REPLY]


def jsonl(*lines: Any, end: str = "\n") -> bytes:
    return end.join(json.dumps(line, ensure_ascii=False) for line in lines).encode()


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Luna", "is_user": False, "mes": text, **more}


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Ana", "is_user": True, "mes": text, **more}
