"""Which memories count, worked out without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.standing import Row, Standing, standings
from memory.text import normal, tidy

LEARNT = {"sourced": True, "supported": True}
HIDDEN = {"sourced": True, "supported": False}


def of(*rows):
    return [str(standing) for standing in standings(rows).values()]


def test_what_has_no_source_holds():
    assert of(Row("a", "active")) == ["active"]


def test_what_is_hung_on_hidden_messages_is_withdrawn():
    assert of(Row("a", "active", **HIDDEN), Row("b", "active", **LEARNT)) == [
        "withdrawn",
        "active",
    ]


@pytest.mark.parametrize("status", ["retired", "rejected"])
def test_a_decision_outweighs_everything(status):
    rows = (Row("a", status, **HIDDEN), Row("b", "active", "a"))

    assert of(*rows) == ["retired", "active"]


def test_correction_supersedes_where_it_is_shown():
    fact = Row("a", "active")

    assert of(fact, Row("b", "active", "a", **LEARNT)) == ["superseded", "active"]
    assert of(fact, Row("b", "active", "a", **HIDDEN)) == ["active", "withdrawn"]
    assert of(fact, Row("b", "proposed", "a")) == ["active", "proposed"]
    assert of(fact, Row("b", "retired", "a")) == ["active", "retired"]


def test_a_chain_of_corrections_leaves_the_last():
    rows = (Row("a", "active"), Row("b", "active", "a"), Row("c", "active", "b"))

    assert of(*rows) == ["superseded", "superseded", "active"]


def test_correction_of_a_hidden_correction_decides_about_the_first():
    rows = (Row("a", "active"), Row("b", "active", "a", **HIDDEN), Row("c", "active", "b"))

    assert of(*rows) == ["superseded", "superseded", "active"]


def test_correction_of_a_proposal_settles_it():
    assert of(Row("a", "proposed"), Row("b", "active", "a")) == ["superseded", "active"]


@st.composite
def notebooks(draw):
    rows = []
    for index in range(draw(st.integers(1, 12))):
        above = draw(st.one_of(st.none(), st.integers(0, index - 1))) if index else None
        sourced = draw(st.booleans())
        rows.append(
            Row(
                f"{index:02}",
                draw(st.sampled_from(["active", "proposed", "retired", "rejected"])),
                None if above is None else f"{above:02}",
                sourced,
                sourced and draw(st.booleans()),
            )
        )
    return rows


def told(rows, row):
    """The rule as a definition: slow, and one row at a time."""
    stands = row.status == "active" and (row.supported or not row.sourced)
    children = [child for child in rows if child.supersedes == row.uid]
    is_superseded = any(told(rows, child)[1] for child in children)
    if row.status in ("retired", "rejected"):
        standing = Standing.RETIRED
    elif is_superseded:
        standing = Standing.SUPERSEDED
    elif row.sourced and not row.supported:
        standing = Standing.WITHDRAWN
    else:
        standing = Standing(row.status)
    return standing, stands or is_superseded


@given(notebooks(), st.randoms())
def test_standing_follows_its_definition_in_any_order(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert standings(shuffled) == {row.uid: told(rows, row)[0] for row in rows}


@given(notebooks())
def test_of_one_line_of_corrections_only_one_counts(rows):
    found = standings(rows)
    above = {row.uid: row.supersedes for row in rows}

    for uid, standing in found.items():
        line = above[uid] if standing == Standing.ACTIVE else None
        while line is not None:
            assert found[line] in (Standing.SUPERSEDED, Standing.RETIRED)
            line = above[line]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Ana \n\t keeps\r\nbees. ", "Ana keeps bees."),
        ("a\x00b\x07c\x85d", "abc d"),
        ("\ud800", "\ufffd"),
        ("pay \u202egnp.exe", "pay gnp.exe"),
        ("👩‍🚀 wants to fly", "👩‍🚀 wants to fly"),
        (" \x00 ", ""),
    ],
)
def test_tidy(text, kept):
    assert tidy(text) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana keeps bees.", "ana  KEEPS bees"),
        ("Doesn’t eat fish", "doesn't eat fish!"),
        ("Straße 7", "STRASSE 7"),
        ("ﬁne", "fine"),
        ("(likes) tea - black", "Likes tea, black."),
    ],
)
def test_normal_folds_what_does_not_matter(one, other):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana trusts Bo", "Bo trusts Ana"),
        ("Lives in Bergen", "Lives in Oslo"),
        ("🙂", "🙁"),
        ("猫が好き", "犬が好き"),
        ("Has 1 cat", "Has 2 cats"),
    ],
)
def test_normal_keeps_what_matters(one, other):
    assert normal(one) != normal(other)


@given(st.text())
def test_tidy_settles_after_one_pass(text):
    assert tidy(tidy(text)) == tidy(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_for_plain_texts_leads_to_the_same(text):
    assert normal("a" + text) == normal("a" + text + "\u200b")
