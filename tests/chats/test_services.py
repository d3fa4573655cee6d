"""Changing chats without a model: versions, edits, deletion with undo, forks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chats import services
from chats.models import Chat, Message, Revision
from core.errors import Conflict, Invalid, NotFound
from tests.factories import CharacterFactory, ScenarioFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner):
    character = CharacterFactory(
        owner=owner,
        name="Luna",
        first_mes="Hi {{user}}, I am {{char}}.",
        alternate_greetings=["Oh, it's you.", "   "],
    )
    return services.start_chat(user=owner, character=character)


def say(chat, *texts: str) -> list[Message]:
    """Add messages to the end of the shown path, the user's first."""
    made = []
    for number, text in enumerate(texts):
        parent = chat.messages.filter(active=True).order_by("-position").first()
        made.append(
            Message.objects.create(
                chat=chat,
                parent=parent,
                position=parent.position + 1,
                role="assistant" if number % 2 else "user",
                content=text,
            )
        )
    return made


def shown(chat) -> list[str]:
    return [m.content for m in chat.messages.filter(active=True).order_by("position")]


GREETING = "Hi owner, I am Luna."


def test_greetings_are_versions_of_the_first_message(owner, chat):
    first = chat.messages.get(active=True)

    second = services.step_version(user=owner, message_uid=first.uid, step=1)

    assert (first.content, second.content) == (GREETING, "Oh, it's you.")
    assert shown(chat) == ["Oh, it's you."]
    with pytest.raises(NotFound):
        services.step_version(user=owner, message_uid=second.uid, step=1)
    assert shown(chat) == ["Oh, it's you."]


def test_scenario_greets_first(owner):
    scenario = ScenarioFactory(
        character=CharacterFactory(owner=owner, first_mes="Hi."), greeting="A storm, {{user}}."
    )

    chat = services.start_chat(user=owner, character=scenario.character, scenario=scenario)

    rows = chat.messages.order_by("uid").values_list("content", "active")
    assert list(rows) == [("A storm, owner.", True), ("Hi.", False)]


def test_a_scene_with_others_begins_with_the_greetings_kept_for_it(owner):
    character = CharacterFactory(
        owner=owner, first_mes="Hi.", group_only_greetings=["Everyone, {{user}}!", " ", "So many."]
    )

    alone = services.start_chat(user=owner, character=character)
    together = services.start_chat(user=owner, character=character, in_group=True)

    assert [m.content for m in alone.messages.order_by("uid")] == ["Hi."]
    shown = list(together.messages.order_by("uid").values_list("content", "active"))
    assert shown == [(f"Everyone, {owner.name}!", True), ("So many.", False)]


def test_version_brings_back_what_followed_it(owner, chat):
    question, *_ = say(chat, "One", "First.", "Two")
    services.edit_message(user=owner, message_uid=question.uid, content="Uno")
    assert shown(chat) == [GREETING, "Uno"]
    edited = chat.messages.get(content="Uno")

    services.step_version(user=owner, message_uid=edited.uid, step=-1)

    assert shown(chat) == [GREETING, "One", "First.", "Two"]


def test_editing_a_reply_keeps_its_place_and_its_old_text(owner, chat):
    _, reply, _ = say(chat, "One", "First.", "Two")

    services.edit_message(user=owner, message_uid=reply.uid, content="Better.")

    assert shown(chat) == [GREETING, "One", "Better.", "Two"]
    assert list(Revision.objects.values_list("content", flat=True)) == ["First."]


@pytest.mark.parametrize("content", ["", "  \n", "\x00", "x" * (services.MESSAGE_CHARS + 1)])
def test_editing_to_nothing_or_too_much_changes_nothing(owner, chat, content):
    question, *_ = say(chat, "One")

    with pytest.raises(Invalid) as raised:
        services.edit_message(user=owner, message_uid=question.uid, content=content)

    assert raised.value.param == "content"
    assert shown(chat) == [GREETING, "One"]


def test_deleting_takes_what_follows_and_undo_brings_it_back(owner, chat):
    question, *_ = say(chat, "One", "First.", "Two", "Second.")

    trashed = services.trash_from(user=owner, message_uid=question.uid)

    assert trashed.count == 4
    assert shown(chat) == [GREETING]
    listed = services.list_trash(user=owner, chat_uid=chat.uid)
    assert [(row["id"], row["count"], row["first"]) for row in listed] == [
        (trashed.trash_uid, 4, "One")
    ]
    assert services.restore_trash(user=owner, trash_uid=trashed.trash_uid) == 4
    assert shown(chat) == [GREETING, "One", "First.", "Two", "Second."]


def test_deleting_one_version_shows_another(owner, chat):
    first = chat.messages.get(active=True)

    trashed = services.trash_from(user=owner, message_uid=first.uid)

    assert shown(chat) == ["Oh, it's you."]
    services.restore_trash(user=owner, trash_uid=trashed.trash_uid)
    assert shown(chat) == [GREETING]


def test_versions_on_a_branch_that_is_not_shown_are_left_alone(owner, chat):
    first, reply, second = say(chat, "One", "First.", "Two")
    services.edit_message(user=owner, message_uid=first.uid, content="Another")
    before = list(Message.objects.order_by("uid").values("uid", "active", "chosen", "content"))

    for change in (
        lambda: services.edit_message(user=owner, message_uid=second.uid, content="x"),
        lambda: services.step_version(user=owner, message_uid=second.uid, step=0),
        lambda: services.step_version(user=owner, message_uid=reply.uid, step=0),
    ):
        with pytest.raises(Conflict) as raised:
            change()
        assert raised.value.code == "not_shown"

    rows = Message.objects.order_by("uid").values("uid", "active", "chosen", "content")
    assert list(rows) == before
    assert shown(chat) == [GREETING, "Another"]


