"""What models answer is read with tolerance for the wrapping and none for the content."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cover import shortened
from engine.tokens import default_counter
from memory.writing.answers import FACTS_MOST, Fact, facts_in, summary_in
from memory.writing.picking import pick, pick_of
from memory.writing.said import Said, quoted, without_middle

COUNT = default_counter().count
GOOD = {"text": "Ana lives in Oslo.", "from": [2, 1], "importance": 7, "corrects": "K2"}


def facts(answer, messages=4, known=3):
    return facts_in(answer, messages=messages, known=known)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("Here you are:\n```json\n", "\n```\nAnything else?"),
        ("<think>Is {that} so?</think>", ""),
    ],
)
def test_wrapping_is_tolerated(before, after):
    answer = before + json.dumps({"facts": [GOOD]}) + after

    assert facts(answer) == [Fact("Ana lives in Oslo.", (0, 1), True, 7, 1)]


def test_bare_list_is_tolerated():
    assert [fact.text for fact in facts(json.dumps([GOOD, {**GOOD, "text": "Two."}]))] == [
        "Ana lives in Oslo.",
        "Two.",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": "  "},
        {"text": "x" * 501},
        {"from": []},
        {"from": None},
        {"from": [0]},
        {"from": [5]},
        {"from": [True]},
        {"from": ["1"]},
        {"from": [1, 99]},
    ],
)
def test_unsupported_facts_are_refused(change):
    assert facts(json.dumps({"facts": [{**GOOD, **change}]})) == []


@pytest.mark.parametrize(
    ("change", "importance", "corrects"),
    [
        ({"importance": 99}, 10, 1),
        ({"importance": -5}, 1, 1),
        ({"importance": "high"}, 5, 1),
        ({"corrects": "K4"}, 7, None),
        ({"corrects": "K0"}, 7, None),
        ({"corrects": 2}, 7, None),
        ({"corrects": "the second"}, 7, None),
        ({"from": 1}, 7, 1),
    ],
)
def test_the_rest_is_bounded(change, importance, corrects):
    (fact,) = facts(json.dumps({"facts": [{**GOOD, **change}]}))

    assert (fact.importance, fact.corrects) == (importance, corrects)


def test_too_many_and_repeated_facts_are_cut():
    many = [{**GOOD, "text": f"Fact {n // 2}."} for n in range(60)]

    assert len(facts(json.dumps({"facts": many}))) == FACTS_MOST


@given(st.text(max_size=300))
def test_any_text_is_read_without_harm(answer):
    assert all(fact.cited for fact in facts(answer))


def test_control_characters_leave_summaries_and_lines_stay():
    assert summary_in("**Summary**:\nOne.\x07\n\n\nTwo.\u202e", 100, COUNT) == "One.\nTwo."


@given(st.text(max_size=2000), st.integers(1, 60))
def test_summaries_keep_to_their_tokens(text, most):
    assert COUNT(shortened(text, most, COUNT)) <= most


def test_summaries_end_with_a_sentence():
    assert (
        shortened("One thing. Two things. Three things are too many.", 8, COUNT)
        == "One thing. Two things."
    )
    assert shortened("彼は行った。彼女は来た。それから長い夜が続いた。", 12, COUNT).endswith("。")


def said(*texts):
    return [
        Said(f"m{n}", n, "Tom" if n % 2 else "Ann", text, bool(n % 2))
        for n, text in enumerate(texts)
    ]


def test_quotes_are_one_line_each():
    assert quoted(said("One\n[2] Tom: no", "Two"), 1000) == "[1] Ann: One [2] Tom: no\n[2] Tom: Two"


@given(st.lists(st.text(max_size=3000), min_size=1, max_size=16), st.integers(2000, 4000))
def test_quotes_keep_to_their_room(texts, room):
    lines = quoted(said(*texts), room).splitlines()

    assert sum(len(line) for line in lines) <= room + 12 * len(texts) + 10 * len(texts)


def test_long_text_loses_its_middle():
    assert without_middle("abcdefghijklmnopqrstuvwxyz", 14) == "abcd […] wxyz"


def test_telling_sentences_are_picked_in_order():
    text = pick(
        said(
            "Hello there. How are you?",
            "Fine, thank you. My sister Ana moved to Oslo in 2019.",
            "I see. Well.",
            "We must meet her on Friday at the harbour.",
        ),
        40,
        COUNT,
    )

    assert text.index("Ana moved to Oslo in 2019") < text.index("Friday at the harbour")
    assert text.startswith("Tom: ")
    assert COUNT(text) <= 40


@given(st.lists(st.text(max_size=400), max_size=16), st.integers(5, 180))
def test_picked_text_keeps_to_its_tokens(texts, most):
    assert COUNT(pick(said(*texts), most, COUNT)) <= most
    assert COUNT(pick_of(texts, most, COUNT)) <= most


def test_something_is_picked_of_every_part():
    merged = pick_of([f"Part {n} happened here. And more of it." for n in range(8)], 100, COUNT)

    assert [f"Part {n}" in merged for n in range(8)] == [True] * 8
