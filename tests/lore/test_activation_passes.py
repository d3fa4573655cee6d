"""What happens over several passes and several steps: recursion, depth, groups, lasting effects."""

import msgspec
import pytest

from engine.expander import Expander
from engine.macros import MacroContext
from lore.timed import Effect, State, version_of
from lore.values import Entry, Logic
from tests.lore.scans import bind, entry, found, numbers, rules, scan, scene, verdict

CHAIN = [entry(i, f"k{i}", content=f"k{i + 1}") for i in range(5)]


# Recursion


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"recursive": False}, [0]),
        ({"recursive": True}, [0, 1, 2, 3, 4]),
        ({"recursive": True, "max_recursion_steps": 1}, [0]),
        ({"recursive": True, "max_recursion_steps": 3}, [0, 1, 2]),
        ({"recursive": True, "max_recursion_steps": 9}, [0, 1, 2, 3, 4]),
    ],
)
def test_recursion_follows_the_texts(settings, expected):
    assert found(*CHAIN, at=scene("k0"), **settings) == expected


def test_a_verdict_names_the_pass():
    result = scan(bind(*CHAIN), at=scene("k0"), recursive=True)

    assert [(v.scan, v.where.source) for v in result.verdicts] == [
        (1, "message"),
        (2, "recursion"),
        (3, "recursion"),
        (4, "recursion"),
        (5, "recursion"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, [0, 1]),
        ({"prevent_recursion": True}, {}, [0]),
        ({}, {"exclude_recursion": True}, [0]),
        ({}, {"delay_until_recursion": 1}, [0, 1]),
        ({}, {"scan_depth": 0}, [0]),
        ({}, {"scan_depth": 1}, [0, 1]),
        ({"delay_until_recursion": 1}, {}, []),
    ],
)
def test_flags_of_recursion(first, second, expected):
    entries = [entry(0, "cat", content="dog", **first), entry(1, "dog", **second)]

    assert found(*entries, at=scene("cat"), recursive=True) == expected


def test_a_book_may_forbid_recursion():
    book = bind(entry(0, "cat", content="dog"), entry(1, "dog"), recursive_scanning=False)
    other = bind(entry(0, "dog"), entry(1, "cat", content="dog"), uid="o")

    assert scan(book, at=scene("cat"), recursive=True).activated == ("w.0",)
    assert scan(book, other, at=scene("cat"), recursive=True).activated == ("w.0", "o.1", "o.0")


def test_recursion_sees_macros_replaced_and_no_decorators():
    entries = [entry(0, "cat", content="@@role user\n{{x}}"), entry(1, "dog"), entry(2, "role")]
    at = scene("cat", expand=lambda text: text.replace("{{x}}", "dog"))

    assert found(*entries, at=at, recursive=True) == [0, 1]


def test_keys_may_be_spread_over_message_and_recursion():
    entries = [entry(0, "cat", content="red"), entry(1, "cat", secondary_keys=("red",))]

    assert found(*entries, at=scene("cat"), recursive=True) == [0, 1]


def test_patterns_and_macros_see_recursion():
    entries = [entry(0, "cat", content="a Dog"), entry(1, "/d.g/i"), entry(2, "{{x}}")]
    at = scene("cat", expand=lambda text: text.replace("{{x}}", "dog"))

    assert found(*entries, at=at, recursive=True, match_whole_words=True) == [0, 1, 2]


def test_a_negative_key_in_recursion_does_not_take_back():
    barred = entry(1, "cat", secondary_keys=("red",), selective_logic=Logic.NOT_ANY)

    assert found(entry(0, "cat", content="red"), barred, at=scene("cat"), recursive=True) == [0, 1]


# Delayed levels


def test_levels_open_one_after_another():
    entries = [
        entry(0, "cat"),
        entry(3, "cat", delay_until_recursion=3),
        entry(2, "cat", delay_until_recursion=2),
        entry(1, "cat", delay_until_recursion=1),
    ]

    result = scan(bind(*entries), at=scene("cat"), recursive=True)

    assert [(v.entry, v.scan) for v in result.verdicts] == [
        ("w.0", 1),
        ("w.1", 2),
        ("w.2", 4),
        ("w.3", 6),
    ]


