"""Chats from files become trees of messages, once."""

import json
from datetime import UTC, datetime

import pytest

from chats import importing, kept, tree
from chats.importing import given_in, import_chats, store_chats
from chats.models import Chat, ChatSource, Message
from chats.services import step_version, trash_chat
from chats.state import state_of
from core.errors import Invalid
from lore.models import Binding
from lore.services import create_lorebook
from personas.services import create_persona
from tests.chats.files.build import WHOLE, asked, jsonl, said
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db


def taken_in(owner, luna, *lines, name="Luna - 2.jsonl"):
    return import_chats(owner=owner, character=luna, data=jsonl(*lines), filename=name)


def header(**metadata):
    return {"chat_metadata": metadata}


def shape(chat):
    """(depth, text, active, chosen) of each message."""
    rows = Message.objects.filter(chat=chat).order_by("position", "uid")
    return [(m.position, m.content, m.active, m.chosen) for m in rows]


def shown(chat):
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    return list(rows.values_list("content", flat=True))


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


def test_swipes_become_versions_and_the_shown_one_is_shown(owner, luna):
    [made] = taken_in(owner, luna, *WHOLE)

    assert (made.is_new, made.message_count) == (True, 5)
    assert shape(made.chat) == [
        (0, "Hello.", True, True),
        (0, "Good evening.", False, False),
        (1, "Where are we?", True, True),
        (2, "In a boat.", False, False),
        (2, "On a train.", True, True),
    ]


def test_the_chat_says_what_the_file_said(owner, luna):
    persona = create_persona(owner=owner, name="Ana", key="ana.png")
    create_lorebook(owner=owner, name="Other")
    town = create_lorebook(owner=owner, name="Old Town")

    chat = taken_in(owner, luna, *WHOLE)[0].chat

    assert (chat.user, chat.character, chat.persona) == (owner, luna, persona)
    assert (chat.title, chat.last_line) == ("Luna - 2", "On a train.")
    assert chat.scenario_text == "A night train."
    assert chat.note == {"text": "Be brief.", "interval": 2, "depth": 3, "position": 1, "role": 0}
    assert chat.created_at == at(2024, 7, 12, 1, 31, 37)
    assert chat.active_at == at(2024, 6, 10, 6, 13, 20)
    assert [(b.lorebook, b.scope, b.target) for b in Binding.objects.all()] == [
        (town, "chat", chat.uid)
    ]
    assert chat.messages.filter(state__isnull=False).values_list("content", "state").get() == (
        "On a train.",
        {"variables": {"score": "4"}},
    )


def test_variables_are_texts_that_macros_can_read(owner, luna):
    said_ = {"a": "x", "b": 4, "c": 4.0, "d": 0.5, "e": True, "f": None, "g": [1], "h": {"i": 1}}
    chat = taken_in(owner, luna, header(variables=said_), said("a"))[0].chat

    assert state_of(tree.path(chat.uid, chars=100)).variables == {
        "a": "x", "b": "4", "c": "4", "d": "0.5", "e": "true", "f": "null", "g": "[1]",
        "h": '{"i":1}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("many", "count"),
    [
        ({"n" * 128: "v" * 10_000}, 1),
        ({"n" * 129: "v"}, 0),
        ({"": "v"}, 0),
        ({"n": "v" * 10_001}, 0),
        ({str(n): "v" for n in range(501)}, 500),
        ({f"n{n}": "v" * 9_998 for n in range(11)}, 10),
    ],
)
def test_no_more_variables_than_a_chat_may_have(many, count):
    assert len(kept.variables_here(many)) == count
    assert kept.variables_back(kept.variables_here(many), many) == many


def test_messages_keep_their_times_thoughts_and_models(owner, luna):
    chat = taken_in(owner, luna, *WHOLE)[0].chat

    facts = ("content", "created_at", "reasoning", "model")
    assert list(chat.messages.order_by("position", "uid").values_list(*facts)) == [
        ("Hello.", at(2024, 6, 5, 14, 56, 50, 682_000), "", ""),
        ("Good evening.", at(2024, 6, 5, 14, 56, 50, 682_000), "", ""),
        ("Where are we?", at(2023, 6, 19, 14, 20), "", ""),
        ("In a boat.", at(2024, 6, 10, 6, 13, 20), "", "a"),
        ("On a train.", at(2024, 6, 10, 6, 13, 20), "Trains.", "gpt"),
    ]


