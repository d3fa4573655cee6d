"""Chance that repeats, and texts made to do harm."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.expander import Expander
from engine.macros import Expanded, MacroContext, expand
from engine.macros.evaluate import DEPTH_MOST as LEVELS_MOST
from engine.macros.evaluate import GROWTH_MOST, STEPS_MOST, Run
from engine.macros.parser import DEPTH_MOST, Condition, Macro, parse
from engine.macros.table import TABLE
from engine.macros.variables import CHANGES_MOST

NOW = datetime(2026, 3, 7, 16, 5, tzinfo=UTC)
HERE = MacroContext("Mira", "Tom", seed="chat-1", message="m-1", now=NOW)
THERE = MacroContext("Mira", "Tom", seed="chat-1", message="m-2", now=NOW)
ELSEWHERE = MacroContext("Mira", "Tom", seed="chat-2", message="m-1", now=NOW)
AGAIN = MacroContext("Mira", "Tom", seed="chat-1", message="m-1", reroll=1, now=NOW)
REPICKED = MacroContext("Mira", "Tom", seed="chat-1", message="m-1", pick_seed=1, now=NOW)
LETTERS = "::".join("abcdefghijklmnopqrstuvwxyz")


def told(text: str, context: MacroContext = HERE) -> str:
    return expand(text, context).text


def several(macro: str) -> str:
    """Enough draws that two different ones cannot agree by luck."""
    return f"{{{{{macro}}}}} " * 12


@pytest.mark.parametrize(
    ("macro", "same", "other"),
    [
        (f"random::{LETTERS}", [HERE, REPICKED], [THERE, ELSEWHERE, AGAIN]),
        ("roll:1000", [HERE, REPICKED], [THERE, ELSEWHERE, AGAIN]),
        (f"pick::{LETTERS}", [HERE, THERE, AGAIN], [ELSEWHERE, REPICKED]),
    ],
)
def test_what_decides_a_draw(macro, same, other):
    drawn = [told(several(macro), context) for context in (*same, *other)]

    assert drawn[: len(same)] == [drawn[0]] * len(same)
    assert len(set(drawn)) == 1 + len(other)


def test_draws_are_fixed_for_good():
    text = f"{{{{random::{LETTERS}}}}}{{{{pick::{LETTERS}}}}} {{{{roll:3d20}}}}"

    assert told(text) == "vq 52"


def test_place_and_text_take_part():
    drawn = told(several(f"pick::{LETTERS}")).split()

    assert len(set(drawn)) > 1
    assert told("x" + several(f"pick::{LETTERS}"))[1:].split() != drawn


def test_names_do_not_decide():
    renamed = MacroContext("Ann", "Bo", seed="chat-1", message="m-1", now=NOW)

    assert told(several(f"pick::{LETTERS}"), renamed) == told(several(f"pick::{LETTERS}"))


@pytest.mark.parametrize(
    ("macro", "items"),
    [
        ("random:a, b ,c\\, d", {"a", "b", "c, d"}),
        ("random a,b", {"a", "b"}),
        ("random:: a ::b,c", {" a ", "b,c"}),
        ("pick::a::::b", {"a", "", "b"}),
        ("random:{{char}},{{.list = x,y}}{{.list}}", {"Mira", "x,y"}),
        ("random::{{getvar::pair}}", {"x", "y"}),
        ("random:one", {"one"}),
        ("random:", {""}),
        ("random", {"{{random}}"}),
    ],
)
def test_items_of_a_list(macro, items):
    drawn = {
        told(
            f"{{{{{macro}}}}}",
            MacroContext("Mira", "Tom", seed=str(n), variables={"pair": "x, y"}),
        )
        for n in range(60)
    }

    assert drawn == items


@pytest.mark.parametrize(
    ("dice", "least", "most"),
    [("6", 1, 6), ("d4", 1, 4), ("2d6+3", 5, 15), (" 1 D 2 - 1 ", 0, 1), ("3d1", 3, 3)],
)
def test_dice_reach_both_ends_and_no_further(dice, least, most):
    sums = {
        int(told(f"{{{{roll:{dice}}}}}", MacroContext("a", "b", seed=str(n)))) for n in range(600)
    }

    assert (min(sums), max(sums)) == (least, most)


@pytest.mark.parametrize("dice", ["", "red", "0", "d0", "0d6", "101d6", "1d6+", "9999999999", "٣"])
def test_what_is_no_dice_stays(dice):
    assert told(f"{{{{roll:{dice}}}}}") == f"{{{{roll:{dice}}}}}"


DEEP = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "}" * 100_000,
        "{{" * 50_000 + "}}" * 50_000,
        "{{a::" * DEEP + "}}" * DEEP,
        "{{if a}}" * DEEP,
        "{{/if}}" * DEEP,
        "{{char" * DEEP,
        "{{" + " " * 100_000 + "}}",
        "{{#" + " " * 100_000 + "}}",
        "{{a" + " " * 100_000 + "b}}",
        "{{.a" + "-" * 100_000 + "}}",
        "{{.a" + " " * 100_000 + "?}}",
        "{{time::" + "UTC" * 30_000 + "}}",
        "{{roll:1" + " " * 100_000 + "x}}",
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_stays_as_written(text):
    # Were the work not linear in the text, this would not end.
    assert told(text) == text


def test_braces_are_followed_to_a_depth():
    def nested(levels: int) -> str:
        return "{{reverse:" * levels + "ab" + "}}" * levels

    assert told(nested(DEPTH_MOST)) == "ab"
    assert told(nested(DEPTH_MOST + 1)) == "{{reverse:ab}}"


def test_conditions_are_followed_to_a_depth():
    def nested(levels: int) -> str:
        return "{{if a}}x" * levels + "{{/if}}" * levels

    assert told(nested(DEPTH_MOST)) == "x" * DEPTH_MOST
    assert told(nested(DEPTH_MOST + 1)) == "x" * DEPTH_MOST + "{{if a}}x{{/if}}"


def test_braces_and_conditions_together_are_followed_to_a_depth():
    text = "{{reverse:" * 30 + "{{if a}}" * 30 + "ab" + "{{/if}}" * 30 + "}}" * 30
    left = 60 - LEVELS_MOST

    assert told(text) == "{{if a}}" * left + "ab" + "{{/if}}" * left


def counted(text: str, context: MacroContext = HERE) -> tuple[int, int]:
    """How many macros were carried out, and how long the text became."""
    done = 0

    def counting(handler):
        def count(run, call):
            nonlocal done
            done += 1
            return handler(run, call)

        return count

    run = Run(context, {name: counting(handler) for name, handler in TABLE.items()})
    length = len(run.whole(text))
    return done, length


@pytest.mark.parametrize(
    "text",
    [
        "{{setvar::a::" + "x" * 100 + "}}" + "{{addvar::a::{{getvar::a}}}}" * 60 + "{{.a}}" * 900,
        "{{description}}" * 5000,
        "{{newline::1000}}" * 5000,
        "{{noop}}" * 100_000,
        "{{getvar::" * 30 + "{{description}}" + "}}" * 30,
    ],
    ids=["doubling", "texts in texts", "newlines", "many", "nested"],
)
def test_growth_and_work_are_bounded(text):
    texts = {
        "description": "{{personality}}{{scenario}}" * 9,
        "personality": "{{scenario}}{{persona}}" * 9,
        "scenario": "{{persona}}{{persona}}" * 9,
        "persona": "ten letters" * 9,
    }

    done, length = counted(text, MacroContext("Mira", "Tom", **texts))

    assert done <= STEPS_MOST
    assert length <= len(text) + GROWTH_MOST


def test_past_the_bounds_the_rest_stays_as_written():
    text = "{{noop}}" * STEPS_MOST + "{{char}}{{noop}}"

    assert told(text) == "{{char}}{{noop}}"


def test_a_text_of_nothing_cannot_be_brought_in_for_ever():
    context = MacroContext("Mira", "Tom", description="{{// " + "x" * 100_000 + " }}")

    done, _ = counted("{{description}}" * 5000, context)

    assert done <= GROWTH_MOST // 100_000 + 1


def test_variables_written_are_bounded():
    text = "".join(f"{{{{.v{n} = 1}}}}" for n in range(CHANGES_MOST + 1))

    assert expand(text, HERE).text == f"{{{{.v{CHANGES_MOST} = 1}}}}"
    assert len(expand(text, HERE).variables.local) == CHANGES_MOST


def test_a_right_side_that_is_not_needed_is_not_carried_out():
    done, _ = counted(
        "{{// {{incvar::a}} }}{{if 0}}{{incvar::a}}{{/if}}{{.b = 1}}{{.b ?? {{char}}}}"
    )

    assert done == 0


def test_an_unknown_macro_reads_its_inside_once():
    done, _ = counted("{{x::" * 20 + "{{char}}" + "}}" * 20)

    assert done == 1


def written(parts, text: str) -> str:
    """The text that parts came from, conditions taken by their place."""
    pieces = []
    for part in parts:
        if isinstance(part, Macro):
            pieces.append("{{" + written(part.body, text) + "}}")
        else:
            pieces.append(text[part.start : part.end] if isinstance(part, Condition) else part)
    return "".join(pieces)


WORDS = """
    {{ }} { } :: : , \\ if else /if {{if {{else}} {{/if}} {{trim}} . $ a ++ -- += || ?? = > # ! //
    random pick roll 2d6 setvar getvar addvar char user description newline 9 time_UTC+ outlet
    datetimeformat timeDiff 0001-01-01 original <USER> reverse comment banned " \ud800 \x00 é ٣
"""
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "9" * 30])
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200)


@given(TEXTS, TEXTS)
def test_nothing_raises_and_nothing_runs_off(text, description):
    context = MacroContext(
        "Mira", "Tom", description=description, original=description, now=NOW, seed="s"
    )

    first = expand(text, context)

    assert first == expand(text, context)
    assert len(first.text) <= len(text) + GROWTH_MOST + len(description)


@given(TEXTS)
def test_parts_give_the_text_back(text):
    assert written(parse(text), text) == text


@given(st.text(st.characters(exclude_characters="{<")))
def test_text_without_braces_is_unchanged(text):
    assert expand(text, HERE) == Expanded(text)


@given(st.lists(st.sampled_from(["{{char}}", "<USER>", "{{ User }}", "{", "}", "x", " "])))
def test_the_short_way_gives_what_the_long_way_gives(pieces):
    text = "".join(pieces)

    assert told(text) == Run(HERE, TABLE).whole(text)


def test_a_turn_carries_out_so_many_macros_in_all_its_texts_together():
    expand_one = Expander(HERE)
    text = "{{random::a}}" * 15_000
    turns = [expand_one(text) for _ in range(4)]

    assert turns[:3] == ["a" * 15_000] * 3
    assert turns[3] == text
    assert expand_one("Hi {{user}}, {{random::a}}.") == "Hi {{user}}, {{random::a}}."
    assert expand_one("Hi {{user}}.") == "Hi Tom."
    assert Expander(HERE)(text) == "a" * 15_000
