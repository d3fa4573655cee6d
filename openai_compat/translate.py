"""From a request on the wire to what the conversations understand."""

from hashlib import sha256
from typing import Any, Final

from django.http import HttpRequest

from chats.inbound import Inbound
from chats.services import MESSAGE_CHARS
from chats.sync import Line
from core.errors import Invalid, Unauthenticated
from core.text import clean
from engine.types import ChatMessage, Sampling
from openai_compat.credentials import address_of, secret_of
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


def inbound_of(request: HttpRequest, body: ChatCompletionIn, *, traceless: bool) -> Inbound:
    """Everything the request says, cleaned. Raises Unauthenticated or Invalid."""
    secret = secret_of(request)
    if not secret:
        raise Unauthenticated(
            "No API key was sent. Put it in the Authorization header: Bearer rk_…",
            code="invalid_api_key",
        )
    headers = request.headers
    return Inbound(
        secret=secret,
        ip=address_of(request),
        model=_model(body),
        lines=_lines(body.messages),
        messages=tuple(_message(message) for message in body.messages),
        sampling=_sampling(body),
        chat=_chat(request, body),
        lane=clean(body.user or ""),
        store=not (
            traceless or body.store is False or headers.get("X-Reverie-Store", "").lower() == "off"
        ),
        idempotency_key=clean(headers.get("Idempotency-Key", ""))[:120],
        retry_count=_count(headers.get("x-stainless-retry-count", "")),
        fingerprint=sha256(request.body).hexdigest(),
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
        request.headers.get("X-Reverie-Chat", ""),
        (body.metadata or {}).get("chat_id", ""),
        body.reverie.chat_id if body.reverie else "",
    )
    return next((str(name).strip()[:64] for name in candidates if name), "")


def _lines(messages: list[MessageIn]) -> list[Line]:
    """The user and assistant messages up to the newest of the user's; [] without one."""
    lines: list[Line] = []
    newest = 0
    for index, message in enumerate(messages):
        if message.role not in ("user", "assistant"):
            continue
        text = clean(message.text)
        if len(text) > MESSAGE_CHARS:
            raise Invalid(
                f"The message has {len(text)} characters; {MESSAGE_CHARS} is the most.",
                code="message_too_long",
                param=f"messages.{index}.content",
            )
        if message.role == "assistant" and not text.strip():
            continue
        lines.append(Line(message.role, text))
        if message.role == "user":
            newest = len(lines)
    if newest and not lines[newest - 1].content.strip():
        raise Invalid(
            "The newest user message has no text.", code="empty_message", param="messages"
        )
    return lines[:newest]


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
