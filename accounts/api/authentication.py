"""API keys as a way to authenticate with the resource API."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.credentials import address_of, secret_of
from accounts.keys import authenticate
from accounts.models import ApiKey, User


class KeyAuthentication(BaseAuthentication):
    """A key or a token, wherever a request may carry one. No key means: not our affair."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        secret = secret_of(request)
        if not secret:
            return None
        key = authenticate(secret, ip=address_of(request))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def user_of(request: Request) -> User:
    """The person behind a request that was let in."""
    user: Any = request.user
    assert isinstance(user, User)
    return user


def key_of(request: Request) -> ApiKey | None:
    """The key that a request came with; None for one of the browser's session."""
    return request.auth if isinstance(request.auth, ApiKey) else None