def test_a_message_without_a_time_has_that_of_the_one_before(owner, luna):
    first = said("One.", send_date="2024-06-05T14:00:00Z")

    chat = taken_in(owner, luna, first, asked("Two."), said("Three."))[0].chat

    assert set(chat.messages.values_list("created_at", flat=True)) == {at(2024, 6, 5, 14)}


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_at_which_nobody_wrote_is_not_taken(owner, luna, when):
    first = said("One.", send_date="2024-06-05T14:00:00Z")

    chat = taken_in(owner, luna, first, asked("Two.", send_date=when))[0].chat

    assert set(chat.messages.values_list("created_at", flat=True)) == {at(2024, 6, 5, 14)}


def test_a_chat_from_the_future_is_not_the_latest_for_ever(owner, luna):
    chat = taken_in(owner, luna, said("One.", send_date="2100-01-01T00:00:00Z"))[0].chat

    assert chat.active_at < at(2100, 1, 1)
    assert chat.messages.get().created_at == at(2100, 1, 1)


def test_hidden_messages_are_kept_and_marked(owner, luna):
    chat = taken_in(owner, luna, said("One."), asked("Psst.", is_system=True), said("Two."))[0].chat

    facts = list(chat.messages.values_list("content", "role", "hidden", "active"))
    assert facts == [
        ("One.", "assistant", False, True),
        ("Psst.", "user", True, True),
        ("Two.", "assistant", False, True),
    ]
    path = tree.path(chat.uid, chars=100)
    assert [(node.content, node.hidden) for node in path] == [
        ("One.", False),
        ("Psst.", True),
        ("Two.", False),
    ]


def test_many_chats_in_one_file_with_a_long_name_are_all_stored(owner, luna):
    one = {"msgs": [{"src": {"is_human": False, "name": "Luna"}, "text": "Hi."}]}
    data = json.dumps({"histories": {"histories": [one, one]}}).encode()

    made = import_chats(owner=owner, character=luna, data=data, filename="x" * 300)

    assert [chat.chat.title for chat in made] == ["x" * 200] * 2


def test_branches_become_one_tree(owner, luna):
    main = jsonl(said("a"), asked("b"), said("c"))
    branch = jsonl(header(main_chat="Main", variables={"x": 2}), said("a"), asked("B"), said("d"))
    given = [*given_in(branch, "Branch.jsonl"), *given_in(main, "Main.jsonl")]

    [made] = store_chats(owner=owner, character=luna, given=given)

    assert made.chat.title == "Main"
    assert shape(made.chat) == [
        (0, "a", True, True),
        (1, "b", True, True),
        (1, "B", False, False),
        (2, "c", True, True),
        (2, "d", False, True),
    ]
    ends = dict(made.chat.messages.values_list("uid", "content"))
    assert [(s.number, s.title, ends[s.end]) for s in made.chat.sources.all()] == [
        (0, "Main", "c"),
        (1, "Branch", "d"),
    ]
    states = made.chat.messages.exclude(state=None).order_by("content")
    assert list(states.values_list("content", "state")) == [
        ("c", {"variables": {}}),
        ("d", {"variables": {"x": "2"}}),
    ]


def test_another_branch_can_be_looked_at(owner, luna):
    main = jsonl(said("a"), asked("b"), said("c"))
    branch = jsonl(header(main_chat="Main"), said("a"), asked("B"), said("d"))
    given = [*given_in(main, "Main.jsonl"), *given_in(branch, "Branch.jsonl")]
    [made] = store_chats(owner=owner, character=luna, given=given)

    step_version(user=owner, message_uid=made.chat.messages.get(content="b").uid, step=1)

    assert shown(made.chat) == ["a", "B", "d"]


def test_a_chat_that_a_branch_goes_on_from_is_shown_to_the_branchs_end(owner, luna):
    main = jsonl(said("a"), asked("b"))
    branch = jsonl(header(main_chat="Main"), said("a"), asked("b"), said("c"))
    given = [*given_in(main, "Main.jsonl"), *given_in(branch, "Branch.jsonl")]

    [made] = store_chats(owner=owner, character=luna, given=given)

    assert shown(made.chat) == ["a", "b", "c"]
    assert made.chat.last_line == "c"


def test_twice_is_once(owner, luna):
    [first] = taken_in(owner, luna, *WHOLE)
    [second] = taken_in(owner, luna, *WHOLE, name="renamed.jsonl")

    assert (second.is_new, second.chat) == (False, first.chat)
    assert Chat.objects.count() == 1