def test_the_lowest_level_needs_recursion_and_the_next_opens_it():
    one = entry(1, "cat", delay_until_recursion=5)

    assert found(one, at=scene("cat"), recursive=True) == []
    assert found(
        one, entry(2, "cat", delay_until_recursion=7), at=scene("cat"), recursive=True
    ) == [1, 2]


def test_levels_stay_shut_without_recursion():
    entries = [entry(i, "cat", delay_until_recursion=i) for i in (1, 2)]

    result = scan(bind(*entries), at=scene("cat"))

    assert rules(result) == {1: "delay_until_recursion", 2: "delay_until_recursion"}


def test_max_steps_count_levels():
    entries = [entry(0, "cat"), *(entry(i, "cat", delay_until_recursion=i) for i in (1, 2))]

    assert found(*entries, at=scene("cat"), recursive=True, max_recursion_steps=3) == [0, 1]


def test_what_no_key_called_for_is_not_said_to_be_kept_from_recursion():
    entries = [
        entry(0, "cat", content="x"),
        entry(1, "dog", exclude_recursion=True),
        entry(2, "old", exclude_recursion=True),
        entry(3, "/d.g/", exclude_recursion=True),
    ]

    result = scan(
        bind(*entries), at=scene("old", "cat"), scan_depth=1, recursive=True, explain=True
    )

    assert rules(result) == {0: "key", 1: "no_key", 2: "no_key", 3: "no_key"}


def test_an_earlier_reason_with_a_key_is_kept():
    entries = [
        entry(0, "cat", content="x"),
        entry(1, "cat", secondary_keys=("red",), exclude_recursion=True),
        entry(2, "x", exclude_recursion=True),
    ]

    result = scan(bind(*entries), at=scene("cat"), recursive=True)

    assert rules(result) == {0: "key", 1: "secondary_keys", 2: "exclude_recursion"}


# Min activations

WALK = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"min_activations": 1}, [4]),
        ({"min_activations": 2}, [4, 1]),
        ({"min_activations": 3}, [4, 1, 0]),
        ({"min_activations": 9}, [4, 1, 0]),
        ({"min_activations": 0}, []),
        ({"min_activations": 2, "min_activations_depth_max": 3}, [4]),
        ({"min_activations": 2, "min_activations_depth_max": 4}, [4, 1]),
        ({"min_activations": 2, "max_recursion_steps": 2}, [4]),
    ],
)
def test_min_activations_look_further_back(settings, expected):
    entries = [entry(0, "alpha"), entry(1, "bravo"), entry(4, "echo")]

    assert found(*entries, at=scene(*WALK), scan_depth=1, **settings) == expected


def test_only_the_common_depth_widens():
    entries = [entry(0, "alpha", scan_depth=2), entry(1, "alpha")]

    assert found(*entries, at=scene(*WALK), scan_depth=1, min_activations=2) == [1]


def test_min_activations_end_with_the_budget():
    entries = [entry(4, "echo"), entry(1, "bravo", content="x")]

    assert found(*entries, at=scene(*WALK), scan_depth=2, min_activations=2, budget_tokens=2) == []


def test_wider_passes_do_not_see_recursion():
    """The negative key stands in the text of another entry, which only recursion sees."""
    entries = [
        entry(5, "foxtrot", content="red"),
        entry(0, "alpha", secondary_keys=("red",), selective_logic=Logic.NOT_ANY),
    ]

    assert found(*entries, at=scene(*WALK), scan_depth=1, min_activations=2, recursive=True) == [
        5,
        0,
    ]


def test_recursion_follows_a_wider_pass():
    """Delayed entries get their look even if nothing was activated."""
    one = entry(4, "echo", delay_until_recursion=1)

    result = scan(bind(one), at=scene(*WALK), scan_depth=1, min_activations=1, recursive=True)

    assert numbers(result) == [4]
    assert verdict(result, 4).scan == 3


# Groups


def grouped(*entries, **settings):
    return found(*entries, at=scene("cat red hot"), **settings)


def test_one_of_a_group_speaks():
    entries = [entry(i, "cat", group="g") for i in range(5)]

    assert len(grouped(*entries)) == 1


