"""Where a request carries its key, and from which address it comes."""

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from accounts.addresses import read_address

_BEARER = "bearer "


def secret_of(request: HttpRequest | Request) -> str:
    """The presented key: `Authorization: Bearer`, `CH-API-KEY`, `x-api-key` or `samwise`; or ""."""
    headers = request.META
    authorization = headers.get("HTTP_AUTHORIZATION", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return str(authorization[len(_BEARER) :].strip())
    return str(
        headers.get("HTTP_CH_API_KEY")
        or headers.get("HTTP_X_API_KEY")
        or headers.get("HTTP_SAMWISE")
        or ""
    )


def address_of(request: HttpRequest | Request) -> str | None:
    """The caller's address. Behind a proxy, the one that the proxy saw: the last it was told.

    What stands before that in `X-Forwarded-For` is what the caller says, which proves nothing.
    """
    given = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        given = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] or given
    address = read_address(given)
    return str(address) if address else None