def test_the_same_file_twice_at_once_is_once(owner, luna):
    given = given_in(jsonl(*WHOLE), "a.jsonl") + given_in(jsonl(*WHOLE), "b.jsonl")

    assert len(store_chats(owner=owner, character=luna, given=given)) == 1


def test_two_imports_at_once_are_one(owner, luna, monkeypatch):
    """The second looks before the first has stored anything, and stores after it."""
    look, looks = importing._imported_before, []

    def late(*about):
        looks.append(about)
        return None if len(looks) == 1 else look(*about)

    [first] = taken_in(owner, luna, *WHOLE)
    monkeypatch.setattr(importing, "_imported_before", late)
    [second] = taken_in(owner, luna, *WHOLE)

    assert (second.is_new, second.chat) == (False, first.chat)
    assert Chat.objects.count() == 1


def test_with_somebody_else_it_is_another_chat(owner, luna):
    taken_in(owner, luna, *WHOLE)
    [made] = taken_in(owner, CharacterFactory(owner=owner), *WHOLE)

    assert (made.is_new, Chat.objects.count()) == (True, 2)


def test_somebody_elses_import_is_their_own(owner, stranger, luna):
    taken_in(owner, luna, *WHOLE)
    [made] = taken_in(stranger, luna, *WHOLE)

    assert (made.is_new, made.chat.user) == (True, stranger)


def test_a_deleted_chat_can_be_imported_again(owner, luna):
    [first] = taken_in(owner, luna, *WHOLE)
    trash_chat(user=owner, chat_uid=first.chat.uid)
    [second] = taken_in(owner, luna, *WHOLE)
    [third] = taken_in(owner, luna, *WHOLE)

    assert (second.is_new, third.is_new, third.chat) == (True, False, second.chat)


def test_a_new_branch_of_an_imported_chat_is_a_chat_of_its_own(owner, luna):
    main = given_in(jsonl(said("a"), asked("b")), "Main.jsonl")
    branch = given_in(jsonl(header(main_chat="Main"), said("a"), asked("B")), "Branch.jsonl")
    store_chats(owner=owner, character=luna, given=main)

    made = store_chats(owner=owner, character=luna, given=[*main, *branch])

    assert [one.is_new for one in made] == [False, True]
    assert shown(made[1].chat) == ["a", "B"]


@pytest.mark.parametrize("name", ["Luna - 2024-7-12@01h31m37s", "A - 2024-6-5 @14h 56m 50s 682ms"])
def test_a_title_that_a_program_made_is_not_shown(owner, luna, name):
    chat = taken_in(owner, luna, said("Hello."), name=f"{name}.jsonl")[0].chat

    assert (chat.title, chat.sources.get().title) == ("", name)


def test_the_only_persona_of_that_name_is_worn(owner, stranger, luna):
    create_persona(owner=stranger, name="Ana")
    mine = create_persona(owner=owner, name="Ana")
    first = taken_in(owner, luna, {"user_name": "Ana", "chat_metadata": {}}, said("a"))[0].chat
    create_persona(owner=owner, name="Ana", description="Another.")
    second = taken_in(owner, luna, {"user_name": "Ana", "chat_metadata": {}}, said("b"))[0].chat

    assert (first.persona, second.persona) == (mine, None)


def test_a_chat_without_messages_is_refused(owner, luna):
    with pytest.raises(Invalid) as refused:
        taken_in(owner, luna, header())

    assert refused.value.code == "empty_chat"
    assert ChatSource.objects.count() == 0


def test_nothing_is_stored_of_a_chat_that_breaks_off(owner, luna, monkeypatch):
    def die(**_):
        raise Killed

    monkeypatch.setattr(importing, "note_import", die)
    with pytest.raises(Killed):
        taken_in(owner, luna, *WHOLE)

    assert (Chat.objects.count(), Message.objects.count()) == (0, 0)


class Killed(Exception):
    """The process ends here."""


def test_a_long_chat_needs_few_statements(owner, luna, django_assert_max_num_queries):
    lines = [asked(str(n)) if n % 2 else said(str(n)) for n in range(3000)]

    with django_assert_max_num_queries(110):
        [made] = taken_in(owner, luna, *lines)

    assert made.message_count == 3000
    assert shown(made.chat)[-1] == "2999"


def test_nothing_is_kept_that_says_nothing():
    from chats.files import FileMessage

    message = FileMessage(role="user", content="a", sent_at=at(2024, 1, 1))

    assert kept.keep(message, None, is_shown=True) is None
