"""The decoder of server-sent events, whatever way the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Terminal
from engine import sse


def data(*chunks: bytes) -> list[bytes]:
    decoder = sse.Decoder()
    found = [part for chunk in chunks for _, part in decoder.feed(chunk)]
    return found + [part for _, part in decoder.finish()]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: 1\n\ndata: 2\n\n", [b"1", b"2"]),
        (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [b"1", b"2"]),
        (b"data: 1\r\rdata: 2\r\r", [b"1", b"2"]),
        (b"\xef\xbb\xbfdata: 1\n\n", [b"1"]),
        (b": hello\n\ndata: 1\n: again\n\n", [b"1"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:1\n\n", [b"1"]),
        (b"data:  1\n\n", [b" 1"]),
        (b"id: 4\nretry: 10\nevent: x\ndata: 1\n\n", [b"1"]),
        (b"data: 1", [b"1"]),
        (b"data: \xf0\x9f\x8c\x99\n\n", ["🌙".encode()]),
        (b"", []),
    ],
)
def test_any_cut_gives_the_same_events(stream, expected):
    assert data(stream) == expected
    assert data(*(stream[i : i + 1] for i in range(len(stream)))) == expected
    for place in range(len(stream)):
        assert data(stream[:place], stream[place:]) == expected


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_event_is_given_out_when_complete_not_when_the_next_one_comes(end):
    assert sse.Decoder().feed(b"data: 1" + end) == [(b"", b"1")]


def test_event_name_belongs_to_one_event():
    assert sse.Decoder().feed(b"event: error\ndata: 1\n\ndata: 2\n\n") == [
        (b"error", b"1"),
        (b"", b"2"),
    ]


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_530 + b"\n"])
def test_endless_event_is_refused(piece):
    with pytest.raises(Terminal):
        data(*[piece] * 80)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5
    ),
    st.data(),
)
def test_what_was_sent_comes_out(texts, draw):
    wire = b"".join(b"data: " + text.encode() + b"\r\n\r\n" for text in texts)
    cut = draw.draw(st.integers(0, len(wire)))

    assert data(wire[:cut], wire[cut:]) == [text.encode() for text in texts]
