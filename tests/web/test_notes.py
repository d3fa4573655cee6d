"""Notes under a reply: what was remembered, where it leads, and taking it back."""

import pytest

from chats import recording, services, turns
from chats.models import Message, Turn
from chats.turns import TurnRequest
from engine.events import Finished, ToolCallDelta
from memory import services as memories
from memory.changes import Place
from memory.models import Memory
from memory.queries import known
from memory.tools import Change
from tests.chats.talking import reread, say
from tests.conftest import settled
from tests.fakes.provider import words
from tests.web.test_consumers import listen, received

pytestmark = pytest.mark.django_db


@pytest.fixture
def reply(chat, model) -> Message:
    return say(chat)[1]


@pytest.fixture
def notebook(chat, reply):
    return reread(chat).notebook


@pytest.fixture
def change(reply):
    def make(*asked: Change) -> None:
        place = Place(reply.chat_id, reply.uid, (reply.uid,))
        recording.remember(reply.turn, asked, place)

    return make


def save(text="Likes tea.") -> Change:
    return Change(kind="save", text=text)


def facts(chat) -> list[str]:
    return [memory.text for memory in known(reread(chat).notebook_id, chat.uid)]


def drawn(browser, chat) -> str:
    return browser.get(f"/app/chats/{chat.uid}/log").content.decode()


def test_saved_fact_is_shown_with_a_way_to_it_and_back(browser, chat, reply, change):
    change(save("Likes <b>tea</b> and ![x](http://a.b/c)."))

    memory = Memory.objects.get()
    body = drawn(browser, chat)
    assert (
        f'Remembered: <a href="/app/memories/{memory.uid}">'
        "Likes &lt;b&gt;tea&lt;/b&gt; and ![x](http://a.b/c).</a>"
    ) in body
    assert f"/app/messages/{reply.uid}/memories/{memory.uid}/undo" in body


def test_corrected_and_forgotten_are_shown_with_what_was(browser, chat, notebook, change):
    tea = memories.remember(notebook, "Likes tea.", author="person")
    cats = memories.remember(notebook, "Has cats.", author="person")

    change(
        Change(kind="update", memory=tea.uid, text="Likes rum."),
        Change(kind="delete", memory=cats.uid),
    )

    body = drawn(browser, chat)
    assert "Likes rum.</a> <span>instead of <s>Likes tea.</s></span>" in body
    assert "<s>Has cats.</s></a>" in body
    assert "Corrected:" in body
    assert "Forgotten:" in body


def test_proposal_says_that_it_waits(browser, owner, chat, change):
    memories.set_approval(owner, True)

    change(save())

    assert "Wants to remember:" in drawn(browser, chat)


@pytest.mark.parametrize("kind", ["save", "update", "delete"])
def test_undo_takes_it_back_and_the_page_shows_that(browser, chat, notebook, reply, change, kind):
    if kind == "save":
        change(save())
    else:
        tea = memories.remember(notebook, "Likes tea.", author="person")
        change(Change(kind=kind, memory=tea.uid, text="Likes rum." if kind == "update" else ""))
    made = Turn.objects.get(pk=reply.turn).changes[0]["memory"]
    url = f"/app/messages/{reply.uid}/memories/{made}/undo"
    before = _stamp(drawn(browser, chat))

    response = browser.post(url, headers={"Accept": "application/json"})

    assert response.json() == {"chat": chat.uid, "message": reply.uid, "notice": "Taken back."}
    assert facts(chat) == ([] if kind == "save" else ["Likes tea."])
    body = drawn(browser, chat)
    assert "Taken back:" in body
    assert url not in body
    assert _stamp(body) != before
    assert browser.post(url).status_code == 302
    assert facts(chat) == ([] if kind == "save" else ["Likes tea."])


def _stamp(body: str) -> str:
    return body.rpartition('data-stamp="')[2].partition('"')[0]


def test_stranger_can_take_nothing_back(elsewhere, chat, reply, change, stranger, luna):
    change(save())
    memory = Memory.objects.get()
    theirs = memories.remember(
        memories.default_notebook(user=stranger, character=luna.uid), "Mine.", author="person"
    )

    for uid in (memory.uid, theirs.uid):
        response = elsewhere.post(f"/app/messages/{reply.uid}/memories/{uid}/undo")
        assert response.status_code == 404
    assert facts(chat) == ["Likes tea."]


def test_owner_reaches_only_own_memories(browser, chat, reply, stranger, luna):
    theirs = memories.remember(
        memories.default_notebook(user=stranger, character=luna.uid), "Mine.", author="person"
    )

    response = browser.post(f"/app/messages/{reply.uid}/memories/{theirs.uid}/undo")

    theirs.refresh_from_db()
    assert (response.status_code, theirs.status) == (404, "active")


def test_fork_shows_and_changes_nothing_of_the_first_notebook(browser, owner, chat, reply, change):
    change(save())
    memory = Memory.objects.get()
    fork = services.fork_chat(user=owner, message_uid=reply.uid)
    copy = Message.objects.get(chat=fork, content=reply.content)

    body = drawn(browser, fork)
    response = browser.post(f"/app/messages/{copy.uid}/memories/{memory.uid}/undo")

    assert memory.uid not in body
    assert response.status_code == 404
    assert facts(chat) == facts(fork) == ["Likes tea."]


def test_what_was_deleted_for_good_has_no_note(browser, chat, change):
    change(save())
    memories.erase(Memory.objects.get())

    body = drawn(browser, chat)

    assert "learnt" not in body
    assert "Likes tea" not in body


@pytest.mark.parametrize("count", [1, 3])
def test_notes_of_a_page_are_one_query(
    browser, chat, reply, change, count, django_assert_num_queries
):
    change(*(save(f"Fact {number}.") for number in range(count)))
    drawn(browser, chat)

    with django_assert_num_queries(NOTED_QUERIES):
        drawn(browser, chat)


NOTED_QUERIES = 8


async def test_note_comes_with_the_end_of_the_turn(owner, chat, provider, model):
    model.supports_tools = True
    model.save()
    call = [
        ToolCallDelta(0, "", "c", "save_memory"),
        ToolCallDelta(0, '{"text":"Likes tea."}'),
        Finished("tool_calls"),
    ]
    provider.says(call, words("So."))
    socket = listen(chat.uid, owner)
    await socket.connect()
    await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="Hi"))
    await settled()

    closed = (await received(socket, "closed"))[-1]
    assert "Remembered:" in closed["html"]
    assert "Likes tea." in closed["html"]
    await socket.disconnect()


def test_called_tools_are_named_and_not_continued(browser, chat, reply):
    Message.objects.filter(uid=reply.uid).update(
        content="", tool_calls=[{"id": "c", "name": "<weather>", "arguments": "{}", "result": "x"}]
    )
    services.touch(chat)

    body = drawn(browser, chat)

    assert '<p class="cut">Used &lt;weather&gt;</p>' in body
    assert body.count(">Continue<") == 1
