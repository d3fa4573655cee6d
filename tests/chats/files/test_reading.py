"""Reading SillyTavern's and Chub's chats: every variant, every usual mistake."""

import codecs
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chats.files import ChatFile, FileMessage, Note, Swipe, lines, read_chat, reading, values
from core.errors import Invalid
from tests.chats.files.build import GREETING, HEADER, QUESTION, REPLY, WHOLE, asked, jsonl, said

REAL = sorted((Path(__file__).resolve().parents[4] / "shared" / "cards").glob("*.jsonl"))


def read(*items, filename=""):
    (chat,) = read_chat(jsonl(*items), filename)
    return chat


def message(*items):
    (found,) = read(*items).messages
    return found


def refused(data):
    with pytest.raises(Invalid) as caught:
        read_chat(data)
    assert caught.value.param == "file"
    return caught.value.code


def test_chat_is_read_whole():
    assert read(*WHOLE, filename="chats/Luna - 2.jsonl") == ChatFile(
        title="Luna - 2",
        user_name="Ana",
        character_name="Luna",
        created_at=datetime(2024, 7, 12, 1, 31, 37, tzinfo=UTC),
        note=Note(prompt="Be brief.", interval=2, depth=3, position=1, role=0),
        scenario="A night train.",
        persona="ana.png",
        world_info="Old Town",
        variables={"score": 4},
        timed=HEADER["chat_metadata"]["timedWorldInfo"],
        parent="Luna - 1",
        integrity="f3b0",
        unknown={
            "header": {"made_up": {"kept": [1, None]}},
            "metadata": {"tainted": True, "attachments": [{"name": "map.txt"}]},
        },
        messages=(
            FileMessage(
                role="assistant",
                name="Luna",
                content="Hello.",
                sent_at=datetime(2024, 6, 5, 14, 56, 50, 682000, UTC),
                swipes=(Swipe(content="Hello."), Swipe(content="Good evening.")),
            ),
            FileMessage(
                role="user",
                name="Ana",
                content="Where are we?",
                sent_at=datetime(2023, 6, 19, 14, 20, tzinfo=UTC),
                extra={"isSmallSys": False},
                unknown={"force_avatar": "User Avatars/ana.png"},
            ),
            FileMessage(
                role="assistant",
                name="Luna",
                content="On a train.",
                sent_at=datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC),
                swipes=(
                    Swipe(
                        content="In a boat.",
                        sent_at=datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC),
                        extra={"model": "a"},
                        unknown={"gen_started": "2024-06-10T06:13:00.000Z"},
                    ),
                    Swipe(
                        content="On a train.",
                        sent_at=datetime(2024, 6, 10, 6, 13, 21, tzinfo=UTC),
                        extra={"model": "gpt"},
                    ),
                ),
                swipe_index=1,
                extra=REPLY["extra"],
                unknown={"gen_started": "2024-06-10T06:13:20.000Z", "title": ""},
            ),
        ),
    )


@pytest.mark.parametrize(
    "header",
    [
        {"chat_metadata": {}, "user_name": "unused", "character_name": "unused"},
        {"chat_metadata": {"integrity": "x"}},
        {"user_name": None, "character_name": 5, "create_date": 0},
    ],
)
def test_names_come_from_messages_where_the_header_has_none(header):
    chat = read(header, GREETING, QUESTION)

    assert (chat.user_name, chat.character_name) == ("Ana", "Luna")


def test_names_of_the_header_go_to_messages_without():
    chat = read(HEADER, {"mes": "a"}, {"mes": "b", "is_user": True, "name": None})

    assert [one.name for one in chat.messages] == ["Luna", "Ana"]


def test_chat_without_header_is_read():
    chat = read(asked("Hi"), said("Hello"))

    assert [(one.role, one.content) for one in chat.messages] == [
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]
    assert chat.notes == ()


def test_header_alone_is_an_empty_chat():
    assert read(HEADER).messages == ()


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + jsonl(*WHOLE),
        jsonl(*WHOLE, end="\r\n"),
        jsonl(*WHOLE, end="\n\n  \n") + b"\n\n",
        jsonl(*WHOLE).decode().encode("utf-16"),
        jsonl(WHOLE),
    ],
    ids=["bom", "crlf", "blank lines", "utf-16", "one list"],
)
def test_same_chat_in_other_wrappings(data):
    assert read_chat(data) == [read(*WHOLE)]


@pytest.mark.parametrize(
    "broken",
    [b'{"name": "Lu', b"nonsense", b"[1, 2]", b"5", b'{"other": 1}', b'{"mes": ' + b"[" * 200],
)
def test_broken_line_is_left_out_and_named(broken):
    parts = jsonl(*WHOLE).split(b"\n")
    (chat,) = read_chat(b"\n".join([*parts[:2], b"", broken, *parts[2:]]))

    assert chat.messages == read(*WHOLE).messages
    assert chat.notes == ("Line 4 held no message and was left out.",)


