"""Reading the chats of Ooba, Agnai, CAI Tools, Risu and KoboldAI Lite."""

import json
from datetime import UTC, datetime

import pytest

from chats.files import foreign, read_chat
from core.errors import Invalid

JUNE = datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC)


def read(root, filename=""):
    return read_chat(json.dumps(root).encode(), filename)


def talk(chat):
    return [(one.role, one.name, one.content) for one in chat.messages]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "root",
    [
        {
            "data_visible": [["", "Hello."], ["Hi &amp; bye", "Don&#x27;t &lt;go&gt;"]],
            "data": [["?", "?"]],
        },
        {"internal": [["?", "?"]], "visible": [["", "Hello."], ["Hi & bye", "Don't <go>"]]},
        {"data": [["<|BEGIN-VISIBLE-CHAT|>", "Hello."], ["Hi & bye", "Don't <go>"], ["odd"], 4]},
        {
            "internal": [["<|BEGIN-VISIBLE-CHAT|>", "Hello."], ["Hi & bye", "Don't <go>"]],
            "visible": [],
        },
    ],
)
def test_ooba(root, indent):
    (chat,) = read_chat(json.dumps(root, indent=indent).encode(), "x.json")

    assert (chat.form, chat.title) == ("ooba", "x")
    assert talk(chat) == [
        ("assistant", "", "Hello."),
        ("user", "", "Hi & bye"),
        ("assistant", "", "Don't <go>"),
    ]


def test_agnai():
    (chat,) = read(
        {
            "name": "Chat",
            "scenario": "A train.",
            "messages": [
                {"msg": "Hello.", "handle": "Luna", "createdAt": "2024-06-10T06:13:20.000Z"},
                {"msg": "Hi", "userId": "u1", "handle": "Ana"},
                {"msg": "b", "characterId": "c", "retries": ["a", 5]},
                {"other": 1},
                "odd",
            ],
        }
    )

    assert (chat.form, chat.scenario) == ("agnai", "A train.")
    assert (chat.user_name, chat.character_name) == ("Ana", "Luna")
    assert talk(chat) == [
        ("assistant", "Luna", "Hello."),
        ("user", "Ana", "Hi"),
        ("assistant", "Luna", "b"),
    ]
    assert chat.messages[0].sent_at == JUNE
    assert [one.content for one in chat.messages[2].swipes] == ["b", "a"]


def cai(*texts):
    return {
        "msgs": [{"src": {"is_human": n % 2 == 1}, "text": text} for n, text in enumerate(texts)]
    }


def test_several_cai_histories_are_several_chats():
    first = cai("Hello.", "Hi")
    first["msgs"][0] |= {"created": "2024-06-10T06:13:20Z", "src": {"name": "Luna"}}
    chats = read({"histories": {"histories": [first, {"msgs": []}, cai("Again."), 7]}}, "dump.json")

    assert [(chat.title, chat.form, talk(chat)) for chat in chats] == [
        ("dump 1", "cai", [("assistant", "Luna", "Hello."), ("user", "", "Hi")]),
        ("dump 2", "cai", [("assistant", "", "Again.")]),
    ]
    assert chats[0].messages[0].sent_at == JUNE


def test_risu():
    message = [
        {"role": "user", "data": "Hi", "time": 1718000000000},
        {"role": "char", "data": "Hello.", "name": "Luna"},
    ]
    (chat,) = read({"type": "risuChat", "ver": 2, "data": {"message": message}})
    both = read({"type": "risuAllChats", "data": [{"message": message}, {"message": message}]})

    assert talk(chat) == [("user", "", "Hi"), ("assistant", "Luna", "Hello.")]
    assert chat.messages[0].sent_at == JUNE
    assert [talk(one) for one in both] == [talk(chat)] * 2


@pytest.mark.parametrize(
    ("prompt", "actions", "found"),
    [
        (
            "A room.{{[INPUT]}}Hi",
            ["{{[OUTPUT]}}", "Hello.", "{{[INPUT]}}Bye{{[INPUT_END]}}{{[SYSTEM]}}End."],
            [
                ("assistant", "Luna", "A room."),
                ("user", "Ana", "Hi"),
                ("assistant", "Luna", "Hello."),
                ("user", "Ana", "Bye"),
                ("system", "", "End."),
            ],
        ),
        (
            "",
            ["\nAna: Hi: you", "\nLuna:Hello.\nHow are you?\nSol: Hey"],
            [
                ("user", "Ana", "Hi: you"),
                ("assistant", "Luna", "Hello.\nHow are you?"),
                ("assistant", "Sol", "Hey"),
            ],
        ),
        (
            "Once",
            [" upon", 4, " a time"],
            [
                ("assistant", "Luna", "Once"),
                ("assistant", "Luna", "upon"),
                ("assistant", "Luna", "a time"),
            ],
        ),
    ],
)
def test_kobold(prompt, actions, found):
    settings = {"chatname": "Ana", "chatopponent": "Luna||$||Sol"}
    (chat,) = read({"savedsettings": settings, "prompt": prompt, "actions": actions})

    assert (chat.user_name, chat.character_name) == ("Ana", "Luna")
    assert talk(chat) == found


@pytest.mark.parametrize(
    "root",
    [
        {"data_visible": []},
        {"data_visible": [["", ""]]},
        {"data": {"name": "card"}},
        {"messages": [{"role": "user", "content": "x"}]},
        {"histories": []},
        {"histories": {"histories": [{"msgs": 5}]}},
        {"type": "risuChat", "data": 5},
        {"savedsettings": 4, "actions": []},
        {"savedsettings": {}, "actions": []},
        {"spec": "chara_card_v2", "data": {"name": "Luna"}},
        {"personas": {}},
        [1, 2],
    ],
)
def test_what_holds_no_messages_is_no_chat(root):
    with pytest.raises(Invalid) as caught:
        read(root)

    assert (caught.value.code, caught.value.param) == ("no_chat", "file")


def test_limits(monkeypatch):
    monkeypatch.setattr(foreign, "MESSAGES_MOST", 2)
    monkeypatch.setattr(foreign, "TEXT_CHARS_MOST", 3)
    (chat,) = read({"data": [["abcde", "x"]]})

    assert talk(chat) == [("user", "", "abc"), ("assistant", "", "x")]
    assert chat.notes == ("Message 1: the text was longer than a megabyte and was cut.",)
    with pytest.raises(Invalid) as caught:
        read({"data": [["a", "b"], ["c", "d"]]})
    assert caught.value.code == "chat_too_large"
