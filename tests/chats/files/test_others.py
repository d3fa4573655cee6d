"""What is written for other programs is read again with all that the form can say."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chats.files import OTHERS, ChatFile, FileMessage, Swipe, read_chat

JUNE = datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC)
TALK = (
    FileMessage(role="assistant", name="Luna", content="Hello <you> & 'all'.", sent_at=JUNE),
    FileMessage(role="user", name="Ana", content="Hi &amp; bye"),
    FileMessage(role="user", name="Ana", content="Still there?"),
    FileMessage(
        role="assistant",
        name="Luna",
        content="On a boat.",
        swipes=(Swipe(content="On a train."), Swipe(content="On a boat.")),
        swipe_index=1,
    ),
    FileMessage(role="user", name="Ana", content="Good."),
)
CHAT = ChatFile(title="A day", character_name="Luna", user_name="Ana", scenario="A pier.")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
SPOKEN = st.builds(
    FileMessage,
    role=st.sampled_from(["user", "assistant"]),
    name=st.sampled_from(["Ana", "Luna"]),
    content=TEXTS,
    sent_at=st.none() | st.just(JUNE),
)


def written(program, messages=TALK, chat=CHAT):
    return b"".join(OTHERS[program](chat, lambda: iter(messages)))


def again(program, messages=TALK, chat=CHAT):
    (read,) = read_chat(written(program, messages, chat), f"{chat.title}.json")
    return read


def test_chub_says_everything():
    read = again("chub")

    assert (read.form, read.title, read.scenario) == ("chub", "A day", "A pier.")
    assert read.messages == TALK


def test_chub_gives_back_what_stood_beside_a_text():
    line = {"mes": {"message": "Hi", "mood": 3}, "swipes": [{"message": "Hi", "x": 1}]}
    first = b'{"chat_metadata":{}}\n' + json.dumps(line).encode()
    (read,) = read_chat(first, "x.jsonl")

    data = written("chub", read.messages, read).splitlines()[1]

    assert json.loads(data)["mes"] == {"message": "Hi", "mood": 3}
    assert json.loads(data)["swipes"] == [{"message": "Hi", "x": 1}]


def test_a_key_that_only_looks_like_chubs_is_no_matter():
    odd = FileMessage(role="user", content="Hi", unknown={"chub": 5})

    assert [one.content for one in again("chub", (odd,)).messages] == ["Hi"]


def test_agnai_says_names_times_versions_and_the_scenario():
    read = again("agnai")

    assert (read.form, read.scenario) == ("agnai", "A pier.")
    assert [(m.role, m.name, m.content, m.sent_at) for m in read.messages] == [
        (m.role, m.name, m.content, m.sent_at) for m in TALK
    ]
    assert [s.content for s in read.messages[3].swipes] == ["On a boat.", "On a train."]


def test_cai_says_names_and_times():
    read = again("cai")

    assert read.form == "cai"
    assert [(m.role, m.name, m.content, m.sent_at) for m in read.messages] == [
        (m.role, m.name, m.content, m.sent_at) for m in TALK
    ]


def test_ooba_says_the_words_raw_and_as_html():
    root = json.loads(written("ooba"))

    assert root["internal"] == [
        ["<|BEGIN-VISIBLE-CHAT|>", "Hello <you> & 'all'."],
        ["Hi &amp; bye", ""],
        ["Still there?", "On a boat."],
        ["Good.", ""],
    ]
    assert root["visible"][0] == ["", "Hello &lt;you&gt; &amp; &#x27;all&#x27;."]
    assert [(m.role, m.content) for m in again("ooba").messages] == [
        (m.role, m.content) for m in TALK
    ]


@pytest.mark.parametrize("program", list(OTHERS))
def test_a_chat_without_messages_is_a_whole_file(program):
    assert [json.loads(line) for line in written(program, ()).splitlines()]


@pytest.mark.parametrize("program", list(OTHERS))
@given(messages=st.lists(SPOKEN, min_size=1, max_size=8))
def test_the_words_come_back_whatever_they_are(program, messages):
    read = again(program, messages)

    assert [(m.role, m.content) for m in read.messages] == [(m.role, m.content) for m in messages]
