"""Which keys are patterns, and how long they may take."""

import pytest

from lore import patterns
from lore.patterns import PATTERN_CHARS_MOST, Clock, Pattern, bare, parse, why_literal


@pytest.mark.parametrize(
    ("key", "text", "place"),
    [
        ("/a/", "ba", 1),
        ("/A/i", "ba", 1),
        ("/a.b/s", "a\nb", 0),
        ("/^b/m", "a\nb", 2),
        ("/a/gimsuy", "a", 0),
        (r"/a\/b/", "a/b", 0),
        (r"/\\/", "a\\", 1),
        ("/a\nb/", "a\nb", 0),
        ("/ /", "a b", 1),
        ("/(?<=b)a/", "aba", 2),
    ],
)
def test_patterns(key, text, place):
    found = parse(key)

    assert found is not None
    assert found.find(text, 1) == place
    assert why_literal(key) == ""


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "/",
        "//",
        "/a",
        "a/",
        "/a/b/",
        "/a/x",
        "/a/v",
        "/a/I",
        " /a/",
        "/a/ ",
        "/a\\/",
        "\\/a/",
    ],
)
def test_keys_of_another_form(key):
    assert parse(key) is None
    assert why_literal(key) == ""


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("/a/ii", "a flag is given twice"),
        ("/(/", "a bracket is not closed"),
        (f"/{'a' * (PATTERN_CHARS_MOST + 1)}/", "the pattern has more than 4000 characters"),
        ("/[z-a]/", "bad character range at position 4"),
    ],
)
def test_keys_that_are_no_valid_patterns(key, reason):
    assert parse(key) is None
    assert why_literal(key) == reason


@pytest.mark.parametrize(
    ("source", "text", "place"),
    [
        ("a+", "ba", 1),
        ("/A/i", "ba", 1),
        ("a/b", "xa/b", 1),
        ("A", "a", None),
        ("/(/", "/(/", None),
        ("(", "(", None),
    ],
)
def test_bare_patterns(source, text, place):
    found = bare(source)

    assert (None if found is None else found.find(text, 1)) == place


class Slow:
    """A pattern that takes `seconds` of the fake time, or all it is given, and finds nothing."""

    def __init__(self, seconds: float, now: list[float]) -> None:
        self.seconds = seconds
        self.given: list[float] = []
        self._now = now

    def find(self, text: str, seconds: float) -> int | None:
        self.given.append(seconds)
        self._now[0] += min(self.seconds, seconds)
        if self.seconds > seconds:
            raise TimeoutError
        return None


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def clock(now) -> Clock:
    return Clock(key_seconds=0.0625, request_seconds=0.3125, now=lambda: now[0])


def test_each_key_has_its_time(clock, now):
    slow, quick = Slow(9, now), Slow(0.01, now)

    assert clock.find("slow", slow, "") is None
    assert clock.find("quick", quick, "") is None

    assert clock.slow == {"slow": "it took too long and was stopped"}
    assert slow.given == [0.0625]
    assert quick.given == [0.0625]


def test_a_stopped_key_is_not_tried_again(clock, now):
    slow = Slow(9, now)

    for _ in range(3):
        clock.find("slow", slow, "")

    assert len(slow.given) == 1
    assert now == [100.0625]


def test_all_keys_together_have_their_time(clock, now):
    slow = [Slow(9, now) for _ in range(1000)]

    for number, pattern in enumerate(slow):
        clock.find(str(number), pattern, "")

    assert [pattern.given for pattern in slow[:6]] == [[0.0625]] * 5 + [[]]
    assert sum(len(pattern.given) for pattern in slow) == 5
    assert now == [100.3125]
    assert len(clock.slow) == 1000
    assert clock.slow["4"] == "it took too long and was stopped"
    assert clock.slow["5"] == "no time was left for it"


def test_the_last_key_gets_what_is_left(clock, now):
    quick = Slow(0.03125, now)
    for number in range(9):
        clock.find(str(number), quick, "")

    last = Slow(9, now)
    clock.find("last", last, "")

    assert last.given == [0.03125]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("(a|aa)+$", "a" * 40 + "b"),
        ("(x+x+)+y", "x" * 5000),
        (r"(\w+\s?)+$", "word " * 2000 + "!"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5000),
    ],
)
def test_hostile_patterns_are_stopped(source, text):
    clock = Clock(key_seconds=0.005)

    assert clock.find("key", Pattern(source, ""), text) is None
    assert clock.slow == {"key": "it took too long and was stopped"}


def test_limits_are_what_is_promised():
    assert (patterns.KEY_SECONDS, patterns.REQUEST_SECONDS) == (0.05, 0.25)
