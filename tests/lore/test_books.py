"""Making a book ready: what it holds, and what is too much of it."""

from lore import books
from lore.activation import activate
from lore.books import Bound, compile_book
from lore.patterns import Clock
from lore.scene import Said, Scene, Settings
from lore.timed import State
from lore.values import Book, Entry


def scanned(book, text, **scene):
    bound = [Bound(compile_book(book, "b"), "global")]
    seen = Scene(messages=(Said("Ann", text),), length=1, **scene)
    return activate(bound, Settings(), seen, State(), count=len, clock=Clock())


def test_patterns_beyond_the_allowance_are_left_out_and_told(monkeypatch):
    monkeypatch.setattr(books, "PATTERN_CHARS_MOST", 10)
    book = Book(
        entries=(
            Entry(uid=0, keys=("/lamp/",), content="first"),
            Entry(uid=1, keys=("/lamp./", "lamp"), content="second"),
            Entry(uid=2, keys=("/lamp.*/",), content="third"),
        )
    )

    found = scanned(book, "The lamps")

    assert found.activated == ("b.0",)
    assert list(found.slow_keys) == ["/lamp./", "/lamp.*/"]


def test_text_of_an_entry_is_expanded_once():
    calls = []

    def expand(text):
        calls.append(text)
        return text

    scanned(Book(entries=(Entry(uid=0, keys=("lamp",), content="oil"),)), "lamp", expand=expand)

    assert calls == ["oil"]
