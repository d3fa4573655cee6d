"""What goes out comes in again as it was."""

import io
import zipfile

import msgspec
import pytest

from chats import exporting
from chats.exporting import export_jsonl, export_text, export_zip
from chats.files import Note, Swipe, merge_branches, read_chat
from chats.importing import given_in, import_chats, store_chats
from chats.models import Message
from chats.services import edit_message, start_chat, step_version, trash_from
from lore.services import bind, create_lorebook
from personas.services import create_persona
from tests.chats.files.build import GREETING, HEADER, QUESTION, REPLY, WHOLE, asked, jsonl, said
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db


def taken_in(owner, luna, *lines, name="Luna - 2.jsonl"):
    return import_chats(owner=owner, character=luna, data=jsonl(*lines), filename=name)[0].chat


def put_together(owner, luna, **files):
    given = [one for name, data in files.items() for one in given_in(data, f"{name}.jsonl")]
    [made] = store_chats(owner=owner, character=luna, given=given)
    return made.chat


def written(chat, title="Luna - 2"):
    return read_chat(b"".join(export_jsonl(chat)), f"{title}.jsonl")[0]


def unzipped(chat):
    """The chats in the archive, by title, and what it says of those left out."""
    file = io.BytesIO()
    list(export_zip(chat, file))
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    left_out = archive.read(names.pop()).decode() if "left out.txt" in names else ""
    read = [read_chat(archive.read(name), name)[0] for name in names]
    return {chat.title: chat for chat in read}, left_out


def texts(file):
    return [message.content for message in file.messages]


def header(**metadata):
    return {"chat_metadata": metadata}


def message(chat, content):
    return chat.messages.get(content=content).uid


ODD = [
    HEADER,
    {**GREETING, "send_date": "the day after", "swipe_info": []},
    {**QUESTION, "send_date": "9999-12-31T23:59:59Z"},
    {**REPLY, "swipes": ["On a train."], "swipe_id": 0, "swipe_info": []},
    {"name": "System", "is_user": False, "is_system": True, "mes": "Ana left.",
     "extra": {"type": "comment"}},
    {"name": "Note", "is_user": False, "mes": "It rains.", "extra": {"type": "narrator"}},
    asked("Psst.", is_system=True),
    said("", swipes=["", "Hm."], swipe_id=0),
    said("No time at all."),
]  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(WHOLE, id="whole"),
        pytest.param(ODD, id="odd"),
        pytest.param([said("Alone.")], id="no header"),
        pytest.param([header(), asked("Only a question.")], id="names unsaid"),
    ],
)
def test_a_chat_goes_out_as_it_came_in(owner, luna, lines):
    chat = taken_in(owner, luna, *lines)
    came = read_chat(jsonl(*lines), "Luna - 2.jsonl")[0]
    went = written(chat)

    assert went.messages == came.messages
    names = {"user_name": went.user_name, "character_name": went.character_name}
    assert went == msgspec.structs.replace(came, **names)
    assert (came.user_name or "owner", came.character_name or "Luna") == tuple(names.values())


def test_it_comes_in_again_as_the_same_tree(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)
    other = CharacterFactory(owner=owner)
    data = b"".join(export_jsonl(chat))
    again = import_chats(owner=owner, character=other, data=data)[0].chat

    facts = (
        "position", "role", "speaker", "content", "reasoning", "model", "active", "chosen",
        "hidden", "state", "extra", "created_at",
    )  # fmt: skip
    first, second = (
        list(one.messages.order_by("position", "uid").values(*facts)) for one in (chat, again)
    )
    assert second == first


def test_what_was_changed_here_goes_out(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)
    persona = create_persona(owner=owner, name="Eve", key="eve.png")
    bind(
        user=owner, lorebook=create_lorebook(owner=owner, name="Sea"), scope="chat", target=chat.uid
    )
    chat.note = {"text": "Be long.", "position": 0, "depth": 1, "interval": 3, "role": 2}
    chat.scenario_text, chat.persona = "A boat.", persona
    chat.save()

    went = written(chat)

    assert went.note == Note(prompt="Be long.", position=0, depth=1, interval=3, role=2)
    assert (went.scenario, went.persona, went.world_info) == ("A boat.", "eve.png", "Sea")
    assert (went.integrity, went.timed) == ("f3b0", HEADER["chat_metadata"]["timedWorldInfo"])


def test_another_version_that_was_chosen_goes_out_as_the_shown_one(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)
    step_version(user=owner, message_uid=message(chat, "On a train."), step=-1)

    last = written(chat).messages[-1]

    came = read_chat(jsonl(*WHOLE))[0].messages[-1]
    assert (last.content, last.swipe_index, last.swipes) == ("In a boat.", 0, came.swipes)


def test_variables_are_those_at_the_end_of_what_is_shown(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)
    last = chat.messages.get(content="On a train.")
    Message.objects.create(
        chat=chat, parent=last, position=3, role="user", content="Oh.",
        state={"variables": {"score": "9", "mood": "dark"}},
    )  # fmt: skip

    assert written(chat).variables == {"score": "9", "mood": "dark"}


def test_a_chat_begun_here_goes_out(owner, luna):
    luna.alternate_greetings = ["Hi again."]
    luna.save()
    chat = start_chat(user=owner, character=luna)
    first = chat.messages.get(active=True)
    Message.objects.create(
        chat=chat, parent=first, position=1, role="user", content="Hello.",
    )  # fmt: skip

    went = written(chat, "Luna")

    assert (went.title, went.user_name, went.character_name) == ("Luna", "owner", "Luna")
    assert went.created_at is not None
    greeting, question = went.messages
    assert (greeting.name, greeting.swipe_index) == ("Luna", 0)
    assert [swipe.content for swipe in greeting.swipes] == ["Hi, I am Luna.", "Hi again."]
    assert greeting.swipes[0] == Swipe(content="Hi, I am Luna.", sent_at=greeting.sent_at)
    assert (question.name, question.role, question.swipes) == ("owner", "user", ())


