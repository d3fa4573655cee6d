"""The gates before keys, chance, budgets, the order of sources and the places in the prompt."""

import pytest

from lore.reasons import why
from lore.slots import Placed
from lore.timed import State, version_of
from lore.values import CharacterFilter, Position, Role
from tests.lore.scans import (
    bind,
    entry,
    found,
    ids,
    numbers,
    placed,
    rules,
    scan,
    scene,
    verdict,
)

CAT = "cat"


def ruling(one, **fields):
    """What becomes of one entry, by its rule."""
    settings = fields.pop("settings", {})
    at = scene(CAT, **fields)
    return verdict(scan(bind(one), at=at, explain=True, **settings), one.uid).rule


# Gates


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, "key"),
        ({"enabled": False}, "disabled"),
        ({"enabled": False, "constant": True}, "disabled"),
        ({"triggers": ("normal", "swipe")}, "key"),
        ({"triggers": ("swipe",)}, "trigger"),
        ({"triggers": ("swipe",), "constant": True}, "trigger"),
        ({"delay": 1}, "key"),
        ({"delay": 2}, "delay"),
        ({"delay": 2, "constant": True}, "delay"),
        ({"delay": 0}, "key"),
        ({"delay_until_recursion": 1}, "delay_until_recursion"),
        ({"delay_until_recursion": 1, "constant": True}, "delay_until_recursion"),
        ({"exclude_recursion": True}, "key"),
        ({"constant": True}, "constant"),
        ({"keys": (), "constant": True}, "constant"),
        ({"content": "@@activate\nx", "keys": ("dog",)}, "activate"),
        ({"content": "@@activate\nx", "constant": True}, "activate"),
        ({"content": "@@dont_activate\nx"}, "dont_activate"),
        ({"content": "@@dont_activate\nx", "constant": True}, "dont_activate"),
        ({"content": "@@dont_activate\n@@activate\nx"}, "activate"),
        ({"content": "@@activate\nx", "enabled": False}, "disabled"),
        ({"content": "@@unheard of\n@@@dont_activate\nx"}, "dont_activate"),
        ({"content": "@@unheard of\n@@@also not\n@@@dont_activate\nx"}, "dont_activate"),
        ({"content": "@@scan_depth 2\n@@@dont_activate\nx"}, "key"),
        ({"content": "@@unheard\n@@activate\n@@@dont_activate\nx"}, "activate"),
        ({"content": "text\n@@dont_activate"}, "key"),
        ({"content": "\n@@dont_activate"}, "key"),
    ],
)
def test_gate(fields, rule):
    keys = fields.get("keys", (CAT,))
    others = {name: value for name, value in fields.items() if name != "keys"}

    assert ruling(entry(0, *keys, **others)) == rule


@pytest.mark.parametrize(
    ("names", "tags", "is_exclude", "rule"),
    [
        ((), (), True, "key"),
        (("Rex",), (), False, "key"),
        (("rex",), (), False, "character_filter"),
        (("Bo", "Rex"), (), False, "key"),
        (("Bo",), (), False, "character_filter"),
        (("Rex",), (), True, "character_filter"),
        (("Bo",), (), True, "key"),
        ((), ("dog",), False, "key"),
        ((), ("elf",), False, "character_filter"),
        ((), ("elf", "dog"), True, "character_filter"),
        ((), ("elf",), True, "key"),
        (("Rex",), ("dog",), False, "key"),
        (("Rex",), ("elf",), False, "character_filter"),
        (("Bo",), ("dog",), False, "character_filter"),
        (("Bo",), ("dog",), True, "character_filter"),
        (("Rex",), ("elf",), True, "character_filter"),
        (("Bo",), ("elf",), True, "key"),
    ],
)
def test_character_filter(names, tags, is_exclude, rule):
    only = CharacterFilter(is_exclude=is_exclude, names=names, tags=tags)
    one = entry(0, CAT, character_filter=only)

    assert ruling(one, char_tags=frozenset({"dog", "old"})) == rule


