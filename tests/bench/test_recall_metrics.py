"""The figures of the recall bench, against sums done by hand."""

import math

import pytest

from bench.recall.data import Question
from bench.recall.metrics import answered, distinct, interval, measure, ndcg, packed, recall
from bench.recall.systems import Found

RANKED = [
    Found(("c",), "x" * 2000),
    Found(("a", "c"), "the red kite " + "y" * 1987),
    Found(("b",), "z" * 97),
    Found(("d",), "a blue boat"),
]
QUESTION = Question("talk", "q1", "Which kite?", "multi-hop", ("a", "d", "e"), "The red kites, old")


def test_distinct_keeps_the_first_of_a_turn():
    assert distinct(RANKED) == ["c", "a", "b", "d"]


def test_packed_passes_over_what_no_longer_fits():
    assert packed(RANKED, tokens=1024) == [RANKED[0], RANKED[1], RANKED[3]]


def test_packed_takes_what_fits_exactly():
    assert packed([Found(("a",), "x" * 40)], tokens=10) == [Found(("a",), "x" * 40)]


def test_recall_counts_evidence_among_the_first():
    assert [recall(["c", "a", "b", "d"], ["a", "d", "e"], k) for k in (1, 2, 4)] == [
        0,
        1 / 3,
        2 / 3,
    ]


def test_ndcg_discounts_by_rank_and_compares_with_the_best_order():
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)

    assert ndcg(["c", "a", "b", "d"], ["a", "d", "e"], 10) == pytest.approx(gain / ideal)
    assert ndcg(["a"], ["a"], 10) == 1
    assert ndcg([], ["a"], 10) == 0


def test_answered_compares_stems_without_stop_words():
    assert answered(RANKED, "The red kites, old") == pytest.approx(2 / 3)
    assert answered([], "red") == 0
    assert answered([], "he was there") == 1


def test_measure_gives_every_figure():
    found = measure(RANKED, QUESTION)

    assert {name: round(value, 3) for name, value in found.items()} == {
        "R@1": 0,
        "R@5": 0.667,
        "R@10": 0.667,
        "R@50": 0.667,
        "nDCG@10": 0.498,
        "All@10": 0,
        "B1024": 0.667,
        "ans1024": 0.667,
    }


def test_measure_of_nothing_found_is_nothing():
    assert set(measure([], QUESTION).values()) == {0}


def test_interval_holds_the_mean_and_is_the_same_every_time():
    values = [0.0, 1.0] * 50
    low, high = interval(values)

    assert low < 0.5 < high
    assert interval(values) == (low, high)
    assert interval([1.0] * 5) == (1, 1)
