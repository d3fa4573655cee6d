"""What is written is read again as it was, whatever a chat holds."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chats.files import (
    ChatFile,
    FileMessage,
    Note,
    Swipe,
    read_chat,
    write_sillytavern,
    write_text,
)
from tests.chats.files.build import HEADER, REPLY, WHOLE, jsonl

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
NAMES = st.sampled_from(["Ana", "Luna", "Zoë 🌙"])
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda kind: st.lists(kind, max_size=2) | st.dictionaries(TEXTS, kind, max_size=2),
    max_leaves=5,
)
UNKNOWN = st.dictionaries(TEXTS.map("x_{}".format), VALUES, max_size=2)
SWIPES = st.builds(Swipe, content=TEXTS, sent_at=MOMENTS, extra=UNKNOWN, unknown=UNKNOWN)


@st.composite
def messages(draw):
    swipes = tuple(draw(st.lists(SWIPES, max_size=3)))
    index = draw(st.integers(0, len(swipes) - 1)) if swipes else 0
    role = draw(st.sampled_from(["user", "assistant", "system"]))
    extra = draw(UNKNOWN)
    return FileMessage(
        role=role,
        name=draw(NAMES),
        content=swipes[index].content if swipes else draw(TEXTS),
        sent_at=draw(MOMENTS),
        hidden=draw(st.booleans()),
        swipes=swipes,
        swipe_index=index,
        extra={**extra, "type": "narrator"} if role == "system" else extra,
        unknown=draw(UNKNOWN),
    )


NOTES = st.builds(
    Note,
    prompt=TEXTS,
    interval=st.integers(0, 99),
    depth=st.integers(0, 99),
    position=st.integers(0, 2),
    role=st.integers(0, 2),
)


@st.composite
def chats(draw):
    unknown = {part: draw(UNKNOWN) for part in ("header", "metadata")}
    return ChatFile(
        title="Luna - 2",
        user_name=draw(NAMES),
        character_name=draw(NAMES),
        created_at=draw(MOMENTS),
        messages=tuple(draw(st.lists(messages(), max_size=4))),
        note=draw(st.none() | NOTES),
        scenario=draw(TEXTS),
        persona=draw(TEXTS),
        world_info=draw(TEXTS),
        variables=draw(UNKNOWN),
        timed=draw(UNKNOWN),
        parent=draw(TEXTS),
        integrity=draw(TEXTS),
        unknown={part: found for part, found in unknown.items() if found},
    )


def again(chat):
    (found,) = read_chat(b"".join(write_sillytavern(chat)), f"{chat.title}.jsonl")
    return found


@given(chats())
def test_written_chat_is_read_as_it_was(chat):
    assert again(chat) == chat


ODD_VALUES = VALUES | st.sampled_from([*HEADER.values(), *REPLY.values()])
ODD_LINES = st.dictionaries(st.sampled_from([*HEADER, *REPLY]), ODD_VALUES)


@given(st.lists(ODD_LINES, min_size=1, max_size=4))
def test_whatever_was_mended_is_written_for_good(lines):
    (chat,) = read_chat(jsonl(HEADER, *lines))

    assert again(chat) == msgspec.structs.replace(chat, form="sillytavern", notes=again(chat).notes)


def test_file_keeps_every_key():
    (chat,) = read_chat(jsonl(*WHOLE))
    written = [json.loads(line) for line in write_sillytavern(chat)]

    assert written[0] == {**HEADER, "create_date": "2024-07-12T01:31:37.000Z"}
    for line, original in zip(written[1:], WHOLE[1:], strict=True):
        assert line.keys() == original.keys()
        assert line["mes"] == original["mes"]


def test_file_is_what_sillytavern_reads():
    greeting = FileMessage(
        role="assistant",
        name="Luna",
        content="b",
        sent_at=datetime(2024, 6, 5, tzinfo=UTC) + timedelta(milliseconds=7),
        swipes=(Swipe(content="a"), Swipe(content="b")),
        swipe_index=1,
    )
    notice = FileMessage(role="system", name="Narrator", content="Night falls.")

    written = write_sillytavern(ChatFile(messages=(greeting, notice)))

    assert [json.loads(line) for line in written] == [
        {"user_name": "unused", "character_name": "unused", "chat_metadata": {}},
        {
            "name": "Luna",
            "is_user": False,
            "is_system": False,
            "send_date": "2024-06-05T00:00:00.007Z",
            "mes": "b",
            "extra": {},
            "swipes": ["a", "b"],
            "swipe_id": 1,
            "swipe_info": [],
        },
        {
            "name": "Narrator",
            "is_user": False,
            "is_system": False,
            "mes": "Night falls.",
            "extra": {"type": "narrator"},
        },
    ]


def test_lines_come_one_by_one():
    written = write_sillytavern(ChatFile(messages=(FileMessage(role="user", content="a\nb"),) * 3))

    assert [line.count(b"\n") for line in written] == [1, 1, 1, 1]


def test_transcript_is_plain():
    (chat,) = read_chat(jsonl(*WHOLE[:3]), "Night train.jsonl")
    hidden = FileMessage(role="system", content="Aside.", hidden=True)
    chat = msgspec.structs.replace(chat, messages=(*chat.messages, hidden))

    assert b"".join(write_text(chat)).decode() == (
        "Night train\n\n"
        "Luna (2024-06-05 14:56 UTC):\nHello.\n\n"
        "Ana (2023-06-19 14:20 UTC):\nWhere are we?\n\n"
        "System (hidden):\nAside.\n\n"
    )
