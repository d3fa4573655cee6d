"""The grid: everybody cuts a path alike, however long its messages are."""

from hypothesis import given
from hypothesis import strategies as st

from memory.writing.spans import BLOCK, SPAN_TOKENS, Span, covers, cut, missing, size_of

BLOCK_0 = Span(0, 15)
sizes = st.lists(st.integers(0, 4000), min_size=16, max_size=16)


def tokens_of(given_sizes):
    return lambda span: sum(given_sizes[span.first : span.last + 1])


@given(sizes)
def test_parts_lie_side_by_side_and_are_short_unless_single(given_sizes):
    parts = cut(BLOCK_0, [], tokens_of(given_sizes))

    assert [at for part in parts for at in range(part.first, part.last + 1)] == list(range(16))
    for part in parts:
        assert part.first == part.last or tokens_of(given_sizes)(part) <= SPAN_TOKENS


@given(sizes, st.data())
def test_whoever_goes_on_cuts_as_whoever_began(given_sizes, data):
    whole = cut(BLOCK_0, [], tokens_of(given_sizes))
    done = data.draw(st.sets(st.sampled_from(whole)))

    rest = cut(BLOCK_0, done, tokens_of(given_sizes))

    assert sorted([*done, *rest]) == whole


def test_what_is_there_is_not_cut_again():
    assert cut(BLOCK_0, [BLOCK_0], lambda span: 9999) == []
    assert cut(BLOCK_0, [Span(0, 7)], lambda span: 10) == [Span(8, 15)]


def test_missing_blocks_of_messages():
    assert missing(0, [Span(0, 15), Span(16, 23)], [], 50) == [Span(16, 31), Span(32, 47)]
    assert missing(0, [], [], 15) == []


def test_higher_levels_need_all_their_parts():
    parts = [Span(n, n + 15) for n in range(0, 240, 16)]

    assert missing(1, [], parts, 300) == [Span(0, 127)]
    assert missing(1, [Span(0, 127)], parts, 300) == []
    assert missing(2, [], [Span(0, 127)], 2000) == []


def test_cover_must_be_whole_and_within():
    assert covers({0: 7, 8: 15}, BLOCK_0)
    assert not covers({0: 7}, BLOCK_0)
    assert not covers({0: 7, 8: 31}, BLOCK_0)


def test_sizes_of_levels():
    assert [size_of(level) for level in range(4)] == [BLOCK, 128, 1024, 8192]