def test_gates_act_in_their_order():
    """Each of these is barred by its own rule and by all that come after it."""
    nobody = CharacterFilter(names=("Bo",))
    barred = {
        "content": "@@dont_activate\n@@is_greeting 3\nx",
        "delay_until_recursion": 1,
        "cooldown": 5,
        "delay": 9,
        "character_filter": nobody,
        "triggers": ("swipe",),
        "enabled": False,
    }
    allowed = {
        "enabled": True,
        "triggers": (),
        "character_filter": CharacterFilter(),
        "delay": 0,
        "delay_until_recursion": 0,
    }
    seen = [ruling(entry(0, CAT, **barred))]
    for name, value in allowed.items():
        barred[name] = value
        seen.append(ruling(entry(0, CAT, **barred)))

    assert seen == [
        "disabled",
        "trigger",
        "character_filter",
        "delay",
        "delay_until_recursion",
        "dont_activate",
    ]


@pytest.mark.parametrize(
    ("decorator", "fields", "is_active"),
    [
        ("activate_only_after 2", {"replies": 1}, False),
        ("activate_only_after 2", {"replies": 2}, True),
        ("activate_only_after x", {"replies": 0}, True),
        ("activate_only_every 3", {"replies": 3}, True),
        ("activate_only_every 3", {"replies": 4}, False),
        ("activate_only_every 0", {"replies": 4}, True),
        ("is_greeting 0", {"greeting": 0}, True),
        ("is_greeting 0", {"greeting": 1}, False),
        ("is_greeting 0", {}, False),
        ("is_user_icon wolf", {"user_icon": "wolf"}, True),
        ("is_user_icon wolf", {}, False),
        ("instruct_depth 3", {}, True),
        ("additional_keys x, y", {}, False),
        ("additional_keys x, cat", {}, True),
        ("exclude_keys x, y", {}, True),
        ("exclude_keys x, cat", {}, False),
    ],
)
def test_condition_of_a_decorator(decorator, fields, is_active):
    one = entry(0, CAT, content=f"@@{decorator}\nx")

    assert found(one, at=scene("a cat", **fields)) == ([0] if is_active else [])


def test_all_conditions_have_to_hold():
    one = entry(0, CAT, content="@@additional_keys red\n@@additional_keys hot\nx")

    assert [found(one, at=scene(f"cat {t}")) for t in ("red", "hot", "red hot")] == [[], [], [0]]


def test_the_first_decorator_of_a_name_counts():
    one = entry(0, CAT, content="@@activate_only_after 1\n@@activate_only_after 9\nx")

    assert found(one, at=scene("cat", replies=1)) == [0]


def test_entries_found_by_meaning_need_no_key():
    entries = [entry(0, "dog"), entry(1), entry(2, enabled=False), entry(3, "dog")]
    at = scene("x", forced={"w.0": 0.5, "w.1": 0.25, "w.2": 1.0, "w.9": 1.0})

    result = scan(bind(*entries), at=at)

    assert result.activated == ("w.0", "w.1")
    assert rules(result) == {0: "vectorized", 1: "vectorized", 2: "disabled"}
    assert [verdict.score for verdict in result.verdicts] == [0.5, 0.25, None]
    assert why(result.verdicts[0]) == "It was found by meaning, score 0.5."


# Chance


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"probability": 0}, []),
        ({"probability": 0, "constant": True}, []),
        ({"probability": 0, "use_probability": False}, [0]),
        ({"probability": 100}, [0]),
    ],
)
def test_probability_at_its_ends(fields, expected):
    assert found(entry(0, CAT, **fields), at=scene(CAT)) == expected


def test_probability_is_decided_by_the_seed():
    one = entry(0, CAT, probability=50)
    rolls = [found(one, at=scene(CAT, seed=str(i))) == [0] for i in range(400)]

    assert rolls == [found(one, at=scene(CAT, seed=str(i))) == [0] for i in range(400)]
    assert 150 < sum(rolls) < 250


def test_each_entry_rolls_for_itself():
    entries = [entry(i, CAT, probability=50) for i in range(100)]

    assert 30 < len(found(*entries, at=scene(CAT))) < 70


def test_a_failed_roll_is_not_tried_again_and_feeds_no_recursion():
    failing = entry(0, CAT, content="dog", probability=0)
    result = scan(bind(failing, entry(1, "dog"), entry(2, CAT)), at=scene(CAT), recursive=True)

    assert result.activated == ("w.2",)
    assert rules(result) == {2: "key", 0: "probability"}
    assert verdict(result, 0).scan == 1


# Budget (every text has two words)


