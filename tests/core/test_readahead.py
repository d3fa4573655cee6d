"""Reading ahead gives what reading would have given, in fewer trips."""

import pytest
from django.db import connection

from accounts.models import User
from core.prepared import Select, Update
from core.readahead import read_ahead
from core.trips import read_together, write_later

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL"),
]
name_of = Select(lambda h: User.objects.filter(handle=h).values_list("display_name"), h=str)
mail_of = Select(lambda h: User.objects.filter(handle=h).values_list("email"), h=str)
fleeting = Select(lambda h: User.objects.filter(handle=h).values_list("id"), foreseen=False, h=str)
locked = Select(
    lambda h: User.objects.select_for_update().filter(handle=h).values_list("display_name"), h=str
)
rename = Update(
    lambda h, name: (User.objects.filter(handle=h), {"display_name": name}), h=str, name=str
)


@pytest.fixture(autouse=True)
def _people():
    for handle in ("ann", "bob"):
        User.objects.create(
            handle=handle, email=f"{handle}@example.com", display_name=handle.title()
        )


def test_the_second_time_all_is_read_in_one_trip(trips, request):
    def block():
        with read_ahead(request.node.name):
            return name_of.all(h="ann"), read_together(name_of.bind(h="bob"), mail_of.bind(h="bob"))

    first = block()
    assert trips == [(1, False), (2, False)]
    trips.clear()

    assert block() == first == ([("Ann",)], [[("Bob",)], [("bob@example.com",)]])
    assert trips == [(3, False), (0, True)]


def test_other_values_are_read_anew(trips, request):
    def block(handle):
        with read_ahead(request.node.name):
            return name_of.all(h=handle)

    block("ann")

    assert (block("bob"), block("bob"), block("ann")) == ([("Bob",)], [("Bob",)], [("Ann",)])
    read, done = (1, False), (0, True)
    assert trips == [read, read, read, done, read, done, read, read, done]


def test_what_is_read_ahead_is_given_once(request):
    def block():
        with read_ahead(request.node.name):
            before = name_of.all(h="ann")
            User.objects.filter(handle="ann").update(display_name="Anne")
            return before, name_of.all(h="ann")

    block()
    User.objects.filter(handle="ann").update(display_name="Ann")

    assert block() == ([("Ann",)], [("Anne",)])


@pytest.mark.parametrize("how", ["update", "later", "orm"])
def test_after_a_write_nothing_from_before_it_is_given(how, request):
    def block(*, changes):
        with read_ahead(request.node.name):
            if changes and how == "update":
                rename(h="ann", name="Anne")
            elif changes and how == "later":
                write_later(rename.bind(h="ann", name="Anne"))
            elif changes:
                User.objects.filter(handle="ann").update(display_name="Anne")
            return name_of.all(h="ann")

    assert block(changes=False) == [("Ann",)]
    assert block(changes=True) == [("Anne",)]


def test_reads_whose_values_never_stay_are_not_made_ahead(trips, request):
    def block():
        with read_ahead(request.node.name):
            return name_of.all(h="ann"), len(fleeting.all(h="ann"))

    block()
    trips.clear()

    assert block() == ([("Ann",)], 1)
    assert trips == [(1, False), (1, False), (0, True)]


def test_a_lock_that_is_taken_ahead_lasts_until_the_end(request):
    def block():
        with read_ahead(request.node.name):
            locked_rows = locked.all(h="ann") if connection.in_atomic_block else []
            name_of.all(h="ann")
            return locked_rows, connection.in_atomic_block

    assert block() == ([], False)
    assert block() == ([("Ann",)], True)
    assert block() == ([("Ann",)], True)
    assert connection.in_atomic_block is False


def test_an_error_takes_back_what_was_written(request):
    def block(*, fails):
        with read_ahead(request.node.name):
            name_of.all(h="ann")
            rename(h="ann", name="Anne")
            if fails:
                raise ValueError("no")

    block(fails=False)
    User.objects.filter(handle="ann").update(display_name="Ann")
    with pytest.raises(ValueError, match="no"):
        block(fails=True)

    assert name_of.all(h="ann") == [("Ann",)]


def test_who_is_gone_is_not_found(request):
    def block():
        with read_ahead(request.node.name):
            return name_of.all(h="bob")

    assert block() == [("Bob",)]
    User.objects.filter(handle="bob").delete()
    assert (block(), block()) == ([], [])
