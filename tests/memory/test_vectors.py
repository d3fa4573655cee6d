"""Vectors in the tables."""

import numpy as np
import pytest

from memory import vectors
from memory.models import Vector
from memory.vectors import Found, Kind, Piece, Place
from tests.fakes.embedder import direction

pytestmark = pytest.mark.django_db
MODEL = "fake/words"


@pytest.fixture
def place(owner):
    return Place(owner.pk, Kind.PASSAGE, "chat-1")


def put(place, *texts, model=MODEL, dimensions=64) -> list[Piece]:
    """A vector for each text, of owners m0, m1, …"""
    pieces = [Piece(f"m{at}", 0, text) for at, text in enumerate(texts)]
    rows = np.array([direction(text, dimensions) for text in texts], np.float32)
    vectors.store(place, model, pieces, rows)
    return pieces


def owners(place, model=MODEL) -> list[tuple[str, int]]:
    here = vectors.load(place, model)
    return list(zip(here.owners, here.numbers, strict=True))


def test_what_was_stored_comes_back_to_three_digits(place):
    put(place, "rain on the roof", "a quiet sea")

    loaded = vectors.load(place, MODEL)

    assert (loaded.owners, loaded.numbers) == (("m0", "m1"), (0, 0))
    assert loaded.matrix.dtype == np.float32
    np.testing.assert_allclose(loaded.matrix[1], direction("a quiet sea"), atol=5e-4)


def test_storing_twice_is_storing_once(place):
    put(place, "rain", "sea")
    put(place, "rain", "sea")

    assert Vector.objects.count() == 2


def test_a_changed_text_is_missing_until_it_is_stored_anew(place):
    pieces = put(place, "rain", "sea")
    changed = [pieces[0], Piece("m1", 0, "snow"), Piece("m2", 0, "fog")]

    assert vectors.missing(place, MODEL, changed) == changed[1:]

    newest = vectors.load(place, MODEL).newest
    vectors.store(place, MODEL, changed[1:2], np.array([direction("snow")]))
    later = vectors.load(place, MODEL, after=newest)

    assert vectors.missing(place, MODEL, changed) == changed[2:]
    assert (later.owners, Vector.objects.count()) == (("m1",), 2)


def test_loading_some_owners_gives_only_theirs(place):
    put(place, "rain", "sea", "fog")

    assert vectors.load(place, MODEL, owners=["m2", "m0", "m9"]).owners == ("m0", "m2")
    assert vectors.load(place, MODEL, owners=[]).owners == ()


def test_nothing_stored_loads_as_nothing(place):
    loaded = vectors.load(place, MODEL, after=7)

    assert (loaded.owners, loaded.matrix.shape, loaded.newest) == ((), (0, 0), 7)


def test_rows_of_an_owner_come_together_and_a_gap_leaves_it_out(place):
    pieces = [Piece("a", 0, "x"), Piece("a", 1, "y"), Piece("b", 1, "z"), Piece("c", 0, "w")]
    vectors.store(place, MODEL, pieces, np.array([direction(p.text) for p in pieces]))

    found = vectors.load(place, MODEL).by_owner()

    assert {owner: len(rows) for owner, (rows, _) in found.items()} == {"a": 2, "c": 1}
    assert found["a"][1] == [vectors.digest("x"), vectors.digest("y")]


def test_search_puts_the_likest_first(place):
    put(place, "the harbour in winter", "tea with lemon", "the harbour at night")

    found = vectors.search(place, MODEL, direction("the harbour at night"), k=2)

    assert [(hit.owner, hit.number) for hit in found] == [("m2", 0), ("m0", 0)]
    assert found[0].likeness == pytest.approx(1, abs=1e-3)


def test_search_among_nothing_or_vectors_of_another_length_finds_nothing(place):
    assert vectors.search(place, MODEL, direction("sea")) == []
    put(place, "sea", dimensions=32)

    assert vectors.search(place, MODEL, direction("sea")) == []


def test_nobody_else_finds_them(place, stranger):
    put(place, "a secret by the sea")
    elsewhere = Place(stranger.pk, place.kind, place.scope)

    assert vectors.search(elsewhere, MODEL, direction("a secret by the sea")) == []
    assert vectors.load(elsewhere, MODEL).owners == ()
    assert vectors.load(elsewhere, MODEL, owners=["m0"]).owners == ()
    assert vectors.exist(stranger.pk, MODEL) is False
    vectors.prune(elsewhere, MODEL, [], is_all=True)
    assert vectors.drop_other_models(elsewhere, "x") == 0
    assert owners(place) == [("m0", 0)]


def test_two_people_keep_their_own_of_the_same_text(place, stranger):
    put(place, "a shared book")
    put(Place(stranger.pk, place.kind, place.scope), "a shared book")

    assert Vector.objects.count() == 2
    stranger.delete()
    assert owners(place) == [("m0", 0)]


@pytest.mark.parametrize("other", [{"kind": Kind.MEMORY}, {"scope": "chat-2"}])
def test_other_kinds_and_scopes_are_apart(place, other):
    put(place, "sea")
    values = {"user_id": place.user_id, "kind": place.kind, "scope": place.scope} | other

    assert vectors.search(Place(**values), MODEL, direction("sea")) == []


def test_forgetting_takes_all_models_of_those_owners(place):
    for model in ("a/old", "b/new"):
        put(place, "sea", "rain", model=model)

    vectors.forget(place.kind, place.scope, ["m0", "m7"])

    assert (owners(place, "a/old"), owners(place, "b/new")) == ([("m1", 0)], [("m1", 0)])
    vectors.forget_scope(Kind.MEMORY, place.scope)
    assert Vector.objects.count() == 2
    vectors.forget_scope(place.kind, place.scope)
    assert Vector.objects.count() == 0


def test_pruning_drops_what_its_owners_no_longer_have(place):
    pieces = [Piece("a", 0, "x"), Piece("a", 1, "y"), Piece("b", 0, "z")]
    vectors.store(place, MODEL, pieces, np.array([direction(p.text) for p in pieces]))

    vectors.prune(place, MODEL, pieces[:1], is_all=False)
    kept = owners(place)
    vectors.prune(place, MODEL, pieces[:1], is_all=True)

    assert (kept, owners(place)) == ([("a", 0), ("b", 0)], [("a", 0)])


def test_counting_by_model(place):
    put(place, "sea", "rain", model="a/old")
    put(place, "sea", model="b/new")

    assert vectors.count_by_model() == {"a/old": 2, "b/new": 1}
    assert vectors.search(place, "b/new", direction("sea"), k=5) == [
        Found("m0", 0, pytest.approx(1, abs=1e-3))
    ]
