"""Storing analysed turns."""

import msgspec
import pytest

from memory.recall import Turn, analyse, pack, unpack
from memory.recall.values import FORMAT


def test_what_is_packed_comes_back():
    analysed = [analyse(Turn("a", "One. " * 300, "Ana", "user", 1.5, "s")), analyse(Turn("b", ""))]
    assert unpack(pack(analysed)) == analysed
    assert unpack(pack([])) == []


def test_the_pieces_are_what_the_spans_say():
    analysed = analyse(Turn("a", "One sentence here. " * 60))
    assert len(analysed.pieces) == len(analysed.spans) > 1
    assert " ".join(analysed.pieces) + " " == analysed.turn.text


@pytest.mark.parametrize(
    "data",
    [
        msgspec.msgpack.encode((FORMAT + 1, [])),
        msgspec.msgpack.encode((FORMAT, [["no turn"]])),
        msgspec.msgpack.encode("text"),
        b"",
        b"\xc1",
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r"Format|packed"):
        unpack(data)
