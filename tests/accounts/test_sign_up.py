"""Signing up, in and out through the pages."""

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.services import create_user

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough phrase"


def signed_in_as(client) -> str | None:
    pk = client.session.get("_auth_user_id")
    return None if pk is None else User.objects.get(pk=pk).handle


def sign_up(client, **fields):
    form = {"username": "mira", "password1": PASSWORD, **fields}
    return client.post(reverse("account_signup"), form)


@pytest.mark.parametrize(
    ("given", "stored"), [("", None), ("Mira@example.org", "mira@example.org")]
)
def test_sign_up_needs_no_address(client, given, stored):
    response = sign_up(client, email=given)

    user = User.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, "/app")
    assert (user.handle, user.email, user.is_staff) == ("mira", stored, False)
    assert signed_in_as(client) == "mira"


def test_two_people_may_sign_up_without_an_address(client, client_of_another):
    sign_up(client)
    sign_up(client_of_another, username="tom")

    assert User.objects.filter(email=None).count() == 2


@pytest.fixture
def client_of_another():
    from django.test import Client

    return Client()


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "Taken"},
        {"username": "x"},
        {"username": "with space"},
        {"username": "m" * 31},
        {"password1": "short"},
        {"email": "nonsense"},
    ],
)
def test_sign_up_refuses_and_makes_nobody(client, fields):
    create_user(handle="taken")

    response = sign_up(client, **fields)

    assert response.status_code == 200
    assert list(User.objects.values_list("handle", flat=True)) == ["taken"]
    assert signed_in_as(client) is None


def test_sign_up_cannot_make_an_operator(client):
    sign_up(client, is_staff="on", is_superuser="on")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_a_closed_house_takes_nobody_in(client, settings):
    settings.SIGN_UP_OPEN = False

    sign_up(client)

    assert User.objects.count() == 0


@pytest.mark.parametrize("name", ["mira", "MIRA", "mira@example.org", "Mira@Example.org"])
def test_signing_in_by_handle_or_address(client, name):
    create_user(handle="mira", password=PASSWORD, email="mira@example.org")

    client.post(reverse("account_login"), {"login": name, "password": PASSWORD})

    assert signed_in_as(client) == "mira"


def test_a_wrong_password_is_refused(client):
    create_user(handle="mira", password=PASSWORD)

    client.post(reverse("account_login"), {"login": "mira", "password": "something else"})

    assert signed_in_as(client) is None


def test_somebody_switched_off_cannot_sign_in(client):
    user = create_user(handle="mira", password=PASSWORD)
    user.is_active = False
    user.save()

    client.post(reverse("account_login"), {"login": "mira", "password": PASSWORD})

    assert signed_in_as(client) is None


def test_many_wrong_passwords_slow_the_next_try_down(client):
    create_user(handle="mira", password=PASSWORD)
    wrong = {"login": "mira", "password": "something else"}
    for _ in range(20):
        client.post(reverse("account_login"), wrong)

    client.post(reverse("account_login"), {"login": "mira", "password": PASSWORD})

    assert signed_in_as(client) is None


def test_signing_out(client):
    client.force_login(
        create_user(handle="mira"), "allauth.account.auth_backends.AuthenticationBackend"
    )

    response = client.post(reverse("account_logout"))

    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert signed_in_as(client) is None
