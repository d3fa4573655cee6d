"""What a process keeps at hand, within a total size."""

from core.shelf import Shelf


def test_the_least_used_goes_first():
    shelf: Shelf[str] = Shelf(10)
    shelf.put("a", "A", 4)
    shelf.put("b", "B", 4)
    assert shelf.get("a") == "A"

    shelf.put("c", "C", 4)

    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == ("A", None, "C")
    assert shelf.size == 8


def test_what_was_taken_is_gone_until_it_is_put_back():
    shelf: Shelf[str] = Shelf(10)
    shelf.put("a", "A", 4)

    assert (shelf.take("a"), shelf.take("a"), shelf.size) == ("A", None, 0)
    shelf.put("a", "A+", 6)
    shelf.put("a", "A++", 7)
    assert (shelf.get("a"), shelf.size) == ("A++", 7)


def test_what_is_too_large_is_not_kept_and_all_can_go():
    shelf: Shelf[str] = Shelf(10)
    shelf.put("a", "A", 11)
    assert (shelf.get("a"), shelf.size) == (None, 0)
    shelf.put("b", "B", 10)

    shelf.clear()

    assert (shelf.get("b"), shelf.size) == (None, 0)
