"""A turn's events from any place on: how a broken stream is taken up again."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.credentials import address_of, secret_of
from accounts.keys import authenticate, require
from accounts.models import Scope, User
from billing.limits.admission import Admission
from billing.limits.terms import for_key
from chats import following
from chats.api.reach import turn_of
from chats.positions import Position, parse
from core.errors import ReverieError, Unauthenticated
from core.hop import hop
from core.streams import KEEP_ALIVE, STREAM_HEADERS, prime
from engine.events import (
    Batch,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)


@require_GET
async def turn_events(request: HttpRequest, turn_id: str) -> HttpResponseBase:
    """Server-sent events of a turn: `delta`s from `Last-Event-ID` on, then `done` or `error`."""
    admission = Admission()
    try:
        after = parse(request.headers.get("Last-Event-ID") or "0.0")
        await hop(_check, request, turn_id, admission)
        stream = await prime(_encode(following.follow(turn_id, after), after))
    except ReverieError as error:
        headers = admission.headers()
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        body = orjson.dumps({"error": _error(error)})
        return HttpResponse(
            body, status=error.status, content_type="application/json", headers=headers
        )
    return StreamingHttpResponse(stream, headers={**STREAM_HEADERS, **admission.headers()})


def _check(request: HttpRequest, turn_id: str, admission: Admission) -> None:
    """Raise unless the caller, by key or session, owns the turn and is within their limits."""
    key = None
    user: Any = request.user
    if secret := secret_of(request):
        key = authenticate(secret, ip=address_of(request))
        require(key, Scope.READ, Scope.CHAT)
        user = key.user
    if not isinstance(user, User) or not user.is_authenticated:
        raise Unauthenticated("Send an API key, or sign in.")
    admission.enter(user, for_key(key))
    turn_of(user, key, turn_id, Scope.READ)


def _error(error: ReverieError) -> dict[str, Any]:
    kind = "user_error" if error.status < 500 else "api_error"  # noqa: PLR2004
    return {"type": kind, "message": error.message, "code": error.code, "param": error.param}


async def _encode(events: AsyncIterator[Batch], after: Position) -> AsyncGenerator[bytes]:
    place = after
    started = False
    try:
        async for batch in events:
            if not batch:
                yield KEEP_ALIVE
            for event in batch:
                started = True
                place, data = _event(event, place)
                yield data
    except ReverieError as error:
        if not started:
            raise
        yield b"event: error\ndata: " + orjson.dumps({"error": _error(error)}) + b"\n\n"


def _event(event: Any, place: Position) -> tuple[Position, bytes]:
    if type(event) is TextDelta:
        place = Position(place.reasoning, place.text + len(event.text))
        return place, _line(place, "delta", {"text": event.text})
    if type(event) is ReasoningDelta:
        place = Position(place.reasoning + len(event.text), place.text)
        return place, _line(place, "delta", {"reasoning": event.text})
    if type(event) is UsageReport:
        usage = {
            "prompt_tokens": event.prompt_tokens,
            "completion_tokens": event.completion_tokens,
            "cached_tokens": event.cached_tokens,
            "estimated": event.estimated,
        }
        return place, _line(place, "usage", usage)
    if type(event) is Finished:
        return place, _line(place, "done", {"finish_reason": event.reason})
    return place, _line(place, "tool_call", _call(event))


def _call(event: ToolCallDelta) -> dict[str, Any]:
    """A piece of a call. After a break calls are told again from their first piece, which alone
    has the id and the name."""
    call: dict[str, Any] = {"index": event.index, "arguments": event.arguments}
    if event.id is not None:
        call |= {"id": event.id, "name": event.name}
    return call


def _line(place: Position, name: str, data: dict[str, Any]) -> bytes:
    return f"id: {place}\nevent: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
