"""A turn's events from any place on: how a broken stream is taken up again."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from accounts.keys import authenticate
from accounts.models import User
from chats import following, queries
from chats.positions import Position, parse
from core.errors import ReverieError, Unauthenticated
from core.hop import hop
from core.streams import KEEP_ALIVE, STREAM_HEADERS, prime
from engine.events import Batch, Finished, ReasoningDelta, TextDelta, UsageReport


@require_GET
async def turn_events(request: HttpRequest, turn_id: str) -> HttpResponseBase:
    """Server-sent events of a turn: `delta`s from `Last-Event-ID` on, then `done` or `error`."""
    try:
        after = parse(request.headers.get("Last-Event-ID") or "0.0")
        await hop(_check, request, turn_id)
        stream = await prime(_encode(following.follow(turn_id, after), after))
    except ReverieError as error:
        body = {"error": _error(error)}
        return HttpResponse(
            orjson.dumps(body), status=error.status, content_type="application/json"
        )
    return StreamingHttpResponse(stream, headers=STREAM_HEADERS)


def _check(request: HttpRequest, turn_id: str) -> None:
    """Raise unless the caller, by key or session, owns the turn."""
    authorization = request.headers.get("Authorization", "")
    if authorization.lower().startswith("bearer "):
        user: Any = authenticate(authorization[7:].strip()).user
    else:
        user = request.user
    if not isinstance(user, User) or not user.is_authenticated:
        raise Unauthenticated("Send an API key, or sign in.")
    queries.get_turn(user, turn_id)


def _error(error: ReverieError) -> dict[str, Any]:
    kind = "user_error" if error.status < 500 else "api_error"  # noqa: PLR2004
    return {"type": kind, "message": error.message, "code": error.code, "param": error.param}


async def _encode(events: AsyncIterator[Batch], after: Position) -> AsyncIterator[bytes]:
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
            "estimated": event.estimated,
        }
        return place, _line(place, "usage", usage)
    if type(event) is Finished:
        return place, _line(place, "done", {"finish_reason": event.reason})
    return place, _line(place, "tool_call", {"index": event.index, "arguments": event.arguments})


def _line(place: Position, name: str, data: dict[str, Any]) -> bytes:
    return f"id: {place}\nevent: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
