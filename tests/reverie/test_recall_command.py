"""`reverie recall`, run as people run it: in a process of its own."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from accounts.models import User
from characters.services import create_character
from chats import questioning
from engine.embedding import minilm
from llm import registry
from reverie import trial

ROOT = Path(__file__).parents[2]
TALK = [
    ("1", "Ana", "Good morning! How was the weekend?"),
    ("2", "Tom", "I went to the museum in Bergen with my sister."),
    ("3", "Ana", "And your dog?"),
    ("4", "Tom", "Biscuit stayed at home and ate a shoe."),
    ("5", "Ana", "Poor shoe."),
]


def turn(number, speaker, text, conversation="c1", time="2023-05-08T13:56:00", **more):
    given = {"conversation": conversation, "id": number, "speaker": speaker, "text": text}
    return {"session": 1, "time": time, **given, **more}


def question(number, text, conversation="c1"):
    return {"conversation": conversation, "id": number, "text": text}


TURNS = [turn(*said) for said in TALK]


def lines(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return str(path)


@pytest.fixture
def recall(tmp_path):
    """Runs the command with these turns and questions, in an empty folder."""
    home = tmp_path / "home"
    home.mkdir()

    def run(turns, questions, *options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REVERIE_")}
        environment |= {
            "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "REVERIE_DATA": str(home / "operators"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        done = subprocess.run(
            [
                sys.executable, "-m", "reverie.cli", "recall",
                "--turns", lines(tmp_path / "turns.jsonl", turns),
                "--questions", lines(tmp_path / "questions.jsonl", questions),
                *options,
            ],
            cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert list(home.iterdir()) == []
        return done

    return run


def answers(done):
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_answers_in_order_with_what_would_enter_the_prompt(recall):
    other = [
        turn("1", "user", "I keep bees.", "c2", time=None),
        turn(2, "assistant", "Honey!", "c2", time=None, session=None),
    ]
    asked = [
        question("q1", "What is the name of Tom's dog? Is it Biscuit?"),
        question(7, "Who keeps bees?", "c2"),
        question("q2", "Which museum did Tom see?"),
    ]

    found = answers(recall([*TURNS[:3], other[0], *TURNS[3:], other[1]], asked))

    assert [(a["conversation"], a["id"]) for a in found] == [("c1", "q1"), ("c2", 7), ("c1", "q2")]
    assert found[1]["hits"][0]["text"] == "user: I keep bees."
    best = [answer["hits"][0] for answer in found]
    assert [hit["ids"] for hit in best] == [["4"], ["1"], ["2"]]
    assert best[0]["text"] == "8 May 2023, Tom: Biscuit stayed at home and ate a shoe."
    for answer in found:
        scores = [hit["score"] for hit in answer["hits"]]
        assert scores == sorted(scores, reverse=True)
        assert [set(hit) for hit in answer["hits"]] == [{"ids", "text", "score"}] * len(scores)


def test_k_bounds_the_answer_and_blank_lines_are_passed_over(recall):
    done = recall(["\ufeff" + json.dumps(TURNS[0]), "", *TURNS[1:]], [
        question("q", "dog shoe museum weekend Biscuit"), "",
    ], "--k", "2")  # fmt: skip

    [answer] = answers(done)
    assert len(answer["hits"]) == 2


def test_time_that_is_not_given_is_not_made_up(recall):
    turns = [
        turn("1", "Ana", "The heron stood in the reeds."),
        turn("2", "Tom", "A heron, really?", time=None),
        turn("3", "", "So the heron flew.", time=None, session=2),
    ]

    [answer] = answers(recall(turns, [question("q", "heron reeds flew really")]))

    texts = {hit["ids"][0]: hit["text"] for hit in answer["hits"]}
    assert texts == {
        "1": "8 May 2023, Ana: The heron stood in the reeds.",
        "2": "Tom: A heron, really?",
        "3": "So the heron flew.",
    }


@pytest.mark.django_db
def test_meaning_is_asked_as_a_turn_asks_it(embedder, tmp_path, capsys, settings):
    said = ["The old jetty caught fire in March.", "How sad.", "We had soup.", "It was good."]
    options = Namespace(
        turns=Path(
            lines(tmp_path / "t", [turn(str(n), "Ana", text) for n, text in enumerate(said)])
        ),
        questions=Path(lines(tmp_path / "q", [question("q", "Zorp, blick, zorp, blick?")])),
        k=1,
        quiet=True,
    )

    def best():
        user = User.objects.create(handle=f"asks{User.objects.count()}")
        character = create_character(owner=user, name="Somebody")
        stored = trial._store(user, character, trial._conversations(options.turns)["c1"])
        [asked] = trial._questions(options.questions, {"c1": []})
        return [hit["ids"] for hit in json.loads(trial._answer(stored, asked, 1))["hits"]]

    assert best() == [["0"]]
    settings.EMBEDDINGS = "off"
    registry.reset()
    questioning.reset()
    assert best() == []


def test_long_conversation_is_searched_to_its_end(recall):
    turns = [
        turn(str(n), ("Ana", "Tom")[n % 2], f"The lantern number{n} hung by the door.")
        for n in range(1200)
    ]

    found = answers(recall(turns, [question(n, f"lantern number{n}?") for n in (3, 700, 1199)]))

    assert [answer["hits"][0]["ids"] for answer in found] == [["3"], ["700"], ["1199"]]


@pytest.mark.parametrize(
    ("turns", "questions", "said"),
    [
        ([TURNS[0], "{nonsense"], [], "turns.jsonl, line 2: JSON is malformed"),
        ([TURNS[0], {"conversation": "c1", "id": "2"}], [], "turns.jsonl, line 2: Object missing"),
        ([turn("1", "Ana", "Hi.", time="yesterday")], [], "line 1: 'yesterday' is no ISO time."),
        (TURNS, ["", question("q", "Hm?", "c9")], "questions.jsonl, line 2: There are no turns of"),
        (TURNS, [{**question("q", ""), "text": 5}], "questions.jsonl, line 1: Expected `str`"),
    ],
)
def test_bad_line_is_named_and_nothing_is_answered(tmp_path, capsys, turns, questions, said):
    options = Namespace(
        turns=Path(lines(tmp_path / "turns.jsonl", turns)),
        questions=Path(lines(tmp_path / "questions.jsonl", questions)),
        k=50,
        quiet=True,
    )

    assert trial.answer_all(options) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_wrong_input_is_wrong_usage(recall, tmp_path):
    done = recall(TURNS, [], "--questions", str(tmp_path / "none.jsonl"))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"reverie: {tmp_path / 'none.jsonl'}: No such file or directory\n"
    assert recall(TURNS, [], "--k", "0").returncode == 2


@pytest.mark.skipif(bool(minilm.missing_packages()), reason="needs `make semantic`")
def test_embedded_model_is_used_where_it_is_installed_unless_told_otherwise(recall):
    asked = [question("q", "Which animal companion destroyed footwear?")]

    by_meaning = answers(recall(TURNS, asked))
    by_words = answers(recall(TURNS, asked, "--words"))

    assert by_meaning[0]["hits"][0]["ids"] == ["4"]
    assert by_meaning != by_words
