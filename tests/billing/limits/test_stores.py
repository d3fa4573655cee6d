"""The same cases for both stores, on real time with short windows."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.limits.rules import Rule, Seat, allowance


def rule(someone: str, limit: int, **fields) -> Rule:
    return Rule(**{"name": "requests", "key": f"requests:{someone}", "limit": limit, **fields})


def seat(someone: str, uid: str, limit: int = 1, seconds: float = 30) -> Seat:
    return Seat(key=f"seats:{someone}", uid=uid, limit=limit, seconds=seconds)


def test_as_many_as_the_limit_and_no_more(store, someone):
    verdicts = [store.take([rule(someone, 3)]) for _ in range(5)]

    assert [v.refused for v in verdicts] == ["", "", "", "requests", "requests"]
    assert [v.windows[0].used for v in verdicts] == [1, 2, 3, 3, 3]
    assert [v.windows[0].remaining for v in verdicts] == [2, 1, 0, 0, 0]
    assert 0 < verdicts[-1].wait_seconds <= 60
    assert verdicts[0].windows[0].reset_seconds == 60


def test_one_person_does_not_use_up_anothers(store, someone):
    store.take([rule(someone, 1)])

    assert store.take([rule(f"{someone}b", 1)]).refused == ""


def test_looking_counts_nothing(store, someone):
    looks = [store.take([rule(someone, 1)], counts=False) for _ in range(3)]

    assert [v.windows[0].used for v in looks] == [0, 0, 0]
    assert store.take([rule(someone, 1)]).refused == ""
    assert store.take([rule(someone, 1)], counts=False).refused == "requests"


def test_a_window_slides(store, someone):
    short = rule(someone, 2, seconds=0.2)
    first = [store.take([short]).refused for _ in range(3)]
    time.sleep(0.25)

    assert first == ["", "", "requests"]
    assert [store.take([short]).refused for _ in range(3)] == ["", "", "requests"]


def test_what_one_rule_refuses_is_counted_by_none(store, someone):
    tight, wide = rule(someone, 1), rule(someone, 9, name="key", key=f"key:{someone}")
    store.take([tight])

    refused = store.take([wide, tight], seat(someone, "a"))

    assert refused.refused == "requests"
    assert store.take([wide], seat(someone, "b"), counts=False).windows[0].used == 0
    assert store.take([wide], seat(someone, "b")).seats == 0


def test_a_seat_is_free_again_when_it_is_given_back(store, someone):
    assert store.take([], seat(someone, "a", 2)).refused == ""
    assert store.take([], seat(someone, "b", 2)).refused == ""
    assert store.take([], seat(someone, "c", 2)).refused == "seat"

    store.release(seat(someone, "a", 2))
    store.release(seat(someone, "a", 2))

    assert store.take([], seat(someone, "c", 2)).refused == ""
    assert store.take([], seat(someone, "d", 2)).refused == "seat"


def test_who_has_a_seat_keeps_it(store, someone):
    store.take([], seat(someone, "a"))

    assert store.take([], seat(someone, "a")).refused == ""


def test_a_refused_seat_counts_no_request(store, someone):
    store.take([], seat(someone, "a"))

    assert store.take([rule(someone, 9)], seat(someone, "b")).refused == "seat"
    assert store.take([rule(someone, 9)], counts=False).windows[0].used == 0


def test_a_seat_of_the_dead_is_free_after_its_lease(store, someone):
    store.take([], seat(someone, "dead", seconds=0.2))
    assert store.take([], seat(someone, "next")).refused == "seat"
    time.sleep(0.25)

    assert store.take([], seat(someone, "next")).refused == ""


def test_a_seat_that_is_renewed_lasts(store, someone):
    store.take([], seat(someone, "a", seconds=0.2))
    store.renew(seat(someone, "a", seconds=30))
    store.renew(seat(someone, "never taken", seconds=30))
    time.sleep(0.25)

    assert store.take([], seat(someone, "b", 2)).seats == 1
    assert store.take([], seat(someone, "c", 2)).refused == "seat"


def test_a_shared_limit_tightens_as_the_site_gets_busier(store, someone):
    """Base 6, calm 4: with 8 turns of others in the minute, everybody has 3."""

    def free(who: str) -> Rule:
        return rule(f"{someone}{who}", 6, name="free", calm=4)

    for number in range(8):
        store.take([free(f"other{number}")])

    verdicts = [store.take([free("")]) for _ in range(4)]

    # Each one that is let through is load itself: 6 * 4 / 8, / 9, / 10 and / 10.
    assert [v.windows[0].limit for v in verdicts] == [3, 2, 2, 2]
    assert [v.refused for v in verdicts] == ["", "", "free", "free"]
    assert verdicts[-1].load == 10


def test_what_is_refused_is_no_load(store, someone):
    for _ in range(5):
        store.take([rule(someone, 1, calm=100)])
    store.take([rule(someone, 9)])

    assert store.take([], counts=False).load == 1


def test_many_at_once_are_exactly_the_limit(store, someone):
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: store.take([rule(someone, 50)]).refused, range(200)))

    assert refused.count("") == 50


@pytest.mark.parametrize(
    ("load", "left"),
    [(0, 60), (600, 60), (601, 59), (1200, 30), (6000, 6), (36_000, 1), (10**9, 1)],
)
def test_the_part_of_each_shrinks_with_the_load(load, left):
    assert allowance(60, 600, load) == left
