"""The lean ASGI handler of the wire: no signals, no middleware, one watch for a hang-up."""

import asyncio
from contextlib import aclosing
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import structlog
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern

from billing.limits.admission import Admission
from core.errors import Invalid, NotFound, ReverieError
from core.logs import request_id
from openai_compat import urls
from openai_compat.chat import complete
from openai_compat.encoding import Piece
from openai_compat.errors import respond
from openai_compat.eventstream import EventStream
from openai_compat.listing import Mount

log = structlog.get_logger(__name__)

BODY_BYTES_MOST: Final = 32 * 1024 * 1024
_METHOD_NOT_ALLOWED: Final = 405
_CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)
_PREFLIGHT: Final = (
    *_CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-max-age", b"86400"),
)

_CHATS: Final = {f"/{mount.value}/chat/completions": mount for mount in Mount}
_resolver = URLResolver(RegexPattern(r"^/"), urls.urlpatterns)


class WrongMethod(Invalid):
    status = _METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class TooLarge(Invalid):
    status = 413
    code = "body_too_large"


def serves(path: str) -> bool:
    return path.startswith(urls.PREFIXES)


async def handle(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve one HTTP request of the wire."""
    if scope["method"] == "OPTIONS":
        await _send_head(send, 204, [*_PREFLIGHT])
        await send({"type": "http.response.body", "body": b""})
        return
    identifier = request_id(_header_map(scope))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=identifier)
    try:
        body = await _read(receive)
    except TooLarge as error:
        await _send(respond(error), send, identifier)
        return
    if body is None:
        return
    watch = _watch_for_hang_up(receive)
    try:
        response = await _respond(scope, body)
        await _send(response, send, identifier)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not watch.done() or task is None:
            raise
        task.uncancel()
    finally:
        watch.cancel()


def _watch_for_hang_up(receive: Any) -> "asyncio.Task[Any]":
    """Cancel the current task when the client leaves; whatever it waits for ends with it."""
    serving = asyncio.current_task()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if serving is not None:
            serving.cancel()

    return asyncio.get_running_loop().create_task(watch())


async def _read(receive: Any) -> bytes | None:
    """The whole body, or None if the client left while sending it."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MOST:
            raise TooLarge(f"The body is larger than {BODY_BYTES_MOST // 2**20} MB.")
        if not message.get("more_body"):
            return b"".join(parts)


@lru_cache(maxsize=256)
def _view_at(path: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    view, args, kwargs = _resolver.resolve(path)
    return view, args, kwargs


async def _respond(scope: dict[str, Any], body: bytes) -> HttpResponseBase:
    """The answer, with what its caller has left of their limits, if that is known."""
    request: Any = ASGIRequest(scope, BytesIO(body))
    request.admission = Admission()
    response = await _answer(request)
    for name, value in request.admission.headers().items():
        response[name] = value
    return response


async def _answer(request: Any) -> HttpResponseBase:
    try:
        mount = _CHATS.get(request.path_info) if request.method == "POST" else None
        if mount is not None:
            return await complete(request, request.admission, traceless=mount is Mount.OPENAI)
        view, args, kwargs = _view_at(request.path_info)
        response: HttpResponseBase = await view(request, *args, **kwargs)
    except Resolver404:
        return respond(
            NotFound(f"There is nothing at {request.path_info[:200]}.", code="unknown_url")
        )
    except ReverieError as error:
        return respond(error)
    except Exception:
        log.exception("wire_crashed", path=request.path_info)
        return respond(ReverieError("Something went wrong inside this server."))
    if response.status_code == _METHOD_NOT_ALLOWED:
        return respond(WrongMethod(f"{request.method} is not allowed here."))
    return response


async def _send(response: HttpResponseBase, send: Any, identifier: str) -> None:
    headers = [
        *_CORS,
        (b"x-request-id", identifier.encode()),
        *((k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in response.items()),
    ]
    if isinstance(response, EventStream):
        async with aclosing(response.rest) as rest:
            await _send_head(send, response.status_code, headers)
            await _send_piece(send, response.first)
            async for piece in rest:
                await _send_piece(send, piece)
        return
    content = response.content if isinstance(response, HttpResponse) else b""
    headers.append((b"content-length", str(len(content)).encode()))
    await _send_head(send, response.status_code, headers)
    await send({"type": "http.response.body", "body": content})


async def _send_piece(send: Any, piece: Piece) -> None:
    body, has_more = piece
    await send({"type": "http.response.body", "body": body, "more_body": has_more})


async def _send_head(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def _header_map(scope: dict[str, Any]) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name == b"x-request-id"
    }
