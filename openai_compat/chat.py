"""A chat completion from its request to its answer, without ninja's way through a request.

That way takes about a tenth of the event loop's time for a turn; `api` documents the operation.
"""

from urllib.parse import quote

import orjson
from django.http import HttpResponse, HttpResponseBase
from django.http.request import HttpRequest
from pydantic import ValidationError

from billing.limits.admission import Admission
from chats import turns
from chats.turns import Begun
from core.errors import Invalid
from openai_compat.encoding import ChunkEncoder, gather
from openai_compat.errors import from_validation
from openai_compat.eventstream import EventStream
from openai_compat.negotiation import wants_stream
from openai_compat.schemas import ChatCompletionIn
from openai_compat.translate import inbound_of


async def complete(
    request: HttpRequest, admission: Admission, *, traceless: bool
) -> HttpResponseBase:
    """Begin the turn and answer with its reply. Raises the errors of `core.errors`."""
    body = _body_of(request)
    inbound = inbound_of(request, body, admission, traceless=traceless)
    streaming = body.stream
    if streaming is None:
        streaming = wants_stream(None, request.headers)
    detach = bool(body.reverie and body.reverie.detach)
    begun = await turns.receive(inbound, detach=detach, streaming=streaming)
    response = await (_stream(begun, body) if streaming else _whole(begun))
    return _labelled(response, begun)


def _body_of(request: HttpRequest) -> ChatCompletionIn:
    """Read strictly: no NaN, no lone surrogates, no bottomless nesting."""
    if not request.body:
        raise Invalid(
            "The body is empty. Send a JSON object with `messages`.", code="invalid_value"
        )
    try:
        return ChatCompletionIn.model_validate(orjson.loads(request.body))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {error}", code="invalid_json") from error
    except ValidationError as error:
        raise from_validation(error) from error


async def _stream(begun: Begun, body: ChatCompletionIn) -> EventStream:
    """The stream once it has begun: until then an error has a status to be told with."""
    wanted = body.stream_options.include_usage if body.stream_options else None
    encoder = ChunkEncoder(begun, include_usage=wanted)
    pieces = encoder.encode(begun.events())
    return EventStream(await anext(pieces), pieces)


async def _whole(begun: Begun) -> HttpResponse:
    return HttpResponse(await gather(begun), content_type="application/json")


def _labelled(response: HttpResponseBase, begun: Begun) -> HttpResponseBase:
    """Say which chat, message and turn this is, and what happened to the conversation."""
    if begun.chat_uid:
        response["X-Reverie-Chat"] = begun.chat_uid
        response["X-Reverie-Message"] = begun.reply_uid
        response["X-Reverie-Sync"] = begun.sync
    response["X-Reverie-Turn"] = begun.uid
    if begun.rule:
        response["X-Reverie-Resolved"] = begun.rule
    if begun.fallback is not None:
        # A slug may hold any letters; a header may not.
        model = quote(begun.fallback.model, safe="/:@+~")
        response["X-Reverie-Fallback"] = f"{model}; reason={begun.fallback.reason}"
    return response