def test_an_edited_question_is_a_branch_and_no_swipe(owner, luna):
    chat = taken_in(owner, luna, said("a"), asked("b"), said("c"), name="Main.jsonl")
    edit_message(user=owner, message_uid=message(chat, "b"), content="B")

    assert written(chat).messages[1].swipes == ()
    files, left_out = unzipped(chat)
    assert left_out == ""
    assert {title: (file.parent, texts(file)) for title, file in files.items()} == {
        "Main": ("", ["a", "b", "c"]),
        "Main - Branch #1": ("Main", ["a", "B"]),
    }


def test_branches_go_out_as_the_files_they_were(owner, luna):
    main = jsonl(header(integrity="x", variables={"v": 1}), said("a"), asked("b"), said("c"))
    branch = jsonl(
        header(main_chat="Main", integrity="y", note_prompt="N", variables={"v": 2}),
        said("a"), asked("B"), said("d"),
    )  # fmt: skip
    chat = put_together(owner, luna, Main=main, Branch=branch)

    files, _ = unzipped(chat)

    names = {"user_name": "Ana", "character_name": "Luna"}
    assert files == {
        title: msgspec.structs.replace(read_chat(data, title)[0], **names)
        for title, data in (("Main", main), ("Branch", branch))
    }


def test_branches_come_in_again_as_the_same_tree(owner, luna):
    main = jsonl(said("a", swipes=["a", "A"]), asked("b"), said("c", swipes=["c", "C"]))
    branch = jsonl(header(main_chat="Main"), said("a"), asked("b"), said("C"), asked("d"))
    came = [*read_chat(main, "Main.jsonl"), *read_chat(branch, "Branch.jsonl")]
    chat = put_together(owner, luna, Main=main, Branch=branch)

    files, _ = unzipped(chat)

    def shape(tree):
        return [(node.parent, node.message.role, node.message.content) for node in tree.nodes]

    [before], [after] = merge_branches(came), merge_branches(list(files.values()))
    assert shape(after) == shape(before)


def test_a_branch_that_went_on_here_is_one_file(owner, luna):
    main = jsonl(said("a"), asked("b"), said("c"))
    branch = jsonl(header(main_chat="Main"), said("a"), asked("B"))
    chat = put_together(owner, luna, Main=main, Branch=branch)
    end = chat.messages.get(content="B")
    Message.objects.create(
        chat=chat, parent=end, position=2, role="assistant", content="d", active=False
    )

    files, _ = unzipped(chat)

    assert {title: texts(file) for title, file in files.items()} == {
        "Main": ["a", "b", "c"],
        "Branch": ["a", "B", "d"],
    }


def test_what_is_in_the_trash_stays_there(owner, luna):
    chat = taken_in(owner, luna, said("a"), asked("b"), said("c", swipes=["c", "C"]))
    trash_from(user=owner, message_uid=message(chat, "c"))
    trash_from(user=owner, message_uid=message(chat, "C"))

    assert texts(written(chat)) == ["a", "b"]
    assert {title: texts(file) for title, file in unzipped(chat)[0].items()} == {
        "Luna - 2": ["a", "b"]
    }


def test_a_renamed_chat_stays_the_parent_of_its_branches(owner, luna):
    main, branch = jsonl(said("a")), jsonl(header(main_chat="Main"), said("a"), asked("b"))
    chat = put_together(owner, luna, Main=main, Branch=branch)
    chat.title = "Sea/Salt"
    chat.save()

    files, _ = unzipped(chat)

    assert {title: file.parent for title, file in files.items()} == {
        "Sea-Salt": "",
        "Branch": "Sea/Salt",
    }


def test_no_more_branches_than_anybody_reads(owner, luna, monkeypatch):
    monkeypatch.setattr(exporting, "BRANCHES_MOST", 2)
    chat = taken_in(owner, luna, said("a"), asked("b"))
    for old, new in (("b", "c"), ("c", "d"), ("d", "e")):
        edit_message(user=owner, message_uid=message(chat, old), content=new)

    files, left_out = unzipped(chat)

    assert [texts(file) for file in files.values()] == [["a", "b"], ["a", "e"]]
    assert left_out == "2 further branches are not in here.\n"


def test_an_empty_chat_is_a_header(owner, luna):
    luna.first_mes = ""
    luna.save()
    chat = start_chat(user=owner, character=luna)

    assert len(list(export_jsonl(chat))) == 1
    file = io.BytesIO()
    list(export_zip(chat, file))
    assert zipfile.ZipFile(file).namelist() == ["Luna.jsonl"]


def test_text_is_for_people(owner, luna):
    chat = taken_in(
        owner,
        luna,
        said("Hello.", send_date="2024-06-05T14:00:00Z"),
        asked("Psst.", is_system=True),
    )

    assert b"".join(export_text(chat)).decode() == (
        "Luna - 2\n\nLuna (2024-06-05 14:00 UTC):\nHello.\n\nAna (hidden):\nPsst.\n\n"
    )


def test_a_long_chat_is_read_in_parts(owner, luna, django_assert_max_num_queries):
    lines = [asked(str(n)) if n % 2 else said(str(n)) for n in range(1000)]
    chat = taken_in(owner, luna, *lines)

    with django_assert_max_num_queries(40):
        count = sum(1 for _ in export_jsonl(chat))

    assert count == 1001
