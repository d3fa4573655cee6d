"""What the store of one process does at exact times."""

from billing.limits.rules import Rule, Seat

RULE = Rule(name="requests", key="requests:1", limit=2)


def test_waits_and_resets_are_exact(memory, clock):
    memory.take([RULE])
    clock.now += 20
    second = memory.take([RULE])
    clock.now += 10
    third = memory.take([RULE])

    assert second.windows[0].reset_seconds == 60
    assert (third.refused, third.wait_seconds) == ("requests", 30)
    assert third.windows[0].reset_seconds == 50


def test_no_minute_ever_has_more_than_the_limit(memory, clock):
    """Not at the edge of a window either."""
    let_through = []
    for _ in range(600):
        clock.now += 0.7
        if not memory.take([RULE]).refused:
            let_through.append(clock.now)

    most = max(sum(1 for t in let_through if s <= t < s + 60) for s in let_through)
    assert most == 2
    assert len(let_through) == 14


def test_a_limit_that_tightened_waits_for_all_that_is_too_much(memory, clock):
    wide, tight = Rule(name="r", key="k", limit=4), Rule(name="r", key="k", limit=2)
    for _ in range(4):
        memory.take([wide])
        clock.now += 10

    refused = memory.take([tight])

    # Taken at 0, 10, 20 and 30; now is 40. One fits once the third is a minute old.
    assert (refused.windows[0].remaining, refused.wait_seconds) == (0, 40)


def test_the_load_is_that_of_a_minute(memory, clock):
    free = Rule(name="free", key="free:1", limit=9, calm=100)
    memory.take([free])
    clock.now += 54
    memory.take([free])

    assert memory.take([], counts=False).load == 2
    clock.now += 6
    assert memory.take([], counts=False).load == 1


def test_who_is_gone_is_forgotten(memory, clock):
    for number in range(4000):
        memory.take([Rule(name="r", key=str(number), limit=2)])
        memory.take([], Seat(key=f"s{number}", uid="a", limit=1, seconds=30))
    clock.now += 61
    for _ in range(200):
        memory.take([RULE])

    assert set(memory._logs) == {"requests:1"}
    assert memory._seats == {}
