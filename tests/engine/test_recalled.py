"""What is recalled: how it stands in a prompt, what is chosen and what is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.assemble import Budget, CharacterParts, HistoryMessage, PromptParts, assemble
from engine.recalled import PASSAGES_TITLE, Recall, Recalled, quoted, recall_tokens
from engine.tokens import default_counter
from tests.engine.mira import lines


def passage(text, place, score=0.0):
    return Recalled(
        text=text, source="chat", kind="passage", score=score, uids=(f"m{place}",), place=place
    )


def fact(text, place, **more):
    source = f"memory:f{place}"
    return Recalled(text=text, source=source, kind="memory", place=place, **more)


def lengths(items, most, window=()):
    recall = Recall(items, len, most)
    recall.fill(window)
    return recall


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain words.", "Plain words."),
        ("Two\n\nlines\t here", "Two lines here"),
        ("![a cat](https://evil.example/p.png?q=secret)", "a cat (hxxps://evil.example/p.png?q=secret)"),
        ("see [this](http://x.example 'title') now", "see this (hxxp://x.example) now"),
        ("![](https://x.example)", "(hxxps://x.example)"),
        ("[](" + "a" * 200_000, "[](" + "a" * 200_000),
        ("<img src=https://x.example>", "‹img src=hxxps://x.example>"),
        ("javascript:alert(1) data:text/html,x", "javascript :alert(1) data :text/html,x"),
        ("3 < 4 and a <3", "3 < 4 and a <3"),
    ],
)  # fmt: skip
def test_nothing_recalled_is_live(text, shown):
    assert quoted(text) == shown


@given(st.text())
def test_quoted_text_is_one_line_without_a_link(text):
    shown = quoted(text)

    assert len(shown.splitlines()) <= 1
    assert "://" not in shown or "http" not in shown.lower().replace("hxxp", "")


@pytest.mark.parametrize(("window", "tokens"), [(4096, 512), (8192, 1024), (1_000_000, 1024)])
def test_recall_gets_an_eighth_of_the_window_within_bounds(window, tokens):
    assert recall_tokens(window) == tokens


def test_the_best_that_fit_are_kept_and_stand_in_the_order_of_time():
    items = (passage("c" * 20, 3, 2.0), passage("a" * 500, 1, 1.5), passage("b" * 20, 2, 1.0))

    recall = lengths(items, len(PASSAGES_TITLE) + 60)

    assert [item.place for item, _ in recall.kept("passage")] == [2, 3]
    assert [(cut.item.place, cut.reason) for cut in recall.cut] == [(1, "over budget")]
    assert recall.tokens == len(PASSAGES_TITLE) + 2 * len("- " + "b" * 20)


def test_a_passage_of_the_window_is_not_said_twice():
    half = Recalled(text="x", source="chat", kind="passage", uids=("m1", "m2"))

    recall = lengths((passage("a", 1), passage("b", 5), half), 500, {"m1"})

    assert [item.uids for item, _ in recall.kept("passage")] == [("m1", "m2"), ("m5",)]
    assert [(cut.item.place, cut.reason) for cut in recall.cut] == [(1, "in the window")]


def test_a_handle_stands_before_its_fact():
    recall = lengths((fact("Tom fears gulls.", 1, handle="m1"),), 500)

    assert [line for _, line in recall.kept("memory")] == ["- [m1] Tom fears gulls."]


def talk(count, *recalled):
    said = (
        HistoryMessage("assistant" if n % 2 else "user", f"Line {n}. " + "word " * 20, f"m{n}")
        for n in range(count)
    )
    return PromptParts(
        character=CharacterParts("Ann", "Ann"),
        user_name="Tom",
        memories=recalled,
        history=tuple(said),
    )


def names(prompt, *, kept):
    return [block.name for block in prompt.manifest.blocks if block.kept is kept]


def test_a_chat_that_fits_its_window_keeps_all_of_it():
    prompt = assemble(talk(11, passage("Line 1.", 1)), Budget(4096, 100), counter=default_counter())

    assert "passages" not in names(prompt, kept=True)
    assert names(prompt, kept=False) == ["passages"]
    assert len([line for line in lines(prompt) if line.uid]) == 11


def test_what_left_the_window_is_recalled_with_its_score():
    prompt = assemble(
        talk(101, passage("Tom: Line 1.", 1, 2.5), passage("Ann: Line 99.", 99, 2.0)),
        Budget(2000, 100),
        counter=default_counter(),
    )

    found = [block for block in prompt.manifest.blocks if block.name == "passages"]
    assert [(b.text, b.score, b.uids, b.kept, b.reason) for b in found] == [
        (PASSAGES_TITLE, None, (), True, ""),
        ("- Tom: Line 1.", 2.5, ("m1",), True, ""),
        ("Ann: Line 99.", 2.0, ("m99",), False, "in the window"),
    ]
    assert f"{PASSAGES_TITLE}\n\n- Tom: Line 1." in prompt.messages[0].content
    assert prompt.tokens <= prompt.manifest.budget_tokens


def test_the_worst_goes_first_where_even_recall_has_no_room():
    parts = talk(1, fact("Tom fears gulls. " * 3, 1), fact("Tom owes a coat. " * 3, 2))

    prompt = assemble(parts, Budget(330, 100), counter=default_counter())
    whole = assemble(parts, Budget(1000, 100), counter=default_counter())

    assert names(whole, kept=False) == []
    cut = [block for block in prompt.manifest.blocks if not block.kept]
    assert [block.source for block in cut] == ["memory:f2"]
