"""Structured logs with a request id. Keys and message text never get this far."""

import logging
import sys
from collections.abc import Awaitable, Callable
from random import getrandbits
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(_config: dict[str, Any]) -> None:
    """Set up `logging` and structlog as the settings say. Called by Django's set-up."""
    from django.conf import settings  # noqa: PLC0415 - circular: runs while settings load

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.LOG_JSON
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The prettier formatters print local variables, and with them what people wrote.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.LOG_LEVEL)
    for noisy in ("httpx", "httpcore", "uvicorn.access", "daphne", "kombu", "markdown_it"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def request_id(headers: Any) -> str:
    """The caller's `X-Request-ID` if it is plain and short, else a new one.

    It is a name, not a secret: it needs no randomness from the system.
    """
    given = headers.get("x-request-id", "")
    plain = given.isascii() and given.replace("-", "").replace("_", "").isalnum()
    return given if plain and len(given) <= 64 else f"{getrandbits(96):024x}"  # noqa: PLR2004


@sync_and_async_middleware
def RequestIdMiddleware(  # noqa: N802 - middleware is named like a class
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], Any]:
    """Bind a request id to every log line of a page request and return it as a header."""
    import asyncio  # noqa: PLC0415

    def bind(request: HttpRequest) -> str:
        identifier = request_id(request.headers)
        structlog.contextvars.bind_contextvars(request_id=identifier)
        return identifier

    if asyncio.iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            identifier = bind(request)
            respond: Callable[[HttpRequest], Awaitable[HttpResponse]] = get_response
            response = await respond(request)
            response["X-Request-ID"] = identifier
            return response

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponse:
        identifier = bind(request)
        response: HttpResponse = get_response(request)
        response["X-Request-ID"] = identifier
        return response

    return middleware
