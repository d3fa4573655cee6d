"""What holds for every book and every scene."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from lore.activation import activate
from lore.books import Bound, compile_book
from lore.patterns import Clock
from lore.scene import SOURCES, Said, Scene, Settings, Strategy
from lore.timed import State
from lore.values import Book, CharacterFilter, Entry, Logic, Position, Role
from tests.lore.scans import bind, scan, scene, words

WORDS = (
    "cat",
    "Cat",
    "concat",
    "red cat",
    "dog",
    "ДОМ",
    "дом",
    "猫",
    "火猫",
    "é",
    "cafe\u0301",
    "a",
)
ODD = (
    "",
    " ",
    "/cat|dog/i",
    "/(a+)+$/",
    "/(/",
    "/^/m",
    "{{x}}",
    "<USER>",
    "\x01",
    "\n",
    "aa",
    "aaa",
)
LINES = ("@@activate", "@@dont_activate", "@@depth 2", "@@role user", "@@nonsense", "@@@activate")

key = st.sampled_from(WORDS + ODD)
text = st.lists(st.sampled_from(WORDS + ODD), max_size=8).map(" ".join) | st.text(max_size=20)
content = st.tuples(st.lists(st.sampled_from(LINES), max_size=3), text).map(
    lambda parts: "\n".join([*parts[0], parts[1]])
)
keys = st.lists(key | st.text(max_size=4), max_size=3).map(tuple)
small = st.integers(0, 4)
maybe_small = st.none() | small
maybe_flag = st.none() | st.booleans()
rarely = st.sampled_from([False, False, False, True])

entries = st.builds(
    Entry,
    uid=st.integers(0, 9),
    keys=keys,
    secondary_keys=keys,
    content=content,
    enabled=st.sampled_from([True, True, True, False]),
    constant=rarely,
    selective=st.booleans(),
    selective_logic=st.sampled_from(Logic),
    use_regex=rarely,
    order=st.integers(98, 102),
    position=st.sampled_from(Position),
    role=st.sampled_from(Role),
    outlet_name=st.sampled_from(["", "door"]),
    scan_depth=maybe_small,
    case_sensitive=maybe_flag,
    match_whole_words=maybe_flag,
    ignore_budget=rarely,
    exclude_recursion=rarely,
    prevent_recursion=rarely,
    delay_until_recursion=st.integers(0, 3),
    probability=st.sampled_from([0, 50, 100, 100, 100]),
    group=st.sampled_from(["", "", "g", "h", "g,h"]),
    group_override=rarely,
    group_weight=small,
    use_group_scoring=maybe_flag,
    sticky=maybe_small,
    cooldown=maybe_small,
    delay=maybe_small,
    match_scenario=rarely,
    character_filter=st.builds(
        CharacterFilter, is_exclude=st.booleans(), names=st.sampled_from([(), ("Rex",)])
    ),
    triggers=st.sampled_from([(), (), ("swipe",)]),
)
books = st.builds(
    Book,
    entries=st.lists(entries, max_size=8, unique_by=lambda one: one.uid).map(tuple),
    scan_depth=maybe_small,
    token_budget=st.none() | st.integers(0, 9),
    recursive_scanning=maybe_flag,
)
scopes = st.sampled_from(["chat", "persona", "character", "global"])
bindings = st.lists(st.tuples(books, scopes), max_size=3).map(
    lambda found: [Bound(compile_book(b, f"b{i}"), scope) for i, (b, scope) in enumerate(found)]
)
rules = st.builds(
    Settings,
    scan_depth=st.integers(-1, 5),
    include_names=st.booleans(),
    recursive=st.booleans(),
    max_recursion_steps=st.sampled_from([0, 0, 1, 3]),
    min_activations=small,
    min_activations_depth_max=small,
    case_sensitive=st.booleans(),
    match_whole_words=st.booleans(),
    use_group_scoring=st.booleans(),
    insertion_strategy=st.sampled_from(Strategy),
    budget_tokens=st.integers(0, 40),
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    said = draw(st.lists(st.builds(Said, st.sampled_from(["Ann", ""]), text), max_size=6))
    return Scene(
        messages=tuple(said),
        length=len(said) + draw(small),
        replies=draw(small),
        char_names=frozenset({"Rex"}),
        sources=draw(st.dictionaries(st.sampled_from(SOURCES), text)),
        notes=tuple(draw(st.lists(text, max_size=2))),
        forced=draw(st.dictionaries(st.sampled_from(["b0.0", "b0.1", "zz"]), st.floats(0, 1))),
        expand=lambda given: given.replace("{{x}}", "cat"),
        seed=draw(st.text(max_size=3)),
    )


def unhurried(bound, given_rules, moment, state):
    """A scan whose patterns have all the time they need, however busy the machine is.

    Under the usual limits of real time the same scan may end otherwise the second time.
    """
    clock = Clock(key_seconds=60, request_seconds=60, now=lambda: 0.0)
    return activate(bound, given_rules, moment, state, count=words, clock=clock, explain=True)


@settings(max_examples=300)
@given(bindings, rules, st.lists(scenes(), min_size=1, max_size=3))
def test_scan_keeps_its_promises(bound, given_rules, at):
    state = State()
    for moment in at:
        result = unhurried(bound, given_rules, moment, state)

        assert result == unhurried(bound, given_rules, moment, state)
        _assert_verdicts(bound, result)
        _assert_budget(bound, given_rules, result)
        _assert_places(result)
        state = result.state


def _items(bound):
    return {item.key: item for binding in bound for item in binding.book.items}


def _assert_verdicts(bound, result):
    assert sorted(v.entry for v in result.verdicts) == sorted(_items(bound))
    assert [v.entry for v in result.verdicts if v.activated] == list(result.activated)
    assert all(v.where is not None for v in result.verdicts if v.rule == "key")
    assert all(v.scan > 0 for v in result.verdicts if v.activated)


def _assert_budget(bound, given_rules, result):
    """Only those that ignore it, or whose text recursion does not see, may go beyond it."""
    items = _items(bound)
    counted = [
        verdict.tokens
        for verdict in result.verdicts
        if verdict.activated
        and not (item := items[verdict.entry]).entry.ignore_budget
        and not item.entry.prevent_recursion
        and not item.forbids_recursion
    ]
    assert not counted or sum(counted) < given_rules.budget_tokens
    assert result.tokens == sum(v.tokens for v in result.verdicts if v.activated)


def _assert_places(result):
    slots = result.slots
    places = [
        *(slots.before, slots.after, slots.note_top, slots.note_bottom),
        *(slots.examples_top, slots.examples_bottom),
        *(at.pieces for at in slots.at_depth),
        *slots.outlets.values(),
    ]
    shown = [piece.entry for pieces in places for piece in pieces]
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(result.activated)


# Beside a search that looks for every key of every entry by itself

PLAIN_WORDS = (
    "cat",
    "Cat",
    "concat",
    "hot",
    "ÉTÉ",
    "été",
    "猫",
    "дом",
    "ДОМА",
    "a",
    "aa",
    "a a",
    "cat猫",
)
plain_texts = st.lists(st.sampled_from(PLAIN_WORDS), max_size=6).map(" ".join)
plain_keys = st.lists(st.sampled_from(PLAIN_WORDS), min_size=1, max_size=3).map(tuple)
plain_entries = st.builds(
    Entry,
    uid=st.integers(0, 99),
    keys=plain_keys,
    secondary_keys=plain_keys | st.just(()),
    selective_logic=st.sampled_from(Logic),
    content=plain_texts,
    scan_depth=st.none() | st.integers(0, 4),
    case_sensitive=maybe_flag,
    match_whole_words=st.booleans(),
    prevent_recursion=st.booleans(),
    exclude_recursion=st.booleans(),
)


def naive(found: list[Entry], messages: list[str], depth: int, recursive: bool) -> list[int]:
    """Numbers of the entries that are active once nothing more is added."""
    active: list[int] = []
    added = ""
    is_first = True
    while True:
        new = [
            one for one in found if one.uid not in active and _calls(one, messages, depth, added)
        ]
        if not is_first:
            new = [one for one in new if not one.exclude_recursion]
        active += [one.uid for one in new]
        told = [one.content for one in new if not one.prevent_recursion]
        if not (recursive and told):
            return active
        added += "\n".join(["", *told])
        is_first = False


def _calls(one: Entry, messages: list[str], depth: int, added: str) -> bool:
    own = depth if one.scan_depth is None else one.scan_depth
    if own == 0:
        return False
    text = "\n".join([*messages[-own:], added])

    def has(searched: str) -> bool:
        pattern = re.escape(searched)
        if one.match_whole_words and " " not in searched:
            pattern = r"(?<![^\W猫])" * (searched[0] != "猫") + pattern
            pattern += r"(?![^\W猫])" * (searched[-1] != "猫")
        return bool(re.search(pattern, text, 0 if one.case_sensitive else re.IGNORECASE))

    if not any(map(has, one.keys)):
        return False
    present = list(map(has, one.secondary_keys))
    return (
        not present
        or {
            Logic.AND_ANY: any(present),
            Logic.NOT_ALL: not all(present),
            Logic.NOT_ANY: not any(present),
            Logic.AND_ALL: all(present),
        }[one.selective_logic]
    )


@settings(max_examples=300)
@given(
    st.lists(plain_entries, max_size=8, unique_by=lambda one: one.uid),
    st.lists(plain_texts, max_size=5),
    st.integers(0, 5),
    st.booleans(),
)
def test_agrees_with_a_naive_search(found, messages, depth, recursive):
    result = scan(bind(*found), at=scene(*messages), scan_depth=depth, recursive=recursive)

    expected = naive(sorted(found, key=lambda one: one.uid), messages, depth, recursive)
    assert result.activated == tuple(f"w.{uid}" for uid in expected)
