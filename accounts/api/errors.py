"""Failures of the resource API: `{"error": {type, message, code, param}}`, and 422 details."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from core.errors import InsufficientCredits, ReverieError

_SERVER = 500


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None lets an unexpected error become a logged 500."""
    if isinstance(error, ReverieError):
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        if isinstance(error, InsufficientCredits):
            headers["x-should-retry"] = "false"
        return _envelope(error.status, error.message, error.code, error.param, headers=headers)
    if isinstance(error, exceptions.ValidationError):
        return Response({"detail": _details(error.detail, ["body"])}, status=422)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = getattr(error, "default_code", "error")
    if isinstance(error, Http404):
        code = "not_found"
    elif isinstance(error, PermissionDenied):
        code = "permission_denied"
    detail = response.data.get("detail", "") if isinstance(response.data, dict) else response.data
    headers = {k: v for k, v in response.items() if k in ("WWW-Authenticate", "Retry-After")}
    return _envelope(response.status_code, str(detail), str(code), None, headers=headers)


def _envelope(
    status: int, message: str, code: str, param: str | None, *, headers: dict[str, str] | None
) -> Response:
    kind = "user_error" if status < _SERVER else "api_error"
    body = {"error": {"type": kind, "message": message, "code": code, "param": param}}
    return Response(body, status=status, headers=headers)


def _details(detail: Any, loc: list[Any]) -> list[dict[str, Any]]:
    """DRF's nested messages as a flat list of {loc, msg, type}."""
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _details(value, [*loc, key])]
    if isinstance(detail, list):
        return [row for value in detail for row in _details(value, loc)]
    return [{"loc": loc, "msg": str(detail), "type": getattr(detail, "code", "invalid")}]
