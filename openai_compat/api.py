"""The operations of the OpenAI wire, the same behind every prefix."""

from typing import Any
from urllib.parse import quote

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from accounts.credentials import address_of, secret_of
from accounts.models import Scope
from billing.limits.admission import Admission
from chats import turns
from chats.turns import Begun
from core.errors import Invalid, ReverieError, Unauthenticated
from core.hop import hop
from core.streams import prime
from openai_compat import errors, listing
from openai_compat.encoding import ChunkEncoder, gather
from openai_compat.eventstream import EventStream
from openai_compat.listing import Caller, Mount
from openai_compat.negotiation import wants_stream
from openai_compat.schemas import (
    ChatCompletionIn,
    ChatCompletionOut,
    ErrorOut,
    ModelListOut,
    ModelOut,
)
from openai_compat.translate import inbound_of

_EVENT_STREAM = {
    "text/event-stream": {
        "schema": {
            "type": "string",
            "description": "Server-sent events: `data:` lines holding chat.completion.chunk"
            " objects, comments to keep the connection open, and `data: [DONE]` at the end.",
        }
    }
}
_SECURITY = {"security": [{"apiKey": [str(Scope.CHAT)]}]}
_FAILURES = {400, 401, 403, 404, 409, 429, 502, 503, 504}


class _Parser(Parser):
    """Reads bodies strictly: no NaN, no lone surrogates, no bottomless nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return orjson.loads(request.body or b"null")
        except orjson.JSONDecodeError as error:
            raise HttpError(400, f"The body is not valid JSON: {error}") from error


def build_api(mount: Mount) -> NinjaAPI:
    """The wire API behind one prefix."""
    api = NinjaAPI(
        title=f"OpenAI wire at /{mount.value}",
        urls_namespace=f"wire-{mount.name.lower()}",
        docs_url=None,
        openapi_url=None,
        parser=_Parser(),
    )
    _add_error_handlers(api)
    _add_chat(api, mount)
    _add_models(api, mount)
    return api


def _operation_id(mount: Mount, verb: str) -> str:
    return f"{mount.name.lower()}_{verb}"


def _add_chat(api: NinjaAPI, mount: Mount) -> None:
    @api.post(
        "/chat/completions",
        operation_id=_operation_id(mount, "create_chat_completion"),
        summary="Say something to a character",
        tags=["chat"],
        response={200: ChatCompletionOut, frozenset(_FAILURES): ErrorOut},
        openapi_extra={**_SECURITY, "responses": {200: {"content": _EVENT_STREAM}}},
    )
    async def create_chat_completion(
        request: HttpRequest, body: ChatCompletionIn
    ) -> HttpResponseBase:
        """Streams unless told otherwise; see `stream`. `model` says who replies."""
        inbound = inbound_of(request, body, _admission(request), traceless=mount is Mount.OPENAI)
        streaming = body.stream
        if streaming is None:
            streaming = wants_stream(None, request.headers)
        detach = bool(body.reverie and body.reverie.detach)
        begun = await turns.receive(inbound, detach=detach, streaming=streaming)
        response = await (_stream(begun, body) if streaming else _whole(begun))
        return _labelled(response, begun)


async def _stream(begun: Begun, body: ChatCompletionIn) -> HttpResponseBase:
    wanted = body.stream_options.include_usage if body.stream_options else None
    encoder = ChunkEncoder(begun, include_usage=wanted)
    chunks = await prime(encoder.encode(begun.events()))
    return EventStream(chunks)


async def _whole(begun: Begun) -> HttpResponseBase:
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


def _add_models(api: NinjaAPI, mount: Mount) -> None:
    async def list_models(request: HttpRequest) -> Any:
        """The names that work in `model` with this key."""
        rows = await hop(listing.list_models, _caller(request), mount)
        return {"object": "list", "data": rows}

    def add(method: str, path: str, name: str) -> None:
        api.api_operation(
            [method],
            path,
            operation_id=_operation_id(mount, name),
            summary="List the names that work in `model`",
            tags=["models"],
            response={200: ModelListOut, frozenset({401, 403, 429}): ErrorOut},
            exclude_unset=True,
            openapi_extra=_SECURITY,
        )(list_models)

    add("GET", "/models", "list_models")
    if mount is Mount.OPENAI:
        add("POST", "/models", "post_models")
        add("GET", "/models/list", "list_models_list")

    @api.get(
        "/models/{path:name}",
        operation_id=_operation_id(mount, "get_model"),
        summary="Look up one name",
        tags=["models"],
        response={200: ModelOut, frozenset({400, 401, 403, 404, 429}): ErrorOut},
        exclude_unset=True,
        openapi_extra=_SECURITY,
    )
    async def get_model(request: HttpRequest, name: str) -> Any:
        return await hop(listing.get_model, _caller(request), name)


def _admission(request: Any) -> Admission:
    """Put there by the handler, which tells of it in the headers."""
    admission: Admission = request.admission
    return admission


def _caller(request: HttpRequest) -> Caller:
    secret = secret_of(request)
    if not secret:
        raise Unauthenticated(
            "No API key was sent. Put it in the Authorization header: Bearer rk_…",
            code="invalid_api_key",
        )
    return Caller(secret, address_of(request), _admission(request))


def _add_error_handlers(api: NinjaAPI) -> None:
    @api.exception_handler(ReverieError)
    def on_reverie_error(_request: HttpRequest, error: ReverieError) -> HttpResponse:
        return errors.respond(error)

    @api.exception_handler(ValidationError)
    def on_validation_error(_request: HttpRequest, error: ValidationError) -> HttpResponse:
        return errors.respond(errors.from_validation(error))

    @api.exception_handler(HttpError)
    def on_http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
        return errors.respond(Invalid(str(error), code="invalid_json"))