def test_broken_first_line_is_left_out():
    (chat,) = read_chat(b'{"user_na\n' + jsonl(GREETING, QUESTION))

    assert [one.content for one in chat.messages] == ["Hello.", "Where are we?"]
    assert chat.notes == ("Line 1 held no message and was left out.",)


def test_second_header_is_left_out():
    chat = read(HEADER, GREETING, {**HEADER, "user_name": "Eve"}, QUESTION)

    assert (chat.user_name, len(chat.messages)) == ("Ana", 2)
    assert chat.notes == ("Line 3 began another chat and was left out.",)


def test_bytes_that_are_no_text_are_replaced():
    (chat,) = read_chat(jsonl(said("caf_")).replace(b"_", b"\xe9"))

    assert chat.messages[0].content == "caf\ufffd"


def test_half_a_character_is_replaced():
    (chat,) = read_chat(b'{"mes": "ab\\ud83d", "is_user": true}')

    assert chat.messages[0].content == "ab\ufffd"


@pytest.mark.parametrize(
    ("more", "role", "hidden"),
    [
        ({}, "assistant", False),
        ({"is_user": True}, "user", False),
        ({"is_user": "true"}, "user", False),
        ({"is_system": True}, "assistant", True),
        ({"is_user": True, "is_system": True}, "user", True),
        ({"extra": {"type": "narrator"}}, "system", False),
        ({"is_system": True, "extra": {"type": "comment"}}, "system", True),
        ({"is_system": True, "extra": {"type": "assistant_message"}}, "assistant", True),
        ({"is_system": True, "extra": {"type": ["x"]}}, "assistant", True),
    ],
)
def test_role_and_hiding(more, role, hidden):
    found = message(said("x", **more))

    assert (found.role, found.hidden) == (role, hidden)


def swiped(mes, swipes, swipe_id, **more):
    chat = read(said(mes, swipes=swipes, swipe_id=swipe_id, **more))
    (found,) = chat.messages
    return found.content, [one.content for one in found.swipes], found.swipe_index, chat.notes


@pytest.mark.parametrize(
    ("mes", "swipes", "swipe_id", "kept", "index", "note"),
    [
        ("b", ["a", "b"], 5, ["a", "b"], 1, "`swipe_id` names no swipe"),
        ("b", ["a", "b"], -1, ["a", "b"], 1, "`swipe_id` names no swipe"),
        ("b", ["a", "b"], "1", ["a", "b"], 1, "`swipe_id` names no swipe"),
        ("b", ["a", "b"], None, ["a", "b"], 1, None),
        (
            "a",
            ["a", "b"],
            1,
            ["a", "b"],
            0,
            "the text is that of another swipe than `swipe_id` says",
        ),
        (
            "c",
            ["a", "b"],
            0,
            ["a", "b", "c"],
            2,
            "the text is that of no swipe and became one more",
        ),
        (
            "a ",
            ["a", "b"],
            0,
            ["a ", "b"],
            0,
            "the text differed from that of its swipe, which was set right",
        ),
        ("b", ["a", "b", "b"], 2, ["a", "b", "b"], 2, None),
        ("a", [], 0, [], 0, None),
        ("a", "b", 0, [], 0, "`swipes` was no list and was left out"),
        ("a", ["a", None], 0, ["a", ""], 0, None),
    ],
)
def test_swipes_and_text_are_made_to_agree(mes, swipes, swipe_id, kept, index, note):
    notes = (f"Line 1: {note}.",) if note else ()

    assert swiped(mes, swipes, swipe_id) == (mes, kept, index, notes)


def test_text_is_that_of_the_swipe_where_there_is_none():
    assert message({"swipes": ["a", "b"], "swipe_id": 0}).content == "a"


@pytest.mark.parametrize(
    ("info", "extras"),
    [
        (None, [{}, {}]),
        ([], [{}, {}]),
        ([{"extra": {"n": 1}}], [{"n": 1}, {}]),
        ([None, {"extra": {"n": 1}}], [{}, {"n": 1}]),
        ({"1": {"extra": {"n": 1}}, "7": {}}, [{}, {"n": 1}]),
        ({"extra": {"n": 1}}, [{}, {"n": 1}]),
        ([{}, {}, {"extra": {"n": 1}}], [{}, {}]),
        ("x", [{}, {}]),
        ([{"extra": 5}], [{}, {}]),
    ],
)
def test_swipe_info_in_every_shape(info, extras):
    found = message(said("b", swipes=["a", "b"], swipe_id=1, swipe_info=info))

    assert [one.extra for one in found.swipes] == extras


