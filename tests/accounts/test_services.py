"""Making people."""

import pytest

from accounts.models import User
from accounts.services import create_user
from core.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db


def test_a_person_needs_a_handle_only():
    user = create_user(handle="mira")

    row = User.objects.get()
    assert (row.handle, row.email, row.name, row.is_staff) == ("mira", None, "mira", False)
    assert user.has_usable_password() is False


def test_a_person_may_have_everything():
    create_user(
        handle="mira",
        password="a long enough phrase",
        email=" Mira@Example.ORG ",
        display_name="Mira",
        staff=True,
    )

    row = User.objects.get()
    assert (row.email, row.name, row.is_staff, row.is_superuser) == (
        "mira@example.org",
        "Mira",
        True,
        True,
    )
    assert row.check_password("a long enough phrase") is True


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"handle": ""}, "handle"),
        ({"handle": "m"}, "handle"),
        ({"handle": "mira\n"}, "handle"),
        ({"handle": "mi ra"}, "handle"),
        ({"handle": "-mira"}, "handle"),
        ({"handle": "m" * 31}, "handle"),
        ({"handle": "mira", "password": "short"}, "password"),
        ({"handle": "mira", "email": "not an address"}, "email"),
    ],
)
def test_what_cannot_be_is_refused_and_nobody_is_made(fields, param):
    with pytest.raises(Invalid) as caught:
        create_user(**fields)

    assert caught.value.param == param
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    "fields",
    [{"handle": "mira"}, {"handle": "MIRA"}, {"handle": "other", "email": "MIRA@example.org"}],
)
def test_handles_and_addresses_belong_to_one_person_whatever_their_case(fields):
    create_user(handle="mira", email="mira@example.org")

    with pytest.raises(Conflict):
        create_user(**fields)

    assert list(User.objects.values_list("handle", flat=True)) == ["mira"]


def test_two_people_may_go_without_an_address():
    create_user(handle="mira", email="")
    create_user(handle="tom", email=None)

    assert list(User.objects.order_by("handle").values_list("email", flat=True)) == [None, None]