def test_groups_are_independent():
    entries = [entry(0, "cat", group="g"), entry(1, "cat", group="h"), entry(2, "cat")]

    assert grouped(*entries) == [0, 1, 2]


def test_the_prioritised_member_of_highest_order_wins():
    orders = [(0, 500, False), (1, 100, True), (2, 300, True), (3, 300, True)]
    entries = [
        entry(uid, "cat", group="g", order=order, group_override=override)
        for uid, order, override in orders
    ]

    result = scan(bind(*entries), at=scene("cat"))

    assert rules(result) == {2: "key", 0: "group_lost", 1: "group_lost", 3: "group_lost"}


def test_weights_are_chances_by_seed():
    heavy, light = (
        entry(0, "cat", group="g", group_weight=75),
        entry(1, "cat", group="g", group_weight=25),
    )
    wins = [found(heavy, light, at=scene("cat", seed=str(i))) for i in range(400)]

    assert wins == [found(heavy, light, at=scene("cat", seed=str(i))) for i in range(400)]
    assert wins.count([0]) + wins.count([1]) == 400
    assert 250 < wins.count([0]) < 350


@pytest.mark.parametrize("weights", [(0, 100), (0, 1)])
def test_a_member_without_weight_never_wins(weights):
    entries = [entry(i, "cat", group="g", group_weight=w) for i, w in enumerate(weights)]

    assert {tuple(found(*entries, at=scene("cat", seed=str(i)))) for i in range(50)} == {(1,)}


def test_a_group_of_no_weights_still_has_one_winner():
    entries = [entry(i, "cat", group="g", group_weight=0) for i in range(3)]

    assert len(grouped(*entries)) == 1


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({"keys": ("cat",)}, 1),
        ({"keys": ("cat", "red", "blue")}, 2),
        ({"keys": ("cat",), "secondary_keys": ("red", "hot")}, 3),
        ({"keys": ("cat",), "secondary_keys": ("red", "blue")}, 2),
        ({"keys": ("cat",), "secondary_keys": ("red", "hot"), "selective_logic": Logic.AND_ALL}, 3),
        ({"keys": ("cat",), "secondary_keys": ("blue",), "selective_logic": Logic.NOT_ANY}, 1),
        (
            {"keys": ("cat",), "secondary_keys": ("red", "blue"), "selective_logic": Logic.NOT_ALL},
            1,
        ),
        ({"keys": ("cat",), "secondary_keys": ("red",), "selective": False}, 1),
        ({"keys": (), "constant": True}, 0),
    ],
)
def test_scores(fields, score):
    """Beside rivals of known scores, the entry wins over smaller ones and yields to greater."""
    one = Entry(uid=9, group="g", group_override=True, **fields)
    text = ("cat", "red", "hot", "x")
    winners = []
    for rival in range(1, 5):
        other = entry(1, *text[:rival], group="g", group_override=True, order=50)
        winners.append(found(one, other, at=scene("cat red hot x"), use_group_scoring=True))

    assert winners == [[9] if rival <= score else [1] for rival in range(1, 5)]


@pytest.mark.parametrize(
    ("common", "strong", "weak", "expected"),
    [
        (False, None, None, "draw"),
        (True, None, None, "strong"),
        (False, None, True, "strong"),
        (False, True, None, "draw"),
        (True, None, False, "draw"),
    ],
)
def test_who_is_scored(common, strong, weak, expected):
    """Whoever is not scored cannot lose by it."""
    entries = [
        entry(0, "cat", "red", group="g", use_group_scoring=strong),
        entry(1, "cat", group="g", use_group_scoring=weak),
    ]
    winners = {
        tuple(found(*entries, at=scene("cat red", seed=str(i)), use_group_scoring=common))
        for i in range(40)
    }

    assert winners == ({(0,), (1,)} if expected == "draw" else {(0,)})


def test_a_taken_group_takes_no_other_in_later_passes():
    entries = [
        entry(0, "cat", group="g", content="dog"),
        entry(1, "dog", group="g", group_override=True),
    ]

    result = scan(bind(*entries), at=scene("cat"), recursive=True)

    assert rules(result) == {0: "key", 1: "group_taken"}