def test_date_that_cannot_be_read_is_kept():
    chat = read({**HEADER, "create_date": "once"}, said("x", send_date="then"))

    assert (chat.created_at, chat.unknown["header"]["create_date"]) == (None, "once")
    assert (chat.messages[0].sent_at, chat.messages[0].unknown) == (None, {"send_date": "then"})
    assert chat.notes == (
        "`create_date` could not be read and was kept as it was.",
        "Line 2: `send_date` could not be read and was kept as it was.",
    )


@pytest.mark.parametrize(
    ("metadata", "note"),
    [
        ({}, None),
        ({"note_prompt": ""}, Note()),
        (
            {"note_prompt": "x", "note_depth": "7", "note_interval": 0},
            Note(prompt="x", depth=7, interval=0),
        ),
        ({"note_depth": -1, "note_position": 3, "note_role": 9, "note_interval": True}, Note()),
        ({"note_depth": "9" * 5000, "note_role": 2}, Note(role=2)),
    ],
)
def test_authors_note(metadata, note):
    assert read({"chat_metadata": metadata}).note == note


def test_header_values_of_the_wrong_kind_are_left_out():
    chat = read({"chat_metadata": {"scenario": 5, "variables": [], "world_info": None}}, GREETING)

    assert (chat.scenario, chat.variables, chat.world_info, chat.unknown) == ("", {}, "", {})
    assert chat.notes == (
        "`scenario` was no text and was left out.",
        "`variables` was no object and was left out.",
    )


def test_chub_texts_are_unwrapped():
    chat = read(
        {"user_name": "You", "character_name": "Luna"},
        said({"message": "b", "id": 4}, swipes=[{"message": "a"}, {"message": "b"}], swipe_id=1),
        asked("plain"),
    )

    assert chat.form == "chub"
    assert chat.messages == (
        FileMessage(
            role="assistant",
            name="Luna",
            content="b",
            swipes=(Swipe(content="a"), Swipe(content="b")),
            swipe_index=1,
            unknown={"chub": {"id": 4}},
        ),
        FileMessage(role="user", name="Ana", content="plain"),
    )


def test_long_text_is_cut_and_noted(monkeypatch):
    monkeypatch.setattr(lines, "TEXT_CHARS_MOST", 5)
    chat = read(said("abcdefg", swipes=["abcdefg"], swipe_id=0))

    assert chat.messages[0].content == "abcde"
    assert chat.messages[0].swipes == (Swipe(content="abcde"),)
    assert chat.notes == ("Line 1: the text was longer than a megabyte and was cut.",) * 2


def test_too_many_swipes_are_cut_but_never_the_one_shown():
    texts = [f"v{n}" for n in range(600)]

    content, kept, index, notes = swiped("v590", texts, 590)

    assert (content, kept, index) == ("v590", [*texts[:499], "v590"], 499)
    assert notes == ("Line 1: only 500 of 600 swipes were kept.",)


def test_text_of_no_swipe_replaces_one_where_there_is_no_room():
    content, kept, index, _ = swiped("new", [f"v{n}" for n in range(500)], 3)

    assert (content, len(kept), kept[3], index) == ("new", 500, "new", 3)


def test_notes_are_not_endless():
    chat = read(*[said("x", extra=5)] * 150)

    assert len(chat.notes) == 101
    assert chat.notes[-1] == "And 50 more notes like these."


@pytest.mark.parametrize(
    "data", [b"", b"   \n\n", b"hello", b"{}", b"[]", b'"text"', b"\x89PNG\r\n\x1a\n", b"\x00" * 50]
)
def test_what_is_no_chat_is_refused(data):
    assert refused(data) == "no_chat"


def test_limits_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MESSAGES_MOST", 3)
    monkeypatch.setattr(reading, "BROKEN_LINES_MOST", 3)

    assert refused(jsonl(*[said("x")] * 4)) == "chat_too_large"
    assert refused(jsonl(HEADER) + b"\nbad" * 4) == "chat_damaged"
    assert refused(b"[" * 4_000_001) == "chat_too_complex"
    assert refused(b" " * (values.FILE_BYTES_MOST + 1)) == "chat_too_large"


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("", ""),
        ("a/b\\Luna - 1.jsonl", "Luna - 1"),
        ("Luna.JSON", "Luna"),
        ("Luna 2.5", "Luna 2.5"),
        ("x" * 300, "x" * 200),
        ("a\udcff.jsonl", "a\ufffd"),
    ],
)
def test_title_is_the_name_of_the_file(filename, title):
    assert reading.title_of(filename) == title


@pytest.mark.skipif(not REAL, reason="no real chats here")
def test_real_chats_are_read():
    for path in REAL:
        (chat,) = read_chat(path.read_bytes(), path.name)
        assert chat.notes == ()
        assert all(one.content and one.sent_at for one in chat.messages)
