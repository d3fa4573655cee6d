"""`whole` is Django's `atomic`, also where it begins by itself."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from core.transactions import whole

pytestmark = pytest.mark.django_db(transaction=True)


def handles() -> list[str]:
    return list(User.objects.order_by("handle").values_list("handle", flat=True))


def add(handle):
    return User.objects.create(handle=handle, email=f"{handle}@example.com")


@pytest.fixture(autouse=True)
def _connected():
    connection.ensure_connection()


def test_it_commits_and_then_runs_what_was_asked_for():
    seen = []

    with whole():
        add("ann")
        transaction.on_commit(lambda: seen.append((connection.in_atomic_block, handles())))
        assert (connection.in_atomic_block, connection.get_autocommit(), seen) == (True, False, [])

    assert seen == [(False, ["ann"])]
    assert connection.get_autocommit() is True


def test_an_error_takes_everything_back():
    seen = []

    def fail():
        with whole():
            add("ann")
            transaction.on_commit(lambda: seen.append("told"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with whole():
        add("bob")
    assert (handles(), seen, connection.in_atomic_block) == (["bob"], [], False)


def test_a_block_within_can_fail_by_itself():
    with whole():
        add("ann")
        with pytest.raises(IntegrityError), transaction.atomic():
            add("ann")
        add("bob")

    assert handles() == ["ann", "bob"]


def test_within_another_transaction_an_error_takes_back_its_own_part():
    with transaction.atomic():
        add("ann")
        with pytest.raises(IntegrityError), whole():
            add("ann")
        add("bob")

    assert handles() == ["ann", "bob"]


def test_without_a_savepoint_an_error_marks_the_transaction_around_it():
    with transaction.atomic():
        add("ann")
        with pytest.raises(ValueError, match="no"), whole(savepoint=False):
            raise ValueError("no")
        assert connection.needs_rollback is True

    assert handles() == []


def test_it_counts_as_an_outer_transaction():
    with whole(), pytest.raises(RuntimeError), transaction.atomic(durable=True):
        pass


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the lock of SQLite")
def test_it_takes_the_lock_to_write_at_once():
    import sqlite3

    path = connection.settings_dict["NAME"]
    other = sqlite3.connect(path, timeout=0, uri=str(path).startswith("file:"))
    with whole(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
