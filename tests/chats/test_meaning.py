"""Lore entries that need no key: those marked so, when what is said is about them."""

import pytest

from chats import services
from chats.meaning import ENTRIES_MOST, meant
from chats.models import Turn
from chats.tree import Node
from lore.books import Bound, compile_book
from lore.services import bind, create_lorebook
from lore.values import Book, Entry
from tests.chats.talking import opened, sent


def entry(uid, content, **fields):
    return Entry(uid=uid, content=content, **{"vectorized": True, **fields})


def bound(*entries, uid="w"):
    return Bound(compile_book(Book(entries=entries), uid), "global")


def said(*texts, hidden=False):
    return [Node("user", text, f"m{n}", position=n, hidden=hidden) for n, text in enumerate(texts)]


LAMP = entry(0, "The great lamp of the lighthouse burns clear whale oil.")
GULLS = entry(1, "Gulls nest on the roof and steal bread.")


def test_entry_that_is_spoken_of_is_meant_with_a_score():
    assert meant([bound(LAMP, GULLS)], said("What does the lighthouse lamp burn?")) == {"w.0": 1.0}


def test_other_forms_of_a_word_count():
    assert set(meant([bound(LAMP, GULLS)], said("A nesting gull stole it!"))) == {"w.1"}


@pytest.mark.parametrize(
    "path",
    [
        [],
        said("Good morning, how are you?"),
        said("The lamp of the lighthouse?", "Nothing of that.", "Only the sea today."),
        said("The lamp of the lighthouse?", hidden=True),
    ],
)
def test_nothing_is_meant_by_other_talk_old_talk_or_hidden_talk(path):
    assert meant([bound(LAMP, GULLS)], path) == {}


def test_a_word_in_passing_is_not_enough():
    long = "We spoke of weddings, rings, flowers, music, cakes, hats, rain, shoes and one lamp."

    assert meant([bound(LAMP, GULLS)], said(long)) == {}


def test_unmarked_and_empty_entries_are_left_to_their_keys():
    book = bound(entry(0, LAMP.content, vectorized=False), entry(1, "  "))

    assert meant([book], said("What does the lighthouse lamp burn?")) == {}


def test_the_best_few_of_all_books_are_taken():
    one = bound(*(entry(n, f"Lamp oil number{n}, whale, clear.") for n in range(4)), uid="a")
    two = bound(*(entry(n, "Lamp oil.") for n in range(4)), uid="b")

    found = meant([one, two], said("Tell me of lamp oil from whales."))

    assert len(found) == ENTRIES_MOST
    assert found == {"a.0": 1.0, "a.1": 1.0, "a.2": 1.0, "a.3": 1.0, "b.0": 0.667}


@pytest.mark.django_db
def test_turn_calls_up_what_is_meant_and_says_so(owner, luna, provider):
    chat = services.start_chat(user=owner, character=luna)
    world = create_lorebook(owner=owner, name="World", book=Book(entries=(LAMP, GULLS)))
    bind(user=owner, lorebook=world, scope="global")

    turn = opened(owner, chat, "What does the lighthouse lamp burn?")

    assert LAMP.content in sent(turn)
    assert GULLS.content not in sent(turn)
    verdicts = Turn.objects.get(uid=turn.uid).manifest["lore"]["verdicts"]
    assert [(v["rule"], v["score"]) for v in verdicts if v["activated"]] == [("vectorized", 0.75)]
