"""Writes that wait: with the next statement, with the commit, and never without either."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from core.prepared import Insert, Select
from core.transactions import whole
from core.trips import gathers, write_later, write_together

pytestmark = pytest.mark.django_db(transaction=True)
insert = Insert(User)
handles = Select(lambda: User.objects.order_by("handle").values_list("handle"))


def add(handle):
    return insert.bind(handle=handle, email=f"{handle}@example.com", password="!")


def found() -> list[str]:
    return list(User.objects.order_by("handle").values_list("handle", flat=True))


@pytest.fixture(autouse=True)
def _connected():
    connection.ensure_connection()


def test_what_waits_is_there_after_the_transaction():
    with whole():
        write_later(add("ann"), add("bob"))
        write_later(add("cy"))

    assert found() == ["ann", "bob", "cy"]


def test_the_next_read_sees_what_waited():
    with whole():
        write_later(add("ann"))
        assert handles.all() == [("ann",)]
        write_later(add("bob"))
        assert found() == ["ann", "bob"]
        write_later(add("cy"))
        assert User.objects.filter(handle="cy").update(display_name="Cy") == 1


def test_without_a_transaction_of_its_own_it_is_made_at_once():
    write_later(add("ann"))
    with transaction.atomic():
        write_later(add("bob"))
        assert gathers(connection) is False

    assert found() == ["ann", "bob"]


def test_an_error_of_the_block_takes_back_what_waits():
    def fail():
        with whole():
            write_later(add("ann"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()

    assert (found(), connection.in_atomic_block, connection.get_autocommit()) == ([], False, True)


def test_an_error_of_what_waited_takes_everything_back():
    def fail():
        with whole():
            write_later(add("ann"))
            write_later(add("ann"))

    with pytest.raises(IntegrityError):
        fail()

    assert found() == []
    with whole():
        write_later(add("bob"))
    assert (found(), gathers(connection)) == (["bob"], False)


def test_a_block_within_takes_back_its_own_alone():
    with whole():
        write_later(add("ann"))
        with pytest.raises(IntegrityError), transaction.atomic():
            write_together(add("bob"), add("ann"))
        write_later(add("cy"))

    assert found() == ["ann", "cy"]


def test_a_whole_within_a_whole_is_part_of_it():
    def fail():
        with whole():
            write_later(add("ann"))
            with whole():
                write_later(add("bob"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()

    assert found() == []


def test_hooks_run_after_what_waited_is_committed():
    seen = []

    with whole():
        transaction.on_commit(lambda: seen.append(found()))
        write_later(add("ann"))

    assert seen == [["ann"]]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_what_waits_and_the_commit_are_one_trip(trips):
    with whole():
        write_later(add("ann"), add("bob"))

    assert trips == [(2, True)]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_what_waits_goes_with_the_next_statement(trips):
    with whole():
        write_later(add("ann"))
        handles.all()

    assert trips == [(2, False), (0, True)]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_a_transaction_that_did_nothing_asks_for_nothing(trips):
    with whole():
        pass

    assert (trips, connection.in_atomic_block) == ([(0, True)], False)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
def test_a_connection_that_is_lost_before_the_commit_is_told():
    from django.db import OperationalError

    def lose():
        with whole():
            handles.all()
            write_later(add("ann"))
            with pytest.raises(OperationalError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError):
        lose()
    connection.close()

    assert found() == []
