"""Keys at the resource API, and what refusals look like."""

import pytest
from django.http import Http404
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import operators
from accounts.api.authentication import KeyAuthentication
from accounts.keys import issue_key
from core.errors import Conflict, Unauthenticated
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class Here(APIView):
    authentication_classes = (KeyAuthentication,)
    failure: Exception | None = None

    def get(self, request):
        from rest_framework.response import Response

        if self.failure is not None:
            raise self.failure
        return Response({"handle": request.user.handle, "key": request.auth.name})


def get(failure=None, **headers):
    request = APIRequestFactory().get("/", headers=headers)
    return Here.as_view(failure=failure)(request)


@pytest.mark.parametrize(
    "header", [("Authorization", "Bearer "), ("Authorization", "bearer "), ("CH-API-KEY", "")]
)
def test_every_form_of_a_key_is_taken(owner, header):
    _, secret = issue_key(user=owner, name="bot")
    name, before = header

    response = get(**{name: before + secret})

    assert (response.status_code, response.data) == (200, {"handle": "owner", "key": "bot"})


@pytest.mark.parametrize("header", [("Authorization", "Bearer nonsense"), ("CH-API-KEY", "x")])
def test_a_bad_key_is_refused_in_our_shape(header):
    response = get(**dict([header]))

    error = response.data["error"]
    assert response.status_code == 401
    assert (error["type"], error["code"], error["param"]) == (
        "user_error",
        "invalid_api_key",
        None,
    )
    assert header[1] not in error["message"].split()


def test_no_key_is_refused_in_our_shape():
    response = get()

    assert response.status_code == 401
    assert sorted(response.data["error"]) == ["code", "message", "param", "type"]


@pytest.mark.parametrize(
    ("failure", "status", "code", "retry_after"),
    [
        (Conflict("Busy.", code="conversation_busy", retry_after=7), 409, "conversation_busy", "7"),
        (Unauthenticated("No."), 401, "invalid_api_key", None),
        (Http404(), 404, "not_found", None),
    ],
)
def test_failures_keep_their_status_and_code(secret, failure, status, code, retry_after):
    response = get(failure, Authorization=f"Bearer {secret}")

    assert (response.status_code, response.data["error"]["code"]) == (status, code)
    assert response.headers.get("Retry-After") == retry_after


def test_wrong_fields_are_listed_one_by_one(secret):
    failure = ValidationError({"title": ["Too long."], "tags": {"0": ["Empty."]}})

    response = get(failure, Authorization=f"Bearer {secret}")

    assert (response.status_code, response.data) == (
        422,
        {
            "detail": [
                {"loc": ["body", "title"], "msg": "Too long.", "type": "invalid"},
                {"loc": ["body", "tags", "0"], "msg": "Empty.", "type": "invalid"},
            ]
        },
    )


@pytest.mark.parametrize("what", ["account", "key"])
def test_a_suspended_caller_is_told_so(owner, what):
    key, secret = issue_key(user=owner, name="bot")
    if what == "account":
        operators.suspend_user(user=owner, by=UserFactory(), reason="spam")
    else:
        operators.suspend_key(key=key, by=UserFactory(), reason="spam")

    response = get(Authorization=f"Bearer {secret}")

    assert response.status_code == 403
    assert response.data["error"]["code"] == f"{what}_suspended"
