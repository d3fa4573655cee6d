"""Tool calls as upstreams stream them: every liberty ends in the same calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Finished, ToolCallDelta
from engine.providers.chunks import Reader
from engine.tools import CALLS_MOST, ToolCall, gathered
from tests.fakes.upstream import chunk

SAVE = ToolCall("c1", "save_memory", '{"text":"Tea"}')
TIME = ToolCall("c2", "get_time", "{}")


def read(*deltas: dict | list[dict]) -> list:
    """The events of chunks that hold these calls, to the end of the stream."""
    reader, out = Reader(), []
    for delta in deltas:
        calls = delta if isinstance(delta, list) else [delta]
        reader.read(chunk(tool_calls=calls).removeprefix(b"data: ").strip(), out)
    reader.read(b"[DONE]", out)
    return [*out, *reader.ending()]


def calls_of(events: list) -> tuple[ToolCall, ...]:
    assert events[-1] == Finished("tool_calls")
    return gathered(event for event in events if isinstance(event, ToolCallDelta))


def piece(index: int | None = 0, arguments=None, *, uid=None, name=None) -> dict:
    call: dict = {"function": {}}
    if index is not None:
        call["index"] = index
    if uid is not None:
        call["id"] = uid
    if name is not None:
        call["function"]["name"] = name
    if arguments is not None:
        call["function"]["arguments"] = arguments
    return call


def test_call_begins_with_id_and_whole_name_and_goes_on_with_arguments():
    events = read(
        piece(uid="c1", name="save_"),
        piece(name="memory", arguments=""),
        piece(arguments='{"text":'),
        piece(arguments='"Tea"}'),
    )

    assert events == [
        ToolCallDelta(0, "", "c1", "save_memory"),
        ToolCallDelta(0, '{"text":'),
        ToolCallDelta(0, '"Tea"}'),
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [piece(uid="c1", name="save_memory", arguments='{"text":"Tea"}')], [SAVE], id="at once"
        ),
        pytest.param(
            [[piece(0, '{"text":"Tea"}', uid="c1", name="save_memory"),
              piece(0, "{}", uid="c2", name="get_time")]], [SAVE, TIME], id="one index for all"),
        pytest.param(
            [[piece(None, '{"text":"Tea"}', uid="c1", name="save_memory"),
              piece(None, "{}", uid="c2", name="get_time")]], [SAVE, TIME], id="no index"),
        pytest.param(
            [piece(0, "", uid="c1", name="save_memory"), piece(1, "", uid="c2", name="get_time"),
             piece(0, '{"text"'), piece(1, "{"), piece(0, ':"Tea"}'), piece(1, "}")],
            [SAVE, TIME], id="calls take turns"),
        pytest.param(
            [piece(7, '{"text":"Tea"}', uid="c1", name="save_memory"),
             piece(9, "{}", uid="c2", name="get_time")], [SAVE, TIME], id="odd indexes"),
        pytest.param(
            [piece(0, '{"text"', uid="c1", name="save_memory"),
             piece(0, ':"Tea"}', uid="c1", name="save_memory")], [SAVE], id="name repeated"),
        pytest.param(
            [piece(0, {"text": "Tea"}, uid="c1", name="save_memory")], [SAVE], id="an object"),
        pytest.param([piece(0, None, uid="c2", name="get_time"), piece(0, "{}")], [TIME],
                     id="null arguments first"),
        pytest.param([piece(0, "no JSON", uid="c1", name="f")],
                     [ToolCall("c1", "f", "no JSON")], id="no JSON"),
        pytest.param([piece(0, uid="c1", name="f")], [ToolCall("c1", "f", "")], id="no arguments"),
        pytest.param([{"index": 0, "id": 5, "function": {"name": "f"}}],
                     [ToolCall("5", "f", "")], id="id is a number"),
    ],
)  # fmt: skip
def test_liberties_with_calls_are_understood(deltas, expected):
    assert calls_of(read(*deltas)) == tuple(expected)


def test_missing_and_repeated_ids_are_made_up():
    one, two, three = calls_of(
        read(
            piece(0, "{}", name="a"),
            piece(1, "{}", uid="same", name="b"),
            piece(2, "{}", uid="same", name="c"),
        )
    )

    assert (one.name, two.name, three.name) == ("a", "b", "c")
    assert two.id == "same"
    assert len({one.id, two.id, three.id}) == 3
    assert one.id.startswith("call_")


def test_calls_are_bounded():
    found = calls_of(read([piece(n, "{}", uid=f"c{n}", name="f") for n in range(CALLS_MOST + 9)]))

    assert len(found) == CALLS_MOST


TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)
CALLS = st.lists(st.tuples(st.sampled_from(["get", "put", "save_memory"]), TEXT), max_size=5)


@given(CALLS, st.randoms())
def test_one_byte_pieces_in_any_mixture_give_the_same_calls(calls, chance):
    queues = []
    for index, (name, text) in enumerate(calls):
        pieces = [piece(index, uid=f"c{index}")]
        pieces += [piece(index, name=letter) for letter in name]
        pieces += [piece(index, letter) for letter in text]
        queues.append(pieces)
    deltas = []
    while any(queues):
        deltas.append(chance.choice([queue for queue in queues if queue]).pop(0))

    found = gathered(e for e in read(*deltas) if isinstance(e, ToolCallDelta))

    assert sorted((c.id, c.name, c.arguments) for c in found) == [
        (f"c{index}", name, text) for index, (name, text) in enumerate(calls)
    ]
