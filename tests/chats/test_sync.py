"""Tail-diff, sentence by sentence: first the pure decision, then over the wire."""

import pytest

from chats.models import Chat, Message
from chats.services import restore_trash
from chats.sync import Line, Plan, plan
from engine.tools import ToolCall

STORED = ["a:Welcome.", "u:One", "a:First.", "u:Two", "a:Second.", "u:Three", "a:Third."]


def lines(*texts: str) -> list[Line]:
    roles = {"u": "user", "a": "assistant"}
    return [Line(roles[text[0]], text[2:]) for text in texts]


def decide(sent: list[str], stored: list[str] = STORED) -> tuple:
    found = plan(lines(*sent), lines(*stored))
    added = [f"{line.role[0]}:{line.content}" for line in found.add]
    return found.header, found.anchor, added, found.trash_from


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # One lone user message always appends, whatever it says.
        (["u:Four"], ("appended", 6, ["u:Four"], None)),
        (["u:One"], ("appended", 6, ["u:One"], None)),
        # The whole history, then something new.
        ([*STORED, "u:Four"], ("appended", 6, ["u:Four"], None)),
        # A client that trimmed its window: its run starts later.
        (["u:Three", "a:Third.", "u:Four"], ("appended", 6, ["u:Four"], None)),
        (["a:Third.", "u:Four"], ("appended", 6, ["u:Four"], None)),
        # What follows the run was removed by the client.
        (["u:One", "a:First.", "u:Deux"], ("trimmed=4", 2, ["u:Deux"], 3)),
        (["a:Second.", "u:Drei"], ("trimmed=2", 4, ["u:Drei"], 5)),
        # The stored next message again: a regenerate.
        ([*STORED[:5], "u:Three"], ("regenerated", 5, [], None)),
        (["u:One", "a:First.", "u:Two"], ("regenerated", 3, [], None)),
        # Edited messages inside the run become a new branch.
        (
            ["u:One", "a:First.", "u:Zwei", "a:Second.", "u:Three", "a:Third.", "u:Four"],
            ("branched", 2, ["u:Zwei", "a:Second.", "u:Three", "a:Third.", "u:Four"], None),
        ),
        (
            ["u:Three", "a:Third, edited.", "a:Third.", "u:Four"],
            ("new", -1, ["u:Three", "a:Third, edited.", "a:Third.", "u:Four"], None),
        ),
        # No alignment: a new chat, never a deletion.
        (["u:Who?", "a:Me.", "u:Oh"], ("new", -1, ["u:Who?", "a:Me.", "u:Oh"], None)),
        # A run needs at least one reply.
        (["u:Three", "u:Four"], ("new", -1, ["u:Three", "u:Four"], None)),
    ],
)
def test_plan_says_what_the_list_means(sent, expected):
    assert decide(sent) == expected


def spoken(text: str) -> Line:
    """`c:words|id result`: a reply that called a tool, perhaps with its result."""
    if not text.startswith("c:"):
        return lines(text)[0]
    content, _, rest = text[2:].partition("|")
    id_, _, result = rest.partition(" ")
    return Line("assistant", content, (ToolCall(id_, "look", "{}", result or None),))


CALLED = ["u:One", "c:|k1 seen", "a:First.", "u:Two", "c:Let me see.|k2 seen", "a:Second."]


@pytest.mark.parametrize(
    ("sent", "stored", "expected"),
    [
        # Results of the last call: it is answered where it stands.
        (["c:|k2 seen"], CALLED[:5], ("appended", 4, 0, None)),
        (["u:Two", "c:Let me see.|k2 seen"], CALLED[:5], ("appended", 4, 0, None)),
        # The same again, after the answer: another version of it.
        (["c:|k2 seen"], CALLED, ("regenerated", 4, 0, None)),
        ([*CALLED[:1], "c:|k1 seen"], CALLED, ("regenerated", 1, 0, None)),
        # Other results: a branch beside the call.
        (["c:|k2 other"], CALLED, ("branched", 3, 1, None)),
        # The same call with another id is another call.
        ([*CALLED, "c:|k9 seen"], CALLED, ("appended", 5, 1, None)),
        # The whole history, with calls or only with what was said in the end.
        ([*CALLED, "u:Three"], CALLED, ("appended", 5, 1, None)),
        (["u:One", "c:|k1", "a:First.", "u:Deux"], CALLED, ("trimmed=3", 2, 1, 3)),
        (["u:One", "a:First.", "u:Two", "a:Second.", "u:Three"], CALLED,
         ("appended", 5, 1, None)),
        (["u:One", "a:First.", "u:Three"], CALLED, ("trimmed=2", 2, 1, 3)),
        (["u:One", "a:First.", "u:Two"], CALLED, ("regenerated", 3, 0, None)),
        # Text beside a call that the client kept without the call is the same message.
        (["u:Two", "a:Let me see.", "a:Second.", "u:Three"], CALLED, ("appended", 5, 1, None)),
        # Nothing in common.
        (["u:Who?", "c:|k8 seen"], CALLED, ("new", -1, 2, None)),
    ],
)  # fmt: skip
def test_plan_knows_calls(sent, stored, expected):
    found = plan([spoken(text) for text in sent], [spoken(text) for text in stored])

    assert (found.header, found.anchor, len(found.add), found.trash_from) == expected