def test_version_that_is_not_shown_can_be_edited_where_another_is(owner, chat):
    first, *_ = say(chat, "One", "First.")
    services.edit_message(user=owner, message_uid=first.uid, content="Another")

    services.edit_message(user=owner, message_uid=first.uid, content="A third")

    assert shown(chat) == [GREETING, "A third"]


def test_what_is_in_the_trash_is_not_shown_or_copied(owner, chat):
    question, reply = say(chat, "One", "First.")
    services.trash_from(user=owner, message_uid=question.uid)

    for change in (
        lambda: services.step_version(user=owner, message_uid=question.uid, step=1),
        lambda: services.fork_chat(user=owner, message_uid=reply.uid),
    ):
        with pytest.raises(NotFound):
            change()

    assert shown(chat) == [GREETING]
    assert Chat.objects.count() == 1


def test_what_follows_something_in_the_trash_waits_for_it(owner, chat):
    question, _, later, _ = say(chat, "One", "First.", "Two", "Second.")
    inner = services.trash_from(user=owner, message_uid=later.uid)
    outer = services.trash_from(user=owner, message_uid=question.uid)

    with pytest.raises(Conflict) as raised:
        services.restore_trash(user=owner, trash_uid=inner.trash_uid)

    assert raised.value.code == "parent_in_trash"
    assert Message.objects.filter(trash=inner.trash_uid).count() == 2
    services.restore_trash(user=owner, trash_uid=outer.trash_uid)
    services.restore_trash(user=owner, trash_uid=inner.trash_uid)
    assert shown(chat) == [GREETING, "One", "First.", "Two", "Second."]


def test_what_returns_to_a_branch_that_is_not_shown_is_shown_with_it(owner, chat):
    first, _, old = say(chat, "One", "First.", "Two")
    trashed = services.trash_from(user=owner, message_uid=old.uid)
    reply = chat.messages.get(content="First.")
    fields = {"chat": chat, "parent": reply, "position": old.position, "role": "user"}
    Message.objects.create(content="Instead", **fields)
    other = services.edit_message(user=owner, message_uid=first.uid, content="Another")

    services.restore_trash(user=owner, trash_uid=trashed.trash_uid)

    assert shown(chat) == [GREETING, "Another"]
    services.step_version(user=owner, message_uid=other.uid, step=-1)
    assert shown(chat) == [GREETING, "One", "First.", "Two"]


def test_deleting_on_a_branch_that_is_not_shown_leaves_it_another_version(owner, chat):
    first, _, old = say(chat, "One", "First.", "Two")
    new = services.edit_message(user=owner, message_uid=old.uid, content="Instead")
    other = services.edit_message(user=owner, message_uid=first.uid, content="Another")

    services.trash_from(user=owner, message_uid=new.uid)

    services.step_version(user=owner, message_uid=other.uid, step=-1)
    assert shown(chat) == [GREETING, "One", "First.", "Two"]


def test_fork_copies_the_path_up_to_the_message(owner, chat):
    _, reply, _ = say(chat, "One", "First.", "Two")

    fork = services.fork_chat(user=owner, message_uid=reply.uid)

    assert shown(fork) == [GREETING, "One", "First."]
    assert shown(chat) == [GREETING, "One", "First.", "Two"]
    assert (fork.forked_from, fork.character_id) == (reply.uid, chat.character_id)


def test_changes_wait_for_the_reply_that_is_being_written(owner, chat):
    question, *_ = say(chat, "One", "First.")
    Chat.objects.filter(pk=chat.pk).update(
        turn="t" * 24, lease_expires_at=timezone.now() + timedelta(seconds=20)
    )

    for change in (
        lambda: services.trash_from(user=owner, message_uid=question.uid),
        lambda: services.edit_message(user=owner, message_uid=question.uid, content="x"),
        lambda: services.step_version(user=owner, message_uid=question.uid, step=-1),
    ):
        with pytest.raises(Conflict) as raised:
            change()
        assert raised.value.code == "conversation_busy"

    assert shown(chat) == [GREETING, "One", "First."]


def test_stranger_finds_nothing_and_changes_nothing(stranger, chat):
    question, *_ = say(chat, "One")
    trash = {"user": stranger, "trash_uid": "x" * 24}

    for change in (
        lambda: services.trash_from(user=stranger, message_uid=question.uid),
        lambda: services.edit_message(user=stranger, message_uid=question.uid, content="x"),
        lambda: services.step_version(user=stranger, message_uid=question.uid, step=1),
        lambda: services.fork_chat(user=stranger, message_uid=question.uid),
        lambda: services.rename_chat(user=stranger, chat_uid=chat.uid, title="x"),
        lambda: services.trash_chat(user=stranger, chat_uid=chat.uid),
        lambda: services.list_trash(user=stranger, chat_uid=chat.uid),
        lambda: services.restore_trash(**trash),
    ):
        with pytest.raises(NotFound):
            change()

    services.save_draft(user=stranger, chat_uid=chat.uid, text="mine now")
    chat.refresh_from_db()
    assert shown(chat) == [GREETING, "One"]
    assert (chat.title, chat.draft, chat.trashed_at) == ("", "", None)


def test_chat_goes_to_the_trash_and_comes_back(owner, chat):
    services.trash_chat(user=owner, chat_uid=chat.uid)
    with pytest.raises(NotFound):
        services.rename_chat(user=owner, chat_uid=chat.uid, title="x")

    services.restore_chat(user=owner, chat_uid=chat.uid)
    services.rename_chat(user=owner, chat_uid=chat.uid, title="Evening")

    chat.refresh_from_db()
    assert (chat.title, shown(chat)) == ("Evening", [GREETING])
