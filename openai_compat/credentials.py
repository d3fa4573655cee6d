"""Where a caller may put its key."""

from django.http import HttpRequest

_BEARER = "bearer "


def secret_of(request: HttpRequest) -> str:
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


def address_of(request: HttpRequest) -> str | None:
    address: str | None = request.META.get("REMOTE_ADDR") or None
    return address
