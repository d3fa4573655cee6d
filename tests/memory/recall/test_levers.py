"""What makes a turn come first: one small conversation for each lever, with its exact best hit.

Every case is built so that it fails when its lever is switched off.
"""

from datetime import UTC, datetime

import pytest

from memory.recall import Index, Turn, analyse

FILLER = [
    ("Ana", "The weather has been dreadful all week, hasn't it?"),
    ("Mia", "Dreadful. I spent the whole evening fixing the gutter."),
    ("Ana", "My neighbour borrowed the ladder and forgot to bring it back."),
    ("Mia", "Typical! Mine still has the wheelbarrow from last spring."),
    ("Ana", "At least the tomatoes are happy about the rain."),
    ("Mia", "True, the cucumbers look wonderful as well."),
]


def index_of(*lines, roles=False, times=None):
    """Lines are (speaker, text); a number starts a session of that number."""
    index, session, turns = Index(), "0", []
    for at, line in enumerate([*FILLER, *lines]):
        if isinstance(line, int):
            session = str(line)
            continue
        speaker, text = line
        role = speaker if roles and speaker in {"user", "assistant"} else ""
        time = (times or {}).get(session)
        turns.append(Turn(f"{at - len(FILLER)}", text, speaker, role, time, session))
    index.extend([analyse(turn) for turn in turns])
    return index


def best(index, question, **keywords):
    hits = index.search(question, **keywords)
    return hits[0].ids[0] if hits else None


def test_a_reply_without_the_words_is_found_by_its_neighbours():
    index = index_of(
        ("Mia", "So which instrument did your uncle teach at the academy?"),
        ("Ana", "Cello, for thirty years, in that tiny room under the roof."),
        ("Mia", "My uncle has never taught anybody anything."),
    )
    assert best(index, "What did Ana's uncle teach at the academy?") == "1"


def test_the_named_speaker_comes_before_the_other():
    index = index_of(
        1,
        ("Mia", "I am learning the violin since January."),
        2,
        ("Ana", "I am learning the violin since January."),
    )
    assert best(index, "What is Ana learning?") == "3"
    assert best(index, "What is Mia learning?") == "1"


def test_a_kind_finds_its_members():
    index = index_of(
        1,
        ("Ana", "We took in a kitten from the harbour, she sleeps in a shoe box."),
        2,
        ("Ana", "We put the big box with the shoes up in the attic again."),
    )
    assert best(index, "Which pets does Ana keep?") == "1"


def test_other_words_for_the_same_are_found():
    index = index_of(
        1,
        ("Ana", "My salary went up, so lunch is on me."),
        2,
        ("Ana", "Lunch was soup, and it was on the table at noon."),
    )
    assert best(index, "What does Ana earn?") == "1"


def test_a_statement_comes_before_a_bare_question():
    index = index_of(
        1,
        ("Ana", "Is the marathon hard to train for these days?"),
        2,
        ("Ana", "The marathon is hard to train for these days."),
    )
    assert best(index, "What about the marathon that Ana trains for?") == "3"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did Ana visit the lighthouse?", "1"),
        ("Why did Ana visit the lighthouse?", "3"),
        ("How many did Ana visit at the lighthouse?", "5"),
    ],
)
def test_an_answer_of_the_wanted_sort_comes_first(question, expected):
    index = index_of(
        1,
        ("Ana", "We did visit the lighthouse yesterday, the entire class."),
        2,
        ("Ana", "We did visit the lighthouse because our class begged."),
        3,
        ("Ana", "We did visit the lighthouse, 212 of them, lovely class."),
    )
    assert best(index, question) == expected


