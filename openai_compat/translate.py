"""From a request on the wire to what the conversations understand."""

from hashlib import sha256
from typing import Any, Final

from django.http import HttpRequest

from accounts.credentials import address_of, secret_of
from billing.limits.admission import Admission
from chats.inbound import Inbound
from core.errors import Unauthenticated
from core.text import clean
from engine.types import ChatMessage, Sampling
from openai_compat.conversation import lines_of, picture_of
from openai_compat.schemas import ChatCompletionIn, MessageIn

_PASSED_ON: Final = (
    "top_k",
    "min_p",
    "repetition_penalty",
    "logit_bias",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
)
_ROLES: Final[dict[str, Any]] = {"developer": "system", "function": "tool"}
_KEPT_FIELDS: Final = ("tool_calls", "tool_call_id")


def inbound_of(
    request: HttpRequest, body: ChatCompletionIn, admission: Admission, *, traceless: bool
) -> Inbound:
    """Everything the request says, cleaned. Raises Unauthenticated or Invalid."""
    secret = secret_of(request)
    if not secret:
        raise Unauthenticated(
            "No API key was sent. Put it in the Authorization header: Bearer rk_…",
            code="invalid_api_key",
        )
    headers = request.META
    return Inbound(
        secret=secret,
        ip=address_of(request),
        model=_model(body),
        lines=lines_of(body.messages),
        messages=tuple(_message(message) for message in body.messages),
        sampling=_sampling(body),
        chat=_chat(request, body),
        lane=clean(body.user or ""),
        store=not (
            traceless
            or body.store is False
            or headers.get("HTTP_X_REVERIE_STORE", "").lower() == "off"
        ),
        idempotency_key=clean(headers.get("HTTP_IDEMPOTENCY_KEY", ""))[:120],
        retry_count=_count(headers.get("HTTP_X_STAINLESS_RETRY_COUNT", "")),
        fingerprint=sha256(request.body).hexdigest(),
        admission=admission,
        picture=picture_of(body.messages),
        is_lenient=traceless,
    )


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004


def _model(body: ChatCompletionIn) -> str:
    if body.model and body.model.strip():
        return clean(body.model.strip())[:400]
    return clean(str(body.character_id or "").strip())[:400]


def _chat(request: HttpRequest, body: ChatCompletionIn) -> str:
    """The chat the client names: header, then `metadata.chat_id`, then `reverie.chat_id`."""
    candidates = (
        request.META.get("HTTP_X_REVERIE_CHAT", ""),
        (body.metadata or {}).get("chat_id", ""),
        body.reverie.chat_id if body.reverie else "",
    )
    return next((str(name).strip()[:64] for name in candidates if name), "")


def _message(message: MessageIn) -> ChatMessage:
    """A message for a catalogue model: as it was sent, with what rides along."""
    extra: dict[str, Any] = {
        name: value
        for name, value in (message.model_extra or {}).items()
        if name in _KEPT_FIELDS and value is not None
    }
    if isinstance(message.content, list) and any(p.type != "text" for p in message.content):
        extra["content"] = [part.model_dump(exclude_none=True) for part in message.content]
    return ChatMessage(
        role=_ROLES.get(message.role, message.role),
        content=clean(message.text),
        name=message.name,
        extra=extra or None,
    )


def _sampling(body: ChatCompletionIn) -> Sampling:
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    given = body.model_extra or {}
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=tuple(clean(text) for text in stop if text),
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        seed=body.seed,
        extra={name: given[name] for name in _PASSED_ON if given.get(name) is not None},
    )
