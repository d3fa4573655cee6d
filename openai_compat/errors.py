"""Our exceptions in OpenAI's envelope: type, code, param and message, always all four."""

from typing import Any, Final

import orjson
from django.http import HttpResponse
from pydantic import ValidationError

from core.errors import (
    InsufficientCredits,
    Invalid,
    ProviderError,
    RateLimited,
    ReverieError,
    Unavailable,
)

_TYPES: Final[tuple[tuple[type[ReverieError], str], ...]] = (
    (InsufficientCredits, "insufficient_quota"),
    (RateLimited, "rate_limit_error"),
    (ProviderError, "server_error"),
    (Unavailable, "server_error"),
)


def envelope(error: ReverieError) -> dict[str, Any]:
    """The body for an error, before a stream's first byte or inside it."""
    return {
        "error": {
            "message": error.message,
            "type": next(
                (name for kind, name in _TYPES if isinstance(error, kind)), _fallback(error)
            ),
            "param": error.param,
            "code": error.code,
        }
    }


def _fallback(error: ReverieError) -> str:
    return "invalid_request_error" if error.status < 500 else "server_error"  # noqa: PLR2004


def respond(error: ReverieError) -> HttpResponse:
    """The whole answer for an error. A hopeless 429 says that retrying is pointless."""
    response = HttpResponse(
        orjson.dumps(envelope(error)), status=error.status, content_type="application/json"
    )
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, error.retry_after))
    if isinstance(error, InsufficientCredits):
        response["x-should-retry"] = "false"
    return response


def from_validation(error: ValidationError) -> Invalid:
    """The first thing that is wrong with a body, in words: which field and what is right."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = [str(part) for part in first["loc"] if not _is_branch(part)]
    param = ".".join(where)
    message = f"{param}: {first['msg']}" if param else str(first["msg"])
    return Invalid(message, code="invalid_value", param=param or None)


def _is_branch(part: Any) -> bool:
    """Whether part of a location names an alternative of a union rather than a field."""
    return isinstance(part, str) and ("[" in part or part in ("str", "list"))
