"""Reading questions."""

import pytest

from memory.recall import analysis
from memory.recall.question import read


def words(question, names=()):
    return [concept.forms[0][0] for concept in read(question, names).concepts]


def test_speakers_are_taken_out_of_the_words():
    question = read("What did Ana's brother paint?", {"ana", "mia"})
    assert question.people == {"ana"}
    assert words("What did Ana's brother paint?", {"ana", "mia"}) == ["brother", "paint"]


@pytest.mark.parametrize("question", ["Ana, where is my hat?", "Where is my hat, Ana?"])
def test_who_is_spoken_to_is_not_asked_about(question):
    assert read(question, {"ana"}).people == set()
    assert words(question, {"ana"}) == ["hat"]


def test_a_name_that_is_a_common_word_needs_its_capital():
    assert read("What will he cook?", {"will"}).people == set()
    assert read("What did Will cook?", {"will"}).people == {"will"}


def test_who_asks_about_himself_is_named_by_the_asker():
    assert read("Where do I live?", {"ana", "mia"}, asker="Mia").people == {"mia"}
    assert read("Where does Ana live?", {"ana", "mia"}, asker="Mia").people == {"ana"}


def test_words_of_the_asking_count_where_there_is_nothing_else():
    assert words("What did you say about the boat?") == ["boat"]
    assert words("What did you mention?") == ["mention"]


def test_other_words_stand_for_a_word():
    forms = dict(read("pets", ()).concepts[0].forms)
    assert forms["pet"] == 1.0
    assert forms["kitten"] < 1.0


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("When was it?", analysis.TIMED),
        ("How many were there?", analysis.COUNTED),
        ("Where was it?", analysis.PLACED),
        ("Who was it?", analysis.NAMED),
        ("Why was it?", analysis.REASONED),
        ("How did it feel?", analysis.FELT),
        ("Which book was it?", analysis.QUOTED),
        ("What was it?", 0),
    ],
)
def test_a_question_says_what_an_answer_looks_like(question, wanted):
    assert read(question, ()).wanted == wanted


@pytest.mark.parametrize(
    "question",
    ["What did you suggest?", "What was your advice?", "Which of the names you gave me was short?"],
)
def test_questions_about_replies_are_known(question):
    assert read(question, ()).is_about_reply


@pytest.mark.parametrize(
    "question", ["Can you tell me what I like?", "Could you list my pets?", "Do you know my name?"]
)
def test_a_polite_question_is_not_about_a_reply(question):
    assert not read(question, ()).is_about_reply


def test_a_long_question_is_bounded():
    assert len(words(" ".join(f"word{number}" for number in range(5_000)))) == 48
