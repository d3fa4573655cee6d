"""API keys as a way to authenticate with the resource API."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.keys import authenticate
from accounts.models import User

_BEARER = "bearer "


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer rk_…`, `CH-API-KEY` or `samwise`. No header means: not our affair."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        authorization = request.headers.get("Authorization", "")
        if authorization[: len(_BEARER)].lower() == _BEARER:
            secret = authorization[len(_BEARER) :].strip()
        else:
            secret = request.headers.get("CH-API-KEY") or request.headers.get("samwise") or ""
        if not secret:
            return None
        key = authenticate(secret, ip=request.META.get("REMOTE_ADDR"))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def user_of(request: Request) -> User:
    """The person behind a request that was let in."""
    user: Any = request.user
    assert isinstance(user, User)
    return user
