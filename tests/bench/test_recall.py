"""The recall bench runs: every system, both reports, and its command line."""

import json

import numpy as np
import pytest

from bench.recall.__main__ import main
from bench.recall.data import Said, load
from bench.recall.report import asked
from bench.recall.systems import SYSTEMS, Bm25, best
from bench.recall.timing import synthetic
from bench.recall.words import terms

TURNS = [
    ("Ana", "I adopted a kitten called Soot."),
    ("Ben", "Lovely! My brother is baking bread again."),
    ("Ana", "Bread? I burnt mine."),
    ("Ben", "The garden is full of snails."),
]
PLAIN = ("recency", "tf-idf", "bm25", "hybrid")


def said(count: int = len(TURNS)) -> list[Said]:
    return [
        Said("talk", f"t{n}", "1", f"2024-05-01T10:0{n}:00+00:00", speaker, text)
        for n, (speaker, text) in enumerate(TURNS[:count])
    ]


@pytest.fixture
def folder(tmp_path):
    questions = [
        {"conversation": "talk", "id": "q1", "text": "Who bakes?", "kind": "single-hop",
         "evidence": ["t1"], "answer": "Ben's brother"},
        {"conversation": "talk", "id": "q2", "text": "Which bread was burnt by Ben?",
         "kind": "adversarial", "evidence": ["t2"], "answer": "It was Ana who burnt hers"},
    ]  # fmt: skip
    rows = [
        {"conversation": t.conversation, "id": t.id, "session": t.session, "time": t.time,
         "speaker": t.speaker, "text": t.text}
        for t in said()
    ]  # fmt: skip
    for name, lines in (("turns", rows), ("questions", questions)):
        text = "\n".join(json.dumps(line) for line in lines)
        (tmp_path / f"talk.{name}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_terms_are_stems_without_stop_words():
    assert terms("The brothers were baking; it's hopped, relational happiness!") == [
        "brother", "bake", "hop", "relat", "happi",
    ]  # fmt: skip


def test_best_orders_by_score_and_then_by_place():
    assert best(np.array([0.2, 0.9, 0.2, 0.9, 0.1]), 3) == [1, 3, 0]
    assert best(np.array([]), 3) == []


@pytest.mark.parametrize("name", PLAIN)
def test_system_finds_a_turn_by_its_word(name):
    system = SYSTEMS[name]()
    system.extend(said(2))
    system.extend(said()[2:])

    found = system.search("Which snails?", 2)

    assert found[0].ids == ("t3",)
    assert found[0].text == "The garden is full of snails."


def test_bm25_prefers_the_shorter_turn_and_leaves_out_the_rest():
    system = Bm25()
    system.extend(said())

    assert [each.ids for each in system.search("bread")] == [("t2",), ("t1",)]


def test_reverie_answers_with_the_turn_it_was_given():
    pytest.importorskip("memory.recall")
    system = SYSTEMS["reverie"]()
    system.extend(said())

    assert system.search("Which snails?")[0].ids == ("t3",)


def test_each_conversation_is_a_store_of_its_own(folder):
    talk = load(folder)

    scored = asked(SYSTEMS["bm25"], talk * 2)

    assert [each.figures["R@1"] for each in scored] == [1, 1] * 2


def test_command_prints_all_and_each(folder, capsys):
    main(["--data", str(folder), "--systems", *PLAIN, "--split"])

    printed = capsys.readouterr().out
    assert "### All: 2 questions" in printed
    assert "### talk: 2 questions" in printed
    assert "| bm25 | 100.0 | 100.0 | 100.0 (100–100) | 100.0 |" in printed


def test_command_prints_times(folder, capsys):
    main(["--data", str(folder), "--systems", "bm25", "hybrid", "--time", "--sizes", "150", "300"])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1:3] for line in lines[2:]] == [
        [" 150 ", " bm25 "], [" 150 ", " hybrid "], [" 300 ", " bm25 "], [" 300 ", " hybrid "],
    ]  # fmt: skip


def test_command_refuses_an_unknown_conversation(folder):
    with pytest.raises(SystemExit, match="No such conversation; there are talk"):
        main(["--data", str(folder), "--only", "nobody"])


def test_synthetic_messages_are_the_same_every_time(folder):
    talk = load(folder)

    made = synthetic(talk, 50)

    assert made == synthetic(talk, 50)
    assert len({turn.id for turn in made}) == 50
    assert [turn.unix for turn in made] == sorted(turn.unix for turn in made)
