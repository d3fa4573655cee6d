"""Terms: what is the same word, and what says nothing."""

import pytest

from memory.recall.words import terms, tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hiking", "hiked"),
        ("painted", "paintings"),
        ("went", "gone"),
        ("buys", "bought"),
        ("kids", "child"),
        ("mum", "mother's"),
        ("twelve", "12"),
        ("Sept", "September"),
        ("agencies", "agency"),
        ("running", "runs"),
        ("café", "cafe"),
        ("собака", "собаками"),
        ("COUNSELLING", "counseling"),
    ],
)
def test_forms_of_one_word_are_one_term(one, other):
    assert terms(one) == terms(other) != []


@pytest.mark.parametrize(
    ("one", "other"), [("sun", "son"), ("plan", "plane"), ("house", "hour"), ("may", "mayor")]
)
def test_different_words_stay_apart(one, other):
    assert terms(one) != terms(other)


def test_words_that_say_nothing_are_left_out():
    assert terms("Well, I don't think that you've been there, have you?") == ["think"]


def test_scripts_without_blanks_become_pairs():
    assert terms("我在上海 ok") == ["我在", "在上", "上海"]
    assert terms("猫") == ["猫"]


def test_marks_and_emoji_are_no_words():
    assert tokens("🎉 -- !? …") == []


def test_full_width_letters_are_letters():
    assert terms("ＶＩＯＬＩＮ") == terms("violin")