def test_an_entry_of_two_groups_closes_both():
    entries = [
        entry(0, "cat", group="g, h", content="dog"),
        entry(1, "dog", group="g"),
        entry(2, "dog", group=" h ,"),
        entry(3, "dog", group="i"),
    ]

    assert found(*entries, at=scene("cat"), recursive=True) == [0, 3]


def test_an_entry_that_loses_twice_takes_nobody_with_it():
    entries = [
        entry(0, "cat", group="g,h", order=10),
        entry(1, "cat", group="g", group_override=True),
        entry(2, "cat", group="h", group_override=True),
        entry(3, "cat", order=1),
    ]

    result = scan(bind(*entries), at=scene("cat"))

    assert rules(result) == {1: "key", 2: "key", 3: "key", 0: "group_lost"}


def test_a_loser_of_one_group_still_counts_in_its_other():
    """As in the engine that books are written for."""
    entries = [
        entry(0, "cat", group="g", group_override=True, order=300),
        entry(1, "cat", group="g,h", group_override=True, order=200),
        entry(2, "cat", group="h", order=100),
    ]

    assert grouped(*entries) == [0]


def test_a_winner_that_fails_its_roll_leaves_the_group_empty():
    entries = [
        entry(0, "cat", group="g", group_override=True, probability=0),
        entry(1, "cat", group="g"),
    ]

    assert grouped(*entries) == []


# Sticky, cooldown, delay


def steps(one, texts, lengths, state=None, depth=1):
    """Whether the entry is active at each of these lengths of one chat."""
    state, seen = state or State(), []
    for length in lengths:
        result = scan(bind(one), at=scene(*texts[:length]), state=state, scan_depth=depth)
        state = result.state
        seen.append(numbers(result) == [one.uid])
    return seen


QUIET = ("cat", *["x"] * 12)
LOUD = ("cat",) * 12


@pytest.mark.parametrize(
    ("fields", "texts", "lengths", "expected"),
    [
        ({"sticky": 3}, QUIET, range(1, 7), "111000"),
        ({"sticky": 1}, QUIET, range(1, 4), "100"),
        ({"sticky": 0}, QUIET, range(1, 4), "100"),
        ({"cooldown": 3}, LOUD, range(1, 9), "10010010"),
        ({"cooldown": 1}, LOUD, range(1, 4), "111"),
        ({"sticky": 2, "cooldown": 3}, LOUD, range(1, 9), "11000110"),
        ({"sticky": 3, "cooldown": 1}, LOUD, range(1, 9), "11101110"),
        ({"sticky": 3}, ("x", "cat", "cat", "x", "x", "x", "x"), range(1, 8), "0111000"),
        ({"delay": 3}, LOUD, range(1, 6), "00111"),
        ({"delay": 3, "sticky": 2}, QUIET, range(1, 6), "00000"),
        ({"sticky": 3}, QUIET, [1, 2, 1, 2], "1111"),
        ({"sticky": 3}, ("x", "cat", "x", "x"), [2, 3, 1, 3], "1100"),
        ({"cooldown": 4}, LOUD, [1, 1, 2, 2, 1], "11001"),
        ({"cooldown": 4}, LOUD, [3, 4, 2], "101"),
        ({"sticky": 2, "cooldown": 9}, LOUD, [3, 4, 5, 4, 3, 2], "110000"),
    ],
)
def test_effects_over_steps(fields, texts, lengths, expected):
    seen = steps(entry(0, "cat", **fields), texts, lengths)

    assert "".join(str(int(is_active)) for is_active in seen) == expected


def test_an_activation_again_does_not_prolong():
    one = entry(0, "cat", sticky=3)
    first = scan(bind(one), at=scene("cat"), scan_depth=1).state
    second = scan(bind(one), at=scene("cat", "cat"), state=first, scan_depth=1).state

    assert first.sticky == {"w.0": Effect(version_of(one), 1, 4)}
    assert second == first


def test_sticky_entries_come_first_and_need_no_roll():
    sticky = entry(5, "cat", sticky=4, order=1)
    state = scan(bind(sticky), at=scene("cat")).state
    later = scan(bind(sticky, entry(1, "x")), at=scene("cat", "x"), state=state, scan_depth=1)

    assert rules(later) == {5: "sticky", 1: "key"}
    assert numbers(later) == [5, 1]


