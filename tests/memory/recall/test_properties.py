"""What holds for any turns: order of arrival, cuts and storage never change an answer."""

from hypothesis import given
from hypothesis import strategies as st

from memory.recall import Index, Turn, analyse, pack, unpack

_WORDS = "cat kitten dog violin Oslo went yesterday two painted job? Mia Ana because 猫 собака. !"
WORDS = st.sampled_from(_WORDS.split())
TEXTS = st.one_of(
    st.lists(WORDS, max_size=12).map(" ".join),
    st.text(max_size=60),
    st.lists(WORDS, min_size=150, max_size=220).map(" ".join),
)
TURNS = st.lists(
    st.builds(
        Turn,
        uid=st.just("t"),
        text=TEXTS,
        speaker=st.sampled_from(["Ana", "Mia", "", "user"]),
        role=st.sampled_from(["", "user", "assistant"]),
        time=st.one_of(st.none(), st.floats(-1e12, 1e12), st.just(1.7e9)),
        session=st.sampled_from(["", "1", "2"]),
    ),
    max_size=8,
)
QUESTIONS = st.one_of(st.lists(WORDS, max_size=6).map(" ".join), st.text(max_size=40))


def numbered(turns):
    return [analyse(Turn(str(at), *_rest(turn))) for at, turn in enumerate(turns)]


def _rest(turn):
    return turn.text, turn.speaker, turn.role, turn.time, turn.session


def index_of(analysed):
    index = Index()
    index.extend(analysed)
    return index


@given(TURNS, QUESTIONS, st.integers(0, 8))
def test_pieces_cuts_and_storage_change_nothing(turns, question, at):
    analysed = numbered(turns)
    expected = index_of(analysed).search(question)
    index = index_of(analysed[:at])
    index.search(question)
    index.extend(analysed[at:])
    assert index.search(question) == expected
    index.truncate(at)
    index.extend(analysed[at:])
    assert index.search(question) == expected
    assert index_of(unpack(pack(analysed))).search(question) == expected


@given(TURNS, QUESTIONS, st.integers(0, 8))
def test_nothing_from_behind_the_limit_is_seen(turns, question, before):
    analysed = numbered(turns)
    seen = index_of(analysed).search(question, before=before)
    assert seen == index_of(analysed[:before]).search(question)


@given(TURNS, QUESTIONS, st.integers(1, 8))
def test_hits_are_distinct_ordered_and_bounded(turns, question, k):
    hits = index_of(numbered(turns)).search(question, k=k)
    found = [hit.ids for hit in hits]
    assert len(found) == len(set(found)) <= k
    order = [(-hit.score, int(hit.ids[0])) for hit in hits]
    assert order == sorted(order)


@given(st.text(max_size=3_000))
def test_pieces_hold_the_text_in_order(text):
    analysed = analyse(Turn("a", text))
    ends = [0, *(end for _, end in analysed.spans)]
    assert len(analysed.spans) == len(analysed.terms) == len(analysed.marks) >= 1
    for (start, end), before in zip(analysed.spans, ends, strict=False):
        assert before <= start <= end <= len(text)
        assert not text[before:start].strip()
    assert not text[ends[-1] :].strip()