def test_plan_compares_normalised_text():
    sent = lines("u:  One\r\n", "a:First.  ", "u:Two!")

    assert plan(sent, lines(*STORED)).header == "trimmed=4"


def test_plan_takes_the_latest_of_equal_runs():
    stored = ["u:Hi", "a:Hello.", "u:Hi", "a:Hello."]

    assert decide(["u:Hi", "a:Hello.", "u:Bye"], stored) == ("appended", 3, ["u:Bye"], None)


def test_plan_for_an_unanswered_message_answers_it_without_adding():
    stored = ["u:One", "a:First.", "u:Two"]

    assert plan(lines("u:One", "a:First.", "u:Two"), lines(*stored)) == Plan("regenerated", 2)


# Over the wire


def say(*texts: str) -> dict:
    roles = {"u": "user", "a": "assistant", "s": "system"}
    messages = [{"role": roles[text[0]], "content": text[2:]} for text in texts]
    return {"model": "Luna", "messages": messages}


def shown() -> list[str]:
    chat = Chat.objects.latest("active_at")
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    return [f"{m.role[0]}:{m.content}" for m in rows]


@pytest.fixture
async def talk(wire, luna, provider):
    """Two exchanges, and a way to go on. Returns the sync header."""
    from tests.fakes.provider import words

    async def send(*texts: str, reply: str = "Hm.") -> str:
        provider.says(words(reply))
        response = await wire.post("chat/completions", json=say(*texts))
        assert response.status_code == 200, response.text
        return response.headers["x-reverie-sync"]

    assert await send("u:One", reply="First.") == "new"
    assert await send("u:Two", reply="Second.") == "appended"
    return send


BEFORE = ["a:Hi, I am Luna.", "u:One", "a:First.", "u:Two", "a:Second."]


@pytest.mark.django_db
async def test_wire_appends_after_a_matching_history(talk):
    assert await talk(*BEFORE, "u:Three") == "appended"

    assert shown() == [*BEFORE, "u:Three", "a:Hm."]


@pytest.mark.django_db
async def test_wire_ignores_system_messages(talk):
    assert await talk("s:Be a pirate.", "u:One", "a:First.", "u:Two", "a:Second.", "u:3") == (
        "appended"
    )
    assert shown() == [*BEFORE, "u:3", "a:Hm."]


@pytest.mark.django_db
async def test_wire_regenerates_and_keeps_the_old_reply_as_a_version(talk):
    assert await talk("u:One", "a:First.", "u:Two", reply="Other.") == "regenerated"

    assert shown() == [*BEFORE[:4], "a:Other."]
    versions = Message.objects.filter(parent__content="Two").order_by("uid")
    assert [(m.content, m.active, m.trashed_at) for m in versions] == [
        ("Second.", False, None),
        ("Other.", True, None),
    ]


@pytest.mark.django_db
async def test_wire_moves_what_the_client_removed_to_the_trash(talk, owner):
    assert await talk("u:One", "a:First.", "u:Deux") == "trimmed=2"

    assert shown() == [*BEFORE[:3], "u:Deux", "a:Hm."]
    trashed = Message.objects.exclude(trash="").order_by("position")
    assert [m.content for m in trashed] == ["Two", "Second."]
    assert restore_trash(user=owner, trash_uid=trashed[0].trash) == 2
    assert shown() == BEFORE


@pytest.mark.django_db
async def test_wire_makes_a_branch_of_edited_messages(talk):
    assert await talk("u:One", "a:First.", "u:Zwei", "a:Second.", "u:Three") == "branched"

    assert shown() == [*BEFORE[:3], "u:Zwei", "a:Second.", "u:Three", "a:Hm."]
    assert Message.objects.filter(content="Two", trashed_at=None, active=False).count() == 1


@pytest.mark.django_db
async def test_wire_answers_a_foreign_history_in_a_new_chat(talk):
    first = Chat.objects.get()

    assert await talk("u:Who?", "a:Me.", "u:Oh") == "new"

    assert shown() == ["u:Who?", "a:Me.", "u:Oh", "a:Hm."]
    kept = Message.objects.filter(chat=first, active=True).order_by("position")
    assert [f"{m.role[0]}:{m.content}" for m in kept] == BEFORE
    assert await talk("u:Who?", "a:Me.", "u:Oh", "a:Hm.", "u:And?") == "appended"
