"""The operations of the OpenAI wire, the same behind every prefix."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import NinjaAPI

from accounts.credentials import address_of, secret_of
from accounts.models import Scope
from billing.limits.admission import Admission
from core.errors import ReverieError, Unauthenticated
from core.hop import hop
from openai_compat import errors, listing
from openai_compat.chat import complete
from openai_compat.listing import Caller, Mount
from openai_compat.schemas import (
    ChatCompletionIn,
    ChatCompletionOut,
    ErrorOut,
    ModelListOut,
    ModelOut,
)

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


def build_api(mount: Mount) -> NinjaAPI:
    """The wire API behind one prefix."""
    api = NinjaAPI(
        title=f"OpenAI wire at /{mount.value}",
        urls_namespace=f"wire-{mount.name.lower()}",
        docs_url=None,
        openapi_url=None,
    )

    @api.exception_handler(ReverieError)
    def on_reverie_error(_request: HttpRequest, error: ReverieError) -> HttpResponse:
        return errors.respond(error)

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
        # `body` is for the document: the handler asks `complete` itself, without ninja.
        return await complete(request, _admission(request), traceless=mount is Mount.OPENAI)


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