def stuck(one):
    return State(sticky={f"w.{one.uid}": Effect(version_of(one), 1, 9)})


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"probability": 0}, "sticky"),
        ({"exclude_recursion": True}, "sticky"),
        ({"delay_until_recursion": 1}, "sticky"),
        ({"constant": True}, "constant"),
        ({"enabled": False}, "disabled"),
        ({"triggers": ("swipe",)}, "trigger"),
        ({"delay": 9}, "delay"),
        ({"content": "@@dont_activate\nx"}, "dont_activate"),
    ],
)
def test_what_sticky_overcomes(fields, rule):
    one = entry(0, "cat", sticky=8, **fields)

    result = scan(bind(one), at=scene("x", "y"), state=stuck(one))

    assert rules(result) == {0: rule}


def test_a_sticky_member_wins_its_group():
    one = entry(0, "cat", sticky=8, group="g")
    rival = entry(1, "y", "x", group="g", group_override=True, order=900)

    result = scan(bind(one, rival), at=scene("x", "y"), state=stuck(one), use_group_scoring=True)

    assert rules(result) == {0: "sticky", 1: "group_sticky"}


def test_an_edited_entry_forgets_its_effects():
    old, new = entry(0, "cat", sticky=8), entry(0, "cat", sticky=8, order=3)

    result = scan(bind(new), at=scene("x", "y"), state=stuck(old))

    assert result.activated == ()
    assert result.state == State()


def test_effects_of_a_book_that_is_away_wait():
    one = entry(0, "cat", sticky=3)
    state = State(sticky={"w.0": Effect(version_of(one), 1, 4)})
    away = bind(entry(0, "zzz"), uid="o")

    assert scan(away, at=scene("x", "x"), state=state).state == state
    assert scan(away, at=scene("x"), state=state).state == State()
    assert scan(away, at=scene(*"xxxx"), state=state).state == State()


def test_cooldown_bars():
    one = entry(0, "cat", cooldown=5)
    state = State(cooldown={"w.0": Effect(version_of(one), 1, 6)})

    assert rules(scan(bind(one), at=scene("x", "cat"), state=state)) == {0: "cooldown"}


def test_recursion_alone_sees_what_is_hidden_for_it():
    entries = [entry(0, "cat", content="{{hidden_key:dog}}Purrs."), entry(1, "dog")]
    expand = Expander(MacroContext(char="Rex", user="Ann"))
    at = scene("cat", expand=expand, hidden=expand.hidden_keys)

    result = scan(bind(*entries), at=at, recursive=True)

    assert numbers(result) == [0, 1]
    assert [piece.text for piece in result.slots.before] == ["text 1", "Purrs."]
    assert verdict(result, 1).where.source == "recursion"
    assert found(*entries, at=at, recursive=False) == [0]


def test_what_is_hidden_in_an_entry_that_prevents_recursion_stays_hidden():
    entries = [
        entry(0, "cat", content="{{hidden_key:dog}}x", prevent_recursion=True),
        entry(1, "dog"),
    ]
    expand = Expander(MacroContext(char="Rex", user="Ann"))

    at = scene("cat", expand=expand, hidden=expand.hidden_keys)
    assert found(*entries, at=at, recursive=True) == [0]


@pytest.mark.parametrize("min_activations", [0, 3])
def test_a_scan_in_which_nothing_is_called_ends_as_if_it_had_looked(min_activations):
    book = bind(
        entry(0, "storm", delay_until_recursion=2), entry(1, "gull", sticky=3), entry(2, "")
    )
    at, how = scene("calm", "calm", "calm"), {"recursive": True, "min_activations": min_activations}

    looked = scan(book, at=at, explain=True, **how)

    assert len(looked.verdicts) == 3
    assert scan(book, at=at, **how) == msgspec.structs.replace(looked, verdicts=())


def test_effects_of_before_end_where_nothing_is_called():
    book = bind(entry(1, "gull", sticky=1, cooldown=4))
    before = scan(book, at=scene("gull"), explain=False)

    after = scan(book, at=scene("calm", "calm", "calm"), state=before.state)

    assert before.state.sticky.keys() == {"w.1"}
    assert after.state.sticky == {}
    assert after.state.cooldown.keys() == {"w.1"}
