"""The conversations of the recall bench are whole: every question can be answered from them."""

from collections import Counter

import pytest

from bench.recall.data import KINDS, load

CONVERSATIONS = load()


@pytest.fixture(params=CONVERSATIONS, ids=lambda each: each.name)
def conversation(request):
    return request.param


def test_there_are_short_and_long_chats():
    lengths = {
        each.name: sum(len(turn.text) for turn in each.turns) // len(each.turns)
        for each in CONVERSATIONS
    }

    assert sorted(lengths) == ["bakery", "corin-sable", "ilka-bram", "maud-teo", "tollhouse"]
    assert {name for name, mean in lengths.items() if mean > 600} == {"bakery", "tollhouse"}


def test_turns_have_unique_ids_and_say_something(conversation):
    assert max(Counter(turn.id for turn in conversation.turns).values()) == 1
    assert all(turn.text.strip() and turn.speaker and turn.session for turn in conversation.turns)
    assert {turn.conversation for turn in conversation.turns} == {conversation.name}


def test_no_turn_is_said_twice(conversation):
    again = {
        text
        for text, count in Counter(turn.text for turn in conversation.turns).items()
        if count > 1
    }

    assert again == set()


def test_two_speak(conversation):
    assert len({turn.speaker for turn in conversation.turns}) == 2


def test_times_never_go_back(conversation):
    times = [turn.unix for turn in conversation.turns]

    assert None not in times or set(times) == {None}
    assert None in times or times == sorted(times)


def test_questions_point_to_turns_that_exist(conversation):
    known = {turn.id for turn in conversation.turns}
    questions = conversation.questions

    assert max(Counter(question.id for question in questions).values()) == 1
    assert max(Counter(question.text for question in questions).values()) == 1
    assert {question.conversation for question in questions} == {conversation.name}
    assert all(question.text and question.answer and question.evidence for question in questions)
    assert {uid for question in questions for uid in question.evidence} <= known


def test_all_five_kinds_are_asked(conversation):
    kinds = Counter(question.kind for question in conversation.questions)

    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 4
    assert len(conversation.questions) >= 50
