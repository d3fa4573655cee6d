"""Books that are made to take long: what bounds them, and what is told about it."""

import pytest

from lore.books import GROUPS_MOST
from lore.groups import settle
from lore.matching import ENDINGS_MOST, LONG_KEY_CHARS, Key, Words
from lore.patterns import Clock
from lore.scene import Settings
from lore.sight import WORK_MOST, Sight
from tests.lore.scans import PLAIN, bind, entry, found, rules, scan, scene, verdict


def no_time() -> Clock:
    return Clock(request_seconds=0)


def test_a_slow_pattern_is_reported_and_the_scan_goes_on():
    entries = [entry(0, "/(x+x+)+y/", "cat"), entry(1, "/c.t/"), entry(2, "/(x+x+)+y/")]

    result = scan(bind(*entries), at=scene("cat " + "x" * 3000), clock=Clock(key_seconds=0.005))

    assert result.activated == ("w.0", "w.1")
    assert result.slow_keys == {"/(x+x+)+y/": "it took too long and was stopped"}
    assert (verdict(result, 0).key, verdict(result, 2).rule) == ("cat", "no_key")


def test_without_time_every_pattern_is_reported():
    entries = [entry(i, f"/{i}x/") for i in range(50)]

    result = scan(bind(*entries, entry(99, "1x")), at=scene("1x"), clock=no_time())

    assert result.activated == ("w.99",)
    assert result.slow_keys == {f"/{i}x/": "no time was left for it" for i in range(50)}


def test_a_pattern_is_searched_once_in_one_text():
    class Counting(Clock):
        searches = 0

        def find(self, key, pattern, text):
            self.searches += 1
            return super().find(key, pattern, text)

    clock = Counting()
    entries = [entry(i, "/c.t/", "/d.g/", secondary_keys=("/d.g/",)) for i in range(20)]

    scan(bind(*entries), at=scene("cat"), clock=clock)

    assert clock.searches == 2


@pytest.mark.parametrize("settings", [{"recursive": True}, {"min_activations": 9}])
def test_a_scan_of_too_much_work_is_cut_short(settings):
    """Every pass looks at every pattern again, though no time is left to search for them."""
    chain = [entry(i, f"k{i}x", content=f"k{i + 1}x") for i in range(400)]
    idle = [entry(1000 + i, f"/zz{i}/") for i in range(4000)]
    at = scene(*["x"] * 400, "k0x")

    result = scan(bind(*chain, *idle), at=at, clock=no_time(), scan_depth=1, **settings)

    assert result.is_cut_short
    assert 0 < len(result.activated) < 100
    assert {v.rule for v in result.verdicts} == {"key", "no_key"}


def test_usual_scans_are_not_cut_short():
    entries = [entry(i, f"k{i}x", content=f"k{i + 1}x") for i in range(300)]

    result = scan(bind(*entries), at=scene("k0x"), recursive=True)

    assert len(result.activated) == 300
    assert not result.is_cut_short


def test_keys_that_end_in_each_other_are_not_all_reported_at_every_place():
    keys = [Key("a" * length) for length in range(1, 500)]

    words = Words(keys)
    hits: dict = {}
    words.find("a" * 600, "a" * 600, hits, 0)

    assert sorted(map(len, hits)) == list(range(1, ENDINGS_MOST + 1))
    assert [key.is_alone for key in keys] == [len(key.text) > ENDINGS_MOST for key in keys]


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_keys_that_end_in_each_other_are_found_all_the_same(case_sensitive):
    entries = [entry(i, "a" * (i + 1), match_whole_words=i % 2 == 0) for i in range(30)]
    at = scene("aaaaa " + "a" * 20)

    expected = [i for i in range(20) if i % 2 == 1 or i == 4]
    assert found(*entries, at=at, case_sensitive=case_sensitive) == expected


def test_keys_that_end_in_each_other_see_recursion():
    nested = [entry(i, "a" * i) for i in range(1, 20)]
    start = entry(50, "cat", content="B" + "A" * 15)

    assert found(start, *nested, at=scene("cat"), recursive=True) == [1, 50, *range(2, 16)]


def test_too_many_keys_that_are_looked_for_alone_are_reported():
    bound = [bind(entry(0, "{{x}}"))]
    clock = Clock()
    at = scene("cat", expand=lambda _: "cat")
    sight = Sight(bound, Settings(**PLAIN), at, clock=clock)
    (item,) = bound[0].book.items

    assert sight.find(item, item.primary[0]) is not None
    sight.work = WORK_MOST
    assert sight.find(item, item.primary[0]) is None
    assert clock.slow == {"cat": "no time was left for it"}


def test_large_and_odd_values_do_no_harm():
    entries = [
        entry(0, "cat", scan_depth=10**9, order=-(10**9), group_weight=10**9, group="g"),
        entry(1, "cat" * 1300, "cat", group="g" * 2000, group_weight=-5),
        entry(2, "cat", content="@@depth 999999999\n" + "@@@x\n" * 2000),
        entry(3, "cat", delay_until_recursion=10**9),
        entry(4, *["cat"] * 1000),
        entry(5, "/" + "(" * 1999 + ")" * 1999 + "/", "/" + "a?" * 1999 + "/"),
    ]

    result = scan(bind(*entries), at=scene("cat"), scan_depth=10**9, recursive=True)

    assert rules(result) == dict.fromkeys(range(6), "key")


def test_a_very_long_key_is_found_without_an_automaton():
    long = "ab" * LONG_KEY_CHARS
    keys = [Key(long), Key("short"), Key("x" * LONG_KEY_CHARS)]

    words = Words(keys)

    assert [key.is_alone for key in keys] == [True, False, False]
    assert found(entry(0, long), at=scene(f"say {long} now")) == [0]
    assert found(entry(0, long), at=scene(f"say {long[:-1]} now")) == []
    assert set(words.find("short", "short", {}, 0)) == {"short"}


def test_an_entry_is_in_so_many_groups_and_no_more():
    many = ",".join(f"g{i}" for i in range(1000))

    book = bind(entry(0, "cat", group=many), entry(1, "cat", group=" a ,a,, b")).book

    assert book.items[0].groups == tuple(f"g{i}" for i in range(GROUPS_MOST))
    assert book.items[1].groups == ("a", "b")


def test_scoring_looks_for_the_keys_of_an_entry_once_for_all_its_groups():
    entries = [
        entry(i, "cat", "dog", group=",".join(f"g{j}" for j in range(10)), use_group_scoring=True)
        for i in range(10)
    ]
    items = bind(*entries).book.items
    asked = []

    settle(
        list(items),
        (),
        is_sticky=lambda _: False,
        score=lambda item: asked.append(item) or 1,
        use_scoring=True,
        draw=lambda _: 0.5,
        drop=lambda _item, _rule: None,
    )

    assert asked == list(items)