def test_the_session_of_a_named_month_comes_first():
    times = {
        str(month): datetime(2023, month, 5, 12, tzinfo=UTC).timestamp() for month in (3, 7, 11)
    }
    index = index_of(
        3,
        ("Ana", "I went camping by the lake with my cousins."),
        7,
        ("Ana", "I went camping by the lake with my cousins."),
        11,
        ("Ana", "I went camping by the lake with my cousins."),
        times=times,
    )
    question = "Where did Ana go camping in {}?"
    assert best(index, question.format("March 2023")) == "1"
    assert best(index, question.format("July")) == "3"
    assert best(index, question.format("November")) == "5"
    now = datetime(2023, 12, 20, tzinfo=UTC).timestamp()
    assert best(index, "Where did Ana go camping last month?", now=now) == "5"


def test_the_session_about_it_comes_before_a_stray_mention():
    stray = ("Mia", "Somebody mentioned a regatta on the radio.")
    index = index_of(
        1,
        stray,
        *FILLER,
        2,
        stray,
        *FILLER[:3],
        ("Mia", "The regatta begins at noon."),
        *FILLER[3:],
        ("Mia", "Our regatta is over."),
    )
    assert best(index, "What did Mia hear on the radio of the regatta?") == "9"


def test_first_person_means_the_users_turns():
    index = index_of(
        1,
        ("assistant", "A budget of two thousand for the kitchen is a fine plan."),
        2,
        ("user", "A budget of two thousand for the kitchen is a fine plan."),
        roles=True,
    )
    assert best(index, "What budget do I have for the kitchen?") == "3"
    assert best(index, "What budget did you suggest for the kitchen?") == "1"


def test_only_the_best_piece_of_a_long_message_is_shown():
    padding = "The committee met again and nothing of weight was decided there. " * 12
    index = index_of(
        ("user", padding + "The spare key lies under the blue pot. " + padding),
        ("assistant", padding),
        ("user", padding),
        roles=True,
    )
    hit = index.search("Where is my spare key?")[0]
    assert hit.ids == ("0",)
    assert "under the blue pot" in hit.text
    assert len(hit.text) < 500


def test_of_long_messages_the_one_that_is_about_it_comes_first():
    told = "The oven needs three phases, and it is ordered in March. "
    padding = "The committee met again and nothing of weight was decided there. "
    index = index_of(
        1,
        ("assistant", told + padding * 40),
        ("assistant", padding * 40),
        ("assistant", told + padding * 20),
        ("assistant", padding * 40),
        roles=True,
    )
    assert best(index, "When is the oven with three phases ordered?") == "3"


def test_words_two_turns_away_are_context():
    index = index_of(
        1,
        ("Mia", "Your uncle taught at the academy?"),
        ("Ana", "He did."),
        ("Ana", "Cello, in that tiny room under the roof."),
        ("Ana", "Anyway, shall we have some lunch?"),
    )
    found = [hit.ids[0] for hit in index.search("What did Ana's uncle teach at the academy?")]
    assert "3" in found
    assert "4" not in found


def test_a_reply_to_the_other_counts_more_than_going_on():
    index = index_of(
        1,
        ("Ana", "Then my uncle taught an instrument at the academy."),
        ("Ana", "The cello, for thirty years."),
        2,
        ("Mia", "Then my uncle taught an instrument at the academy."),
        ("Ana", "The cello, for thirty years."),
    )
    hits = index.search("Which instrument was taught at the academy by the uncle?")
    found = [hit.ids[0] for hit in hits]
    assert found.index("5") < found.index("2")


def test_a_reply_to_a_question_counts_more_than_one_to_a_statement():
    index = index_of(
        1,
        ("Mia", "Then your uncle taught an instrument at the academy."),
        ("Ana", "The cello, for thirty years."),
        2,
        ("Mia", "Then your uncle taught an instrument at the academy?"),
        ("Ana", "The cello, for thirty years."),
    )
    assert best(index, "Which instrument did Ana's uncle teach at the academy?") == "5"


def test_a_turn_that_says_something_comes_before_one_that_hardly_does():
    index = index_of(
        1,
        ("Ana", "The marathon!"),
        2,
        ("Ana", "The marathon, in pouring rain, with blisters and a borrowed cap."),
    )
    assert best(index, "What about Ana's marathon?") == "3"
