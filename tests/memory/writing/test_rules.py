"""Facts without a model: what is taken from plain statements, and what is left alone."""

import pytest

from memory.writing.rules import CHARS_MOST, facts_of, slot_of
from memory.writing.said import Said


def read(*texts, known=(), is_person=True):
    said = [Said(f"m{n}", n, "Alex", text, is_person) for n, text in enumerate(texts)]
    return facts_of(said, known)


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        ("My name is Alex Stone.", ["Alex is called Alex Stone."]),
        ("I live in Bergen with my cat.", ["Alex lives in Bergen."]),
        ("I've just moved to New York!", ["Alex lives in New York."]),
        ("I work as a nurse.", ["Alex works as a nurse."]),
        ("I'm allergic to peanuts and shellfish.", ["Alex is allergic to peanuts and shellfish."]),
        ("My sister's name is Ana.", ["Alex's sister is called Ana."]),
        ("my dog is called Rex", ["Alex has a dog called Rex."]),
        ("I have a cat named Milo.", ["Alex has a cat called Milo."]),
        ("I love jazz.", ["Alex likes jazz."]),
        ("I can't stand olives.", ["Alex does not like olives."]),
        ("My birthday is on 3 May.", ["Alex's birthday is 3 May."]),
        ("My favourite colour is green.", ["Alex's favourite colour is green."]),
        ("I'm flying to Lisbon on Friday.", ["Alex goes to Lisbon on Friday."]),
    ],
)
def test_plain_statements(said, facts):
    assert [fact.text for fact in read(said)] == facts


@pytest.mark.parametrize(
    "said",
    [
        "Do I live in Rome?",
        "If I live in Rome, I will be warm.",
        "I would love tea.",
        "Imagine I live in a castle.",
        "*I live in a castle*",
        'She said: "I live in Rome."',
        "I love you.",
        "I like it when you sing.",
        "I used to live here, I live in the past said he.",
        "You live in Rome.",
    ],
)
def test_what_is_no_statement_is_left_alone(said):
    assert read(said) == []


def test_what_a_character_says_is_left_alone():
    assert read("I live in Bergen.", is_person=False) == []


@pytest.mark.parametrize(
    ("said", "known", "corrects"),
    [
        ("I moved to Oslo.", "Alex lives in Bergen.", 0),
        ("I don't like tea anymore.", "Alex likes tea.", 0),
        ("I don't like tea.", "Alex likes coffee.", None),
        ("My sister's name is Ana.", "Alex's sister is called Mia.", 0),
        ("My sister's name is Ana.", "Alex's brother is called Bo.", None),
        ("My dog is called Rex.", "Alex has a dog called Bo.", 0),
        ("My favourite food is rye.", "Alex's favourite food is rice.", 0),
        ("I'm allergic to nuts.", "Alex is allergic to cats.", None),
    ],
)
def test_the_same_slot_is_corrected(said, known, corrects):
    assert [fact.corrects for fact in read(said, known=[known])] == [corrects]


def test_known_fact_is_not_repeated():
    assert read("I live in Bergen.", known=["Alex lives in Bergen."]) == []


def test_last_word_counts():
    (fact,) = read("I live in Bergen.", "I moved to Oslo.")

    assert (fact.text, fact.cited) == ("Alex lives in Oslo.", (1,))


def test_slots_of_other_facts_are_unknown():
    assert slot_of("They argued about the lamp.") == ""


def test_no_more_than_the_beginning_of_a_message_is_read():
    statement = "I live in Bergen."
    before = ("So. " * CHARS_MOST)[: CHARS_MOST - len(statement)]

    assert [fact.text for fact in read(before + statement)] == ["Alex lives in Bergen."]
    assert read("So. " + before + "So. " + statement) == []


@pytest.mark.parametrize(
    "text",
    ["“", "*", '"', "`", "I live in  ", "I like ", "My sister ", "My sister A'", "I work as"],
)
def test_endless_repetition_makes_no_endless_fact(text):
    assert all(len(fact.text) < 120 for fact in read(text * CHARS_MOST))
    assert len(read(text * CHARS_MOST)) <= 1