@pytest.mark.parametrize(
    ("budget", "expected"), [(1, []), (2, []), (3, [0]), (4, [0]), (5, [0, 1]), (7, [0, 1, 2])]
)
def test_an_entry_that_reaches_the_budget_is_left_out(budget, expected):
    entries = [entry(i, CAT) for i in range(3)]

    result = scan(bind(*entries), at=scene(CAT), budget_tokens=budget)

    assert numbers(result) == expected
    assert result.is_over_budget is (len(expected) < 3)
    assert result.tokens == 2 * len(expected)


def test_smaller_ones_after_the_first_overflow_are_not_tried():
    entries = [entry(0, CAT), entry(1, CAT, content="a b c d"), entry(2, CAT, content="a")]

    result = scan(bind(*entries), at=scene(CAT), budget_tokens=6)

    assert rules(result) == {0: "key", 1: "budget", 2: "budget"}
    assert verdict(result, 2).key == CAT


def test_constants_are_not_exempt():
    entries = [entry(0, CAT, order=200), entry(1, constant=True)]

    assert found(*entries, at=scene(CAT), budget_tokens=3) == [0]


def test_those_that_ignore_the_budget_pass_and_count():
    free = {"ignore_budget": True}
    entries = [entry(0, CAT, **free), entry(1, CAT), entry(2, CAT, **free), entry(3, CAT)]

    assert found(*entries, at=scene(CAT), budget_tokens=4) == [0, 2]
    assert found(*entries, at=scene(CAT), budget_tokens=5) == [0, 1, 2]


def test_overflow_ends_recursion():
    entries = [entry(0, CAT, content="dog"), entry(1, CAT), entry(2, "dog", ignore_budget=True)]

    assert found(*entries, at=scene(CAT), recursive=True, budget_tokens=3) == [0]
    assert found(*entries, at=scene(CAT), recursive=True, budget_tokens=5) == [0, 1, 2]


def test_the_budget_holds_over_all_passes():
    entries = [entry(0, CAT, content="dog x"), entry(1, "dog"), entry(2, "dog")]

    assert found(*entries, at=scene(CAT), recursive=True, budget_tokens=5) == [0, 1]


def test_over_budget_entries_are_seen_by_a_level_that_opens_later():
    """As in the engine that books are written for."""
    entries = [
        entry(0, CAT, content="a b c d"),
        entry(1, CAT, content="dog"),
        entry(2, "zzz", delay_until_recursion=1),
        entry(3, "dog", delay_until_recursion=2, ignore_budget=True),
    ]

    assert found(*entries, at=scene(CAT), recursive=True, budget_tokens=3) == [3]


def test_a_book_has_a_budget_of_its_own():
    small = bind(
        entry(0, CAT, content="dog x"),
        entry(1, CAT, content="bird y z"),
        entry(2, CAT),
        entry(3, CAT, ignore_budget=True),
        token_budget=4,
    )
    other = bind(entry(0, CAT), entry(1, "bird"), entry(2, "dog"), uid="o")

    result = scan(small, other, at=scene(CAT), recursive=True)

    assert result.activated == ("w.0", "w.2", "w.3", "o.0", "o.2")
    assert verdict(result, 1).rule == "book_budget"
    assert not result.is_over_budget


# Order of sources


def scoped(strategy, **orders):
    bound = [
        bind(entry(0, CAT, order=order), entry(1, CAT, order=order - 10), uid=scope, scope=scope)
        for scope, order in orders.items()
    ]
    return list(scan(*bound, at=scene(CAT), insertion_strategy=strategy).activated)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (0, ["global.0", "character.0", "global.1", "character.1"]),
        (1, ["character.0", "character.1", "global.0", "global.1"]),
        (2, ["global.0", "global.1", "character.0", "character.1"]),
    ],
)
def test_chat_and_persona_come_before_the_strategy(strategy, expected):
    first = ["chat.0", "chat.1", "persona.0", "persona.1"]
    orders = {"character": 100, "global": 105, "persona": 50, "chat": 1}

    assert scoped(strategy, **orders) == first + expected


def test_equal_orders_of_evenly_mixed_books():
    assert scoped(0, character=100, **{"global": 100}) == [
        "global.0",
        "character.0",
        "global.1",
        "character.1",
    ]


def test_books_of_one_scope_stand_one_after_the_other_if_their_orders_are_equal():
    bound = [bind(entry(0, CAT), entry(1, CAT, order=200), uid=uid) for uid in ("b", "a")]

    assert scan(*bound, at=scene(CAT)).activated == ("b.1", "a.1", "b.0", "a.0")


