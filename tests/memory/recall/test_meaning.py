"""What vectors add to an index, and what they leave alone."""

import numpy as np
import pytest

from memory.recall import Index, Turn, analyse
from tests.fakes.embedder import direction

TEXTS = [
    "The old jetty caught fire in March.",
    "We had soup and bread for supper.",
    "My cousin plays the violin in Ghent.",
    "The ferry was late again today.",
]


@pytest.fixture
def index():
    index = Index()
    index.extend([analyse(Turn(f"t{n}", text, session=f"s{n}")) for n, text in enumerate(TEXTS)])
    return index


def rows(*numbers):
    return {number: np.array([direction(TEXTS[number])]) for number in numbers}


def ids(hits):
    return [hit.ids[0] for hit in hits]


def test_a_turn_is_found_that_shares_no_word(index):
    assert ids(index.search("zorp blick")) == []
    index.set_vectors(rows(0, 1, 2, 3))

    assert ids(index.search("zorp blick", vector=direction("zorp blick")))[0] == "t0"


def test_words_weigh_the_same_with_vectors(index):
    question = "when was the ferry late"
    without = {hit.ids[0]: hit.why for hit in index.search(question)}
    index.set_vectors(rows(0, 1, 2, 3))

    with_them = index.search(question, vector=direction(question))

    found = next(hit.why for hit in with_them if hit.ids[0] == "t3")
    assert {name: part for name, part in found.items() if name != "meaning"} == without["t3"]


def test_a_turn_without_a_vector_is_neither_raised_nor_lowered(index):
    index.set_vectors(rows(0, 1))

    hits = index.search("ferry soup fire", vector=direction("ferry soup fire"))

    parts = {hit.ids[0]: hit.why.get("meaning", 0) for hit in hits}
    assert parts["t3"] == 0
    assert parts["t0"] == pytest.approx(-parts["t1"], abs=1e-3)


def test_dropped_vectors_are_gone(index):
    index.set_vectors(rows(0, 1, 2, 3))
    index.drop_vectors()

    assert (index.width, ids(index.search("zorp", vector=direction("zorp")))) == (0, [])


def test_turns_cut_off_take_their_vectors_along(index):
    index.set_vectors(rows(0, 1, 2, 3))
    index.truncate(1)
    index.extend([analyse(Turn("new", "Nothing of the kind."))])

    hits = index.search("violin", vector=direction(TEXTS[2]))

    assert {hit.ids[0]: hit.why.get("meaning", 0) for hit in hits}.get("new", 0) == 0


def test_rows_of_turns_that_do_not_follow_one_another_find_their_places(index):
    index.set_vectors(rows(3, 1))

    assert ids(index.search("x", vector=direction(TEXTS[3])))[0] == "t3"
    assert index.pieces(3) == (TEXTS[3],)
