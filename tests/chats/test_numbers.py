"""Numbers of messages and versions that macros give in turns."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chats import services, tree
from chats import settings as chat_settings
from chats.importing import import_chats
from chats.inbound import Inbound, open_inbound
from chats.models import Message, Turn
from chats.sync import Line
from engine.tools import ToolCall
from llm import registry
from llm.models import Model
from tests.chats.talking import again, closed, opened, reread, say
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db
ASKS = "<{{lastMessageId}}|{{firstIncludedMessageId}}|{{currentSwipeId}}|{{lastSwipeId}}>"


@pytest.fixture
def chat(owner, luna, provider):
    """A chat with a greeting, whose prompts begin with the four numbers."""
    return asking(services.start_chat(user=owner, character=luna))


@pytest.fixture
def narrow(provider):
    """A model whose window holds about a dozen of the messages of `talk`."""
    Model.objects.update(context_tokens=1500, reply_tokens=100)
    registry.reset()
    registry.serve_instead("fake", provider)


def asking(chat):
    chat_settings.change(user=chat.user, chat_uid=chat.uid, custom_prompt=ASKS)
    return reread(chat)


def numbers(turn):
    """What the macros gave: newest message, first included, current version, last version."""
    return re.search(r"<(.*?)>", turn.generation.messages[0].content)[1].split("|")


def asked(chat, message="", kind=Turn.Kind.REPLY):
    """The numbers of a turn that comes to nothing."""
    turn = opened(chat.user, chat, "And now?", message=message, kind=kind)
    closed(turn, "")
    Message.objects.filter(uid=turn.user_message_uid).delete()
    return numbers(turn)


def anew(chat, message=""):
    return asked(chat, message, Turn.Kind.REGENERATE)


def on(chat, message=""):
    return asked(chat, message, Turn.Kind.CONTINUE)


def talk(chat, turns):
    """So many turns with long messages. Returns the last reply."""
    for number in range(turns):
        _, reply = say(chat, f"Story {number}. " + "So it went on. " * 20, f"Well {number}. " * 20)
    return reply


def first_sent(turn):
    """The position of the first message of the chat among those that were sent."""
    talked = [m.content for m in turn.generation.messages if m.role != "system"]
    return Message.objects.get(chat_id=turn.chat_uid, content=talked[0], active=True).position


def test_the_first_turn_of_a_chat_has_no_prompt_before_it(chat):
    assert asked(chat) == ["1", "", "", ""]


def test_a_later_turn_knows_what_the_one_before_included(chat):
    say(chat)

    assert asked(chat) == ["3", "0", "", ""]


def test_a_persons_message_has_no_versions_whatever_it_answers(chat):
    say(chat)
    again(chat)

    assert asked(chat)[2:] == ["", ""]


def test_another_version_has_the_number_after_those_that_there_are(chat):
    say(chat)

    assert anew(chat) == ["1", "", "2", "1"]
    again(chat)
    again(chat)
    assert anew(chat) == ["1", "", "4", "3"]


def test_a_continued_reply_has_its_own_number(chat):
    _, first = say(chat)
    again(chat)
    third = again(chat)
    assert on(chat) == ["1", "", "3", "3"]

    second = services.step_version(user=chat.user, message_uid=third.uid, step=-1)

    assert on(chat, second.uid) == ["1", "", "2", "3"]
    assert second.uid != first.uid


def test_a_continued_greeting_is_one_of_the_greetings(owner, provider):
    keeper = CharacterFactory(owner=owner, name="Keeper", first_mes="One.")
    other = asking(services.start_chat(user=owner, character=keeper))
    chat = asking(services.start_chat(user=owner, character=keeper))
    greeting = Message.objects.get(chat=chat)
    for text in ("Two.", "Three."):
        tree.add(
            tree.below(None), chat_id=chat.uid, role="assistant", content=text,
            active=False, chosen=False,
        )  # fmt: skip
    services.step_version(user=owner, message_uid=greeting.uid, step=1)

    assert on(chat) == ["", "", "2", "3"]
    assert on(other) == ["", "", "1", "1"]


def test_only_replies_in_the_same_place_of_the_same_branch_are_versions(chat):
    said, first = say(chat)
    again(chat)
    services.trash_from(user=chat.user, message_uid=first.uid)
    below = tree.Place(said.uid, said.position + 1)
    tree.add(below, chat_id=chat.uid, role="user", content="Hm?", active=False, chosen=False)
    assert anew(chat) == ["1", "", "2", "1"]

    services.edit_message(user=chat.user, message_uid=said.uid, content="Good evening.")

    assert anew(chat) == ["1", "", "", ""]
    again(chat)
    assert anew(chat) == ["1", "", "2", "1"]


def test_what_was_included_is_that_of_the_newest_reply_before(chat, narrow):
    _, early = say(chat)
    reply = talk(chat, 12)
    before = closed(turn := opened(chat.user, chat, "The newest?"))
    cut_at = first_sent(turn)
    assert cut_at > 0

    assert asked(chat)[1] == str(cut_at)
    closed(opened(chat.user, chat, "One more?"))
    assert anew(chat)[1] == str(cut_at)
    assert on(chat)[1] == str(cut_at)
    assert anew(chat, early.uid)[1] == ""
    # What the turns of a branch included is told on that branch alone.
    aside = Message.objects.get(chat=chat, position=early.position + 1)
    services.edit_message(user=chat.user, message_uid=aside.uid, content="No stories, please.")
    assert anew(chat) == ["3", "0", "", ""]
    assert reply.position < before.position


def test_the_version_that_is_shown_tells_what_was_included(chat, narrow):
    in_narrow = talk(chat, 12)
    Model.objects.update(context_tokens=16_000)
    registry.reset()
    in_wide = again(chat)
    assert asked(chat)[1] == "0"

    services.step_version(user=chat.user, message_uid=in_wide.uid, step=-1)

    kept = Turn.objects.get(uid=in_narrow.turn).manifest["first_included"]
    assert kept > 0
    assert asked(chat)[1] == str(kept)


def test_replies_that_were_not_written_here_are_passed_over(chat):
    _, reply = say(chat)
    place = tree.Place(reply.uid, reply.position + 1)
    tree.add(place, chat_id=chat.uid, role="assistant", content="By another hand.")
    services.touch(chat)

    assert asked(chat) == ["4", "0", "", ""]


def test_hidden_messages_are_not_included(chat):
    Message.objects.filter(chat=chat, position=0).update(hidden=True)
    say(chat)

    assert asked(chat)[1] == "1"


def test_nothing_of_another_chat_is_told(owner, luna, chat, narrow):
    reply = talk(chat, 12)
    assert int(asked(chat)[1]) > 0

    fork = asking(services.fork_chat(user=owner, message_uid=reply.uid))
    imported = b"\n".join(
        b'{"name": "%s", "is_user": %s, "mes": "%s"}' % line
        for line in ((b"Ana", b"true", b"Hello."), (b"Luna", b"false", b"Hi."))
    )
    [found] = import_chats(owner=owner, character=luna, data=imported)

    assert Message.objects.filter(chat=fork, turn=reply.turn).exists()
    assert asked(fork) == [str(reply.position + 1), "", "", ""]
    assert asked(asking(found.chat)) == ["2", "", "", ""]
    assert anew(fork) == [str(reply.position - 1), "", "2", "1"]


def test_a_reply_after_calls_of_tools_has_versions_of_its_own(chat):
    said, _ = say(chat, answer="Not after the call.")
    called = [{"id": "c1", "name": "look", "arguments": "{}", "result": "Rain."}]
    place = tree.Place(said.uid, said.position + 1)
    tree.clear(chat.uid, place)
    call = tree.add(place, chat_id=chat.uid, role="assistant", content="", tool_calls=called)
    place = tree.Place(call, place.position + 1)
    tree.add(place, chat_id=chat.uid, role="assistant", content="It rains.")

    assert anew(chat) == ["1", "", "2", "1"]


def test_a_reply_with_versions_that_is_the_newest_message_has_the_number_shown(secret, chat):
    say(chat)
    again(chat)
    third = again(chat)
    services.step_version(user=chat.user, message_uid=third.uid, step=-1)
    call = Line("assistant", "", (ToolCall("c1", "look", "{}", "Rain."),))

    turn = open_inbound(inbound(secret, call, chat=chat.uid))

    assert numbers(turn) == ["2", "0", "2", "3"]


def inbound(secret, *lines, **given):
    return Inbound(secret=secret, ip=None, model="Luna", lines=lines, messages=(), **given)


def test_a_client_that_asks_again_gets_another_version(secret, luna, provider):
    luna.system_prompt = ASKS
    luna.save()
    first = [Line("user", "Hello?")]
    turn = open_inbound(inbound(secret, *first))
    assert numbers(turn) == ["1", "", "", ""]
    closed(turn, "Well.")
    lines = [*first, Line("assistant", "Well."), Line("user", "And now?")]
    turn = open_inbound(inbound(secret, *lines))
    assert numbers(turn) == ["3", "0", "", ""]
    closed(turn, "Indeed.")

    turn = open_inbound(inbound(secret, *lines))

    assert numbers(turn) == ["3", "0", "2", "1"]


def test_a_conversation_that_is_not_kept_has_neither(secret, luna, provider):
    luna.system_prompt = ASKS
    luna.save()
    closed(open_inbound(inbound(secret, Line("user", "Hello?"))))
    lines = [Line("user", "Hello?"), Line("assistant", "Well."), Line("user", "And now?")]

    assert numbers(open_inbound(inbound(secret, *lines, store=False))) == ["2", "", "", ""]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("{{lastMessageId}}", 0),
        ("{{currentSwipeId}} {{lastSwipeId}} {{currentSwipeId}}", 1),
        ("{{firstIncludedMessageId}}", 1),
        (ASKS, 2),
    ],
)
def test_a_number_is_read_only_if_asked_for_and_once(chat, text, more):
    say(chat)
    again(chat)  # statements are compiled by now

    def statements(custom_prompt):
        chat_settings.change(user=chat.user, chat_uid=chat.uid, custom_prompt=custom_prompt)
        note = {"text": custom_prompt, "position": 1, "depth": 0, "interval": 1, "role": 0}
        chat_settings.change(user=chat.user, chat_uid=chat.uid, note=note)
        with CaptureQueriesContext(connection) as captured:
            turn = opened(chat.user, chat, kind=Turn.Kind.REGENERATE)
        closed(turn, "")
        return len(captured)

    assert statements(text) - statements("Brief.") == more
