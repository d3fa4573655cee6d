"""The memory tools as pure values: what a call may ask for, and what it is told."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.tools import CHANGES_MOST, Change, Listed, Session, offer

TEA = Listed("0123456789abcdef01234567", "Likes tea.")
CATS = Listed("0123456789abcdef0123cccc", "Has two cats.")


@pytest.fixture
def session():
    return Session(offer("notebook", (), [TEA, CATS]))


def saved(text: str, **more) -> str:
    return orjson.dumps({"text": text, **more}).decode()


def test_schemas_are_strict():
    functions = [schema["function"] for schema in offer("n", ()).schemas()]

    assert [function["name"] for function in functions] == [
        "save_memory",
        "update_memory",
        "delete_memory",
    ]
    assert all(f["parameters"]["additionalProperties"] is False for f in functions)
    save = functions[0]["parameters"]
    assert save["properties"]["text"]["maxLength"] == 500
    assert save["properties"]["scope"]["enum"] == ["character", "chat"]
    importance = save["properties"]["importance"]
    assert (importance["minimum"], importance["maximum"]) == (1, 10)
    assert save["required"] == ["text"]


def test_names_of_the_client_stay_its_own():
    offered = offer("n", {"save_memory", "reverie_save_memory", "delete_memory"})

    assert offered.names == {
        "reverie_reverie_save_memory": "save",
        "update_memory": "update",
        "reverie_delete_memory": "delete",
    }
    assert not Session(offered).owns("save_memory")


def test_calls_become_changes_in_their_order(session):
    told = [
        session.run("save_memory", saved("Has a\nsister,  Ana.", scope="chat", importance=8)),
        session.run("update_memory", '{"id":"[01234567]","text":"Likes green tea."}'),
        session.run("delete_memory", '{"id":"0123456789abcdef0123CCCC"}'),
    ]

    assert told == [
        "Saved. Go on with the reply.",
        "Updated. Go on with the reply.",
        "Deleted. Go on with the reply.",
    ]
    assert session.changes == [
        Change(kind="save", text="Has a sister, Ana.", scope="chat", importance=8),
        Change(kind="update", text="Likes green tea.", memory=TEA.uid),
        Change(kind="delete", memory=CATS.uid),
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("save_memory", "no JSON"),
        ("save_memory", ""),
        ("save_memory", "[]"),
        ("save_memory", "null"),
        ("save_memory", "{}"),
        ("save_memory", saved(" \n\u202e ")),
        ("save_memory", saved("x" * 501)),
        ("save_memory", saved("x" * 1_000_000)),
        ("save_memory", "[" * 3_000),
        ("save_memory", saved("Tea", scope="room")),
        ("save_memory", saved("Tea", scope="x" * 3_000)),
        ("save_memory", saved("Tea", importance=11)),
        ("save_memory", saved("Tea", importance=0)),
        ("save_memory", saved("Tea", importance="high")),
        ("save_memory", saved("Tea", notebook="other")),
        ("save_memory", '{"text": 5}'),
        ("save_memory", '{"text": "\ud800"}'),
        ("update_memory", '{"id":"01234567","text":""}'),
        ("update_memory", '{"id":"zzzzzzzz","text":"Hates tea."}'),
        ("update_memory", '{"id":"","text":"Hates tea."}'),
        ("delete_memory", '{"id":"zzzzzzzz"}'),
        ("delete_memory", '{"id":["01234567"]}'),
        ("delete_memory", '{"id":"01234567","all":true}'),
    ],
)
def test_refusals_are_short_and_change_nothing(session, name, arguments):
    told = session.run(name, arguments)

    assert told.startswith("Refused: ")
    assert len(told) < 220
    assert (session.changes, session.refused) == ([], 1)


def test_changes_of_a_reply_are_bounded(session):
    told = [session.run("save_memory", saved(f"Fact {n}.")) for n in range(50)]

    assert len(session.changes) == CHANGES_MOST
    assert told[CHANGES_MOST:] == ["Refused: 8 changes in one reply is the most."] * 42
    assert session.refused == 42


def test_same_fact_twice_is_one_change(session):
    session.run("save_memory", saved("Likes coffee."))

    assert session.run("save_memory", saved("likes COFFEE")).startswith("Saved")
    assert len(session.changes) == 1


def test_same_wording_changes_nothing(session):
    told = session.run("update_memory", '{"id":"01234567","text":"Likes tea."}')

    assert (told, session.changes) == ("Updated. Go on with the reply.", [])


def test_forgotten_memory_is_no_longer_listed(session):
    session.run("delete_memory", '{"id":"01234567"}')

    assert session.run("update_memory", '{"id":"01234567","text":"x"}').startswith("Refused")


def test_two_memories_of_one_handle_cannot_be_reached():
    twin = Listed("ffffffffffffffff01234567", "Somebody else.")
    session = Session(offer("n", (), [TEA, CATS, twin]))

    assert session.run("delete_memory", '{"id":"01234567"}').startswith("Refused")
    assert session.run("delete_memory", '{"id":"0123cccc"}').startswith("Deleted")


@given(st.sampled_from(["save_memory", "update_memory", "delete_memory"]), st.text())
def test_no_arguments_break_it(name, arguments):
    session = Session(offer("notebook", (), [TEA]))

    assert session.run(name, arguments)
