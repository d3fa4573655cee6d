"""A small SillyTavern data folder, written by the tests themselves."""

import base64
import io
import json

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.chats.files.build import asked, jsonl, said


def picture(**texts):
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    file = io.BytesIO()
    Image.new("RGB", (8, 12), "teal").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def card(name, **data):
    root = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": name, **data}}
    return picture(chara=base64.b64encode(json.dumps(root).encode()).decode())


def world(*texts):
    return {
        "entries": {
            str(n): {"uid": n, "key": [text.split()[0]], "content": text}
            for n, text in enumerate(texts)
        }
    }


def header(**metadata):
    return {"user_name": "unused", "character_name": "unused", "chat_metadata": metadata}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


SETTINGS = {
    "username": "Ana",
    "world_info_settings": {
        "world_info": {
            "globalSelect": ["Old Town", "Nowhere"],
            "charLore": [{"name": "Sol", "extraBooks": ["Sea"]}],
        },
        "world_info_depth": 5,
        "world_info_budget": 40,
        "world_info_character_strategy": 0,
        "world_info_recursive": False,
    },
    "power_user": {
        "personas": {"ana.png": "Ana", "max.png": "Max"},
        "default_persona": "ana.png",
        "persona_descriptions": {
            "ana.png": {"description": "Tall.", "lorebook": "Sea"},
            "max.png": {
                "description": "Small.",
                "connections": [{"type": "character", "id": "Sol.png"}],
            },
        },
    },
}
GROUP = {"id": "9", "name": "Crew", "members": ["Luna.png", "Sol.png"], "chats": ["crew 1"]}


def fill(root):
    """Two lorebooks, two characters, two personas, a group with a chat, and three chats."""
    put(root / "worlds/Old Town.json", world("tower Tall and old.", "gate Shut at night."))
    put(root / "worlds/Sea.json", world("tide Twice a day."))
    put(root / "characters/Luna.png", card("Luna", extensions={"world": "Old Town"}))
    put(root / "characters/Sol.png", card("Sol Invictus", first_mes="Hot?"))
    put(root / "settings.json", SETTINGS)
    put(root / "User Avatars/ana.png", picture())
    put(root / "groups/9.json", GROUP)
    put(
        root / "group chats/crew 1.jsonl",
        jsonl(
            header(),
            said("Who is there?", name="Luna", original_avatar="Luna.png"),
            asked("Me."),
            said("Me too.", name="Sol Invictus", original_avatar="Sol.png"),
            said("Hot today.", name="Sol Invictus", original_avatar="Sol.png"),
        ),
    )
    put(
        root / "chats/Luna/First.jsonl",
        jsonl(
            header(world_info="Sea", persona="max.png", note_prompt="Be brief.", integrity="a"),
            said("Hello.", swipes=["Hello.", "Hi."], swipe_id=1, mes="Hi."),
            asked("Where?"),
            said("Here."),
        ),
    )
    put(
        root / "chats/Luna/Branch.jsonl",
        jsonl(
            header(main_chat="First", integrity="b"),
            said("Hi."),
            asked("When?"),
            said("Now."),
        ),
    )
    put(root / "chats/Sol/Day.jsonl", jsonl(header(integrity="c"), said("Hot?", name="Sol")))
    return root