def test_entries_stand_by_order_then_number():
    entries = [entry(10, CAT), entry(9, CAT), entry(2, CAT, order=-5), entry(1, CAT, order=300)]

    assert found(*entries, at=scene(CAT)) == [1, 9, 10, 2]


@pytest.mark.parametrize(
    ("scopes", "counts_as"),
    [
        (("chat", "global"), "global"),
        (("persona", "chat"), "chat"),
        (("character", "persona"), "persona"),
        (("character", "character"), "character"),
    ],
)
def test_a_book_bound_twice_counts_once_in_its_wider_scope(scopes, counts_as):
    twice = bind(entry(0, CAT), uid="b", scope=scopes[0])
    again = type(twice)(twice.book, scopes[1])
    others = [
        bind(entry(0, CAT), uid=scope, scope=scope)
        for scope in ("chat", "persona", "character", "global")
    ]

    activated = scan(twice, again, *others, at=scene(CAT)).activated

    assert sorted(activated) == ["b.0", "character.0", "chat.0", "global.0", "persona.0"]
    assert abs(activated.index("b.0") - activated.index(f"{counts_as}.0")) == 1


# Places


def test_every_position():
    entries = [
        entry(int(position), CAT, position=position, outlet_name="door") for position in Position
    ]

    slots = scan(bind(*entries), at=scene(CAT)).slots

    names = ("before", "after", "note_top", "note_bottom", "examples_top", "examples_bottom")
    assert [placed(slots, name) for name in names] == [[0], [1], [2], [3], [5], [6]]
    assert [(at.depth, at.role, ids(at.pieces)) for at in slots.at_depth] == [(4, Role.SYSTEM, [4])]
    assert {name: ids(pieces) for name, pieces in slots.outlets.items()} == {"door": [7]}


def test_the_highest_order_is_last_and_of_equal_ones_the_first_activated():
    entries = [entry(i, CAT, order=order) for i, order in enumerate((100, 300, 100, 200))]

    result = scan(bind(*entries), at=scene(CAT))

    assert numbers(result) == [1, 3, 0, 2]
    assert placed(result.slots, "before") == [2, 0, 3, 1]


def test_order_in_the_prompt_knows_no_source():
    low, high = entry(0, CAT, order=1), entry(1, CAT, order=9)
    bound = [bind(high, uid="g"), bind(low, uid="c", scope="chat")]

    result = scan(*bound, at=scene(CAT))

    assert result.activated == ("c.0", "g.1")
    assert placed(result.slots, "before") == [0, 1]


def test_same_depth_and_role_are_merged():
    depths = [(4, 0), (4, 1), (2, 0), (4, 0), (4, 1)]
    entries = [
        entry(i, CAT, position=Position.AT_DEPTH, depth=depth, role=Role(role), order=100 - i)
        for i, (depth, role) in enumerate(depths)
    ]

    slots = scan(bind(*entries), at=scene(CAT)).slots

    assert [(at.depth, int(at.role), ids(at.pieces)) for at in slots.at_depth] == [
        (4, 0, [3, 0]),
        (4, 1, [4, 1]),
        (2, 0, [2]),
    ]


def test_places_of_decorators_go_before_fields():
    contents = [
        "@@position before_desc",
        "@@position personality\n@@depth 3",
        "@@depth 3\n@@role assistant",
        "@@reverse_depth 1",
        "@@position nowhere",
    ]
    entries = [
        entry(i, CAT, content=f"{said}\nx", position=Position.AFTER_CHARACTER)
        for i, said in enumerate(contents)
    ]

    slots = scan(bind(*entries), at=scene(CAT)).slots

    names = ("before_desc", "personality", "after")
    assert [placed(slots, name) for name in names] == [[0], [1], [4]]
    assert [(a.depth, a.role, a.is_from_start, ids(a.pieces)) for a in slots.at_depth] == [
        (3, Role.ASSISTANT, False, [2]),
        (1, Role.SYSTEM, True, [3]),
    ]


def test_blank_lines_among_decorators_and_behind_them_belong_to_them():
    one = entry(0, CAT, content="@@depth 3\r\n\r\n@@role assistant\n \n\nx\n\n@@depth 9")

    (at,) = scan(bind(one), at=scene(CAT)).slots.at_depth

    assert (at.depth, at.role, at.pieces[0].text) == (3, Role.ASSISTANT, "x\n\n@@depth 9")


