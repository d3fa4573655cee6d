"""Recorded cases in the form of docs/lore.md."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lore.replay import replay

SAMPLES = os.environ.get("REVERIE_LORE_SAMPLES", "")

DEFAULTS: dict[str, Any] = {
    "entry_defaults": {"key": [], "content": "two words", "matchWholeWords": False},
    "setting_defaults": {"scan_depth": 1, "recursive": False, "budget_tokens": 100},
}


def book(*entries: dict[str, Any], name: str = "w", scope: str = "global") -> dict[str, Any]:
    numbered = {str(uid): {"uid": uid, **fields} for uid, fields in enumerate(entries)}
    return {"name": name, "scope": scope, "entries": numbered}


def case(*books: dict[str, Any], texts: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    names = ("Ann", "Rex")
    messages = [{"name": names[i % 2], "text": text} for i, text in enumerate(texts)]
    common = {"id": "one", "user_name": "Ann", "char_name": "Rex", "steps": [{"upto": len(texts)}]}
    return {**common, "books": list(books), "messages": messages, **fields}


def outcome(*cases: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [result["steps"] for result in replay({**DEFAULTS, "cases": list(cases)})["results"]]


def test_every_place_has_its_name():
    entries = [{"key": ["cat"], "position": i, "outletName": "door"} for i in range(8)]

    assert outcome(case(book(*entries), texts=("cat",))) == [
        [
            {
                "activated": [f"w.{i}" for i in range(8)],
                "before": ["w.0"],
                "after": ["w.1"],
                "an_top": ["w.2"],
                "an_bottom": ["w.3"],
                "depth": [{"depth": 4, "role": 0, "ids": ["w.4"]}],
                "em_top": ["w.5"],
                "em_bottom": ["w.6"],
                "outlets": {"door": ["w.7"]},
            }
        ]
    ]


def test_steps_share_their_state():
    one = case(
        book({"key": ["cat"], "sticky": 2}),
        texts=("cat", "x", "x", "x"),
        steps=[{"upto": n} for n in (1, 2, 3, 1)],
    )

    steps = [step["activated"] for step in outcome(one)[0]]

    assert steps == [["w.0"], ["w.0"], [], ["w.0"]]


def test_cases_share_nothing():
    one = case(book({"key": ["cat"], "cooldown": 9}), texts=("cat",))

    assert outcome(one, one) == [[{"activated": ["w.0"], "before": ["w.0"]}]] * 2


def test_settings_of_a_case_go_before_the_defaults():
    books = (
        book({"key": ["cat"], "order": 1}, name="c", scope="character"),
        book({"key": ["cat"], "order": 2}, name="g"),
    )
    one = case(*books, texts=("cat", "x"), settings={"scan_depth": 2, "insertion_strategy": 0})

    assert outcome(one, case(*books, texts=("cat", "x"))) == [
        [{"activated": ["g.0", "c.0"], "before": ["c.0", "g.0"]}],
        [{"activated": []}],
    ]


def test_names_sources_triggers_and_tags():
    entries = [
        {"key": ["{{CHAR}}"], "matchScenario": True},
        {"key": ["baker"], "matchPersonaDescription": True},
        {"key": ["cat"], "triggers": ["swipe"]},
        {"key": ["cat"], "characterFilter": {"tags": ["elf"]}},
        {"key": ["cat"], "characterFilter": {"names": ["Rex"], "isExclude": True}},
        {"key": ["ann: cat"]},
    ]
    one = case(
        book(*entries),
        texts=("cat",),
        scan_data={"scenario": "rex is here", "personaDescription": "a baker"},
        char_tags=["elf"],
        steps=[{"upto": 1}, {"upto": 1, "trigger": "swipe"}],
    )

    steps = [step["activated"] for step in outcome(one)[0]]

    assert steps == [["w.0", "w.1", "w.3", "w.5"], ["w.0", "w.1", "w.2", "w.3", "w.5"]]


def test_what_is_replayed_is_left_as_it_was():
    recorded = {**DEFAULTS, "cases": [case(book({"key": ["cat"]}), texts=("cat",))]}
    before = copy.deepcopy(recorded)

    first = replay(recorded)

    assert recorded == before
    assert replay(recorded) == first


@pytest.mark.skipif(not SAMPLES, reason="REVERIE_LORE_SAMPLES names no file of recorded cases")
def test_recorded_cases():
    recorded = json.loads(Path(SAMPLES).read_text(encoding="utf-8"))

    results = {result["id"]: result["steps"] for result in replay(recorded)["results"]}

    expected = {case["id"]: case["expected"] for case in recorded["cases"]}
    assert {i: results[i] for i in expected if results[i] != expected[i]} == {}