def test_a_depth_under_the_least_is_the_least():
    contents = ["@@depth -2\nx", "@@reverse_depth -1\nx", "@@depth -x\nx", "@@depth --1\nx"]
    entries = [entry(i, CAT, content=content) for i, content in enumerate(contents)]

    slots = scan(bind(*entries), at=scene(CAT)).slots

    assert [(at.depth, at.is_from_start, ids(at.pieces)) for at in slots.at_depth] == [
        (0, False, [0]),
        (0, True, [1]),
    ]
    assert placed(slots, "before") == [3, 2]


def test_no_text_and_no_outlet_have_no_place():
    entries = [entry(0, CAT, content=" \n"), entry(1, CAT, position=Position.OUTLET)]

    result = scan(bind(*entries), at=scene(CAT))

    assert numbers(result) == [0, 1]
    assert result.slots == type(result.slots)()


def test_the_text_is_expanded_and_has_no_decorators():
    one = entry(
        0, CAT, content="@@ignore_on_max_context\n@@disable_ui_prompt system_prompt\nI am {{x}}"
    )

    result = scan(bind(one), at=scene(CAT, expand=lambda text: text.replace("{{x}}", "two words")))

    (piece,) = result.slots.before
    assert (piece.entry, piece.text, piece.tokens) == ("w.0", "I am two words", 4)
    assert piece.is_first_cut
    assert isinstance(piece, Placed)
    assert result.disabled_prompts == {"system_prompt"}


# Memory of a match


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("keep_activate_after_match", [[], [0], [0], []]),
        ("dont_activate_after_match", [[], [0], [], []]),
    ],
)
def test_a_match_is_remembered(decorator, expected):
    one = entry(0, CAT, content=f"@@{decorator}\nx")
    bound, edited = bind(one), bind(entry(0, "dog", content=one.content))
    state, seen = State(), []
    for text, book in [
        ("x", bound),
        (CAT, bound),
        ("x" if "keep" in decorator else CAT, bound),
        ("x", edited),
    ]:
        result = scan(book, at=scene(text), state=state)
        state = result.state
        seen.append(numbers(result))

    assert seen == expected


def test_a_version_changes_with_any_field():
    assert version_of(entry(0, CAT)) == version_of(entry(0, CAT))
    assert version_of(entry(0, CAT)) != version_of(entry(0, CAT, order=1))


@pytest.mark.parametrize(
    ("names", "is_exclude", "is_active"),
    [
        (("Rex",), False, True),
        (("rex-v2",), False, True),
        (("Ann",), False, False),
        (("Ann", "rex-v2"), True, False),
        (("Ann",), True, True),
    ],
)
def test_a_filter_may_call_the_character_by_any_of_its_names(names, is_exclude, is_active):
    only = CharacterFilter(is_exclude=is_exclude, names=names)
    at = scene(CAT, char_names=frozenset({"Rex", "rex-v2"}))

    assert found(entry(0, CAT, character_filter=only), at=at) == ([0] if is_active else [])


def test_a_reply_may_count_as_several_kinds():
    entries = [entry(i, CAT, triggers=(kind,)) for i, kind in enumerate(("swipe", "regenerate"))]
    both = frozenset({"swipe", "regenerate"})

    assert found(*entries, at=scene(CAT, triggers=both)) == [0, 1]
    assert found(*entries, at=scene(CAT, triggers=frozenset({"swipe"}))) == [0]


# A book's own budget


@pytest.mark.parametrize(
    ("priorities", "expected"),
    [
        ((None, None, None), [0, 1]),
        ((1, 2, 3), [2, 1]),
        ((5, None, 6), [1, 2]),  # its order stands in
        ((7, 7, 7), [0, 1]),
    ],
)
def test_the_lowest_priority_leaves_first_where_a_book_is_short(priorities, expected):
    entries = [
        entry(i, CAT, content="two words", order=100 - i, priority=priority)
        for i, priority in enumerate(priorities)
    ]
    other = bind(entry(9, CAT, order=1), uid="o")

    result = scan(bind(*entries, token_budget=4), other, at=scene(CAT))

    assert numbers(result) == [*expected, 9]
    assert [rules(result)[i] for i in range(3) if i not in expected] == ["book_budget"]


def test_priorities_mean_nothing_without_a_budget_of_the_book():
    entries = [entry(i, CAT, order=100 - i, priority=i) for i in range(3)]

    assert found(*entries, at=scene(CAT)) == [0, 1, 2]
