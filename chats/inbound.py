"""Turns that arrive over the wire: who asks, who replies, in which chat, and whether again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.keys import authenticate
from accounts.models import ApiKey, Scope
from billing import gates, ledger
from billing.limits.admission import Admission
from billing.limits.terms import for_key
from chats import abilities, context, exchanges, opening, queries, services, tree
from chats.asking import ask
from chats.models import Chat, Message, Surface, Turn
from chats.questioning import Asked
from chats.resolve import PlainModel, Somebody, find_plain_model, resolve
from chats.sync import Line, Plan, plan
from chats.values import Existing, Opened, Ready, Request
from chats.voices import voice_of
from core.errors import Conflict, Invalid
from core.ids import new_uid
from core.readahead import read_ahead
from core.transactions import whole
from engine.tokens import default_counter
from engine.types import ChatMessage, GenerationRequest, Sampling
from llm.registry import ModelSpec
from memory.vectors import Question

LANE_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One chat request of the OpenAI wire, in our words.

    `lines` are the user and assistant messages, ending with the user's newest or with a call of
    tools that was answered; `messages` are all of them, for replies that leave no trace. `chat`
    is `new`, a chat id or "". `picture` is where the newest line has one, "" if it has none.
    `is_lenient` leaves out parameters that a model does not honour, instead of refusing them.
    """

    secret: str = field(repr=False)
    ip: str | None
    model: str
    lines: Sequence[Line]
    messages: tuple[ChatMessage, ...]
    sampling: Sampling = field(default_factory=Sampling)
    chat: str = ""
    lane: str = ""
    store: bool = True
    idempotency_key: str = ""
    retry_count: int = 0
    fingerprint: str = ""
    admission: Admission = field(default_factory=Admission, compare=False)
    picture: str = ""
    is_lenient: bool = False


def asked_inbound(inbound: Inbound) -> Asked | None:
    """What is asked, if a character answers it from a stored conversation.

    Raises Unauthenticated, as the opening would.
    """
    if not inbound.store or not inbound.lines or inbound.picture:
        return None
    if find_plain_model(inbound.model) is not None:
        return None
    key = _admitted(inbound)
    return Asked(key.user_id, inbound.lines[-1].content, Surface.API)


def open_inbound(
    inbound: Inbound, question: Question | None = None, ready: Ready | None = None
) -> Opened | Existing:
    """Begin, or find, the turn that answers this request. One database hop; synchronous."""
    # Its hash, so that no secret stays in memory: should two share one, each reads for itself.
    who = hash((inbound.secret, inbound.model, inbound.chat, inbound.lane))
    with opening.losers_wait(), read_ahead(who):
        return _open(inbound, question, ready)


def _open(inbound: Inbound, question: Question | None, ready: Ready | None) -> Opened | Existing:
    key = _admitted(inbound)
    chat = _named_chat(key, inbound.chat)
    target = _target(key, inbound.model, chat)
    if isinstance(target, PlainModel):
        return _open_plain(inbound, key, target)
    if not inbound.lines:
        raise Invalid(
            "`messages` has no message with the role `user`, so there is nothing to answer.",
            code="missing_user_message",
            param="messages",
        )
    if inbound.picture:
        raise Invalid(
            "Characters read text and cannot see pictures. Leave it out.",
            code="unsupported_content",
            param=inbound.picture,
        )
    if not inbound.store:
        return _open_traceless(inbound, key, target)
    with whole():
        request = _request(inbound, key, question, ready, rule=target.rule)
        return _open_stored(inbound, request, target, chat)


def _admitted(inbound: Inbound) -> ApiKey:
    """The key that asks, within its limits. What may attach to a turn takes no seat yet."""
    key = authenticate(inbound.secret, ip=inbound.ip, needs=Scope.CHAT)
    may_attach = bool(inbound.idempotency_key or inbound.retry_count)
    inbound.admission.enter(key.user, for_key(key), for_turn=not may_attach)
    return key


def _named_chat(key: ApiKey, name: str) -> Chat | None:
    return queries.get_chat(key.user, name) if name and name != "new" else None


def _target(key: ApiKey, model: str, chat: Chat | None) -> Somebody | PlainModel:
    """Who replies. A chat that was named by its id decides, unless `model` contradicts it."""
    if chat is None:
        return resolve(key.user, key, model)
    if model:
        target = resolve(key.user, key, model)
        if isinstance(target, PlainModel):
            return target
        if target.rule == "model" and target.character.pk != chat.character_id:
            raise Invalid(
                f"That chat is with {chat.character.name}, not with {target.character.name}.",
                code="chat_mismatch",
                param="model",
            )
    return Somebody(chat.character, chat.scenario, "model")


def _request(
    inbound: Inbound,
    key: ApiKey,
    question: Question | None,
    ready: Ready | None,
    *,
    rule: str,
) -> Request:
    return Request(
        user=key.user,
        surface=Surface.API,
        api_key=key,
        sampling=inbound.sampling,
        idempotency_key=f"{key.uid}:{inbound.idempotency_key}" if inbound.idempotency_key else None,
        fingerprint=inbound.fingerprint,
        rule=rule,
        question=question,
        admission=inbound.admission,
        ready=ready,
    )


def _open_stored(
    inbound: Inbound, request: Request, target: Somebody, chat: Chat | None
) -> Opened | Existing:
    earlier = _by_idempotency_key(request)
    if earlier is not None and earlier.state != Turn.State.VOIDED:
        return Existing(turn=earlier, rule=target.rule)
    chat, is_new = _chat_for(inbound, request, target, chat)
    earlier = earlier or _by_retry(inbound, chat)
    if earlier is not None and earlier.state in (Turn.State.RUNNING, Turn.State.DONE):
        return Existing(turn=earlier, rule=target.rule)
    if earlier is not None:
        return _answer_again(request, chat, earlier)
    return _answer(inbound, request, target, chat, is_new=is_new)


def _by_idempotency_key(request: Request) -> Turn | None:
    """The turn this key began, or None. Raises Invalid if it began with another request."""
    if request.idempotency_key is None:
        return None
    turn = Turn.objects.filter(idempotency_key=request.idempotency_key).first()
    if turn is not None and turn.fingerprint != request.fingerprint:
        raise Invalid(
            "This Idempotency-Key was used for a different request. Use a new one.",
            code="idempotency_key_reused",
            param="Idempotency-Key",
        )
    return turn


def _by_retry(inbound: Inbound, chat: Chat) -> Turn | None:
    """For a client library that says it tries again: the last turn, if it was this request."""
    if inbound.retry_count < 1:
        return None
    turn = Turn.objects.filter(chat=chat).order_by("-uid").first()
    return turn if turn is not None and turn.fingerprint == inbound.fingerprint else None


def _answer_again(request: Request, chat: Chat, earlier: Turn) -> Opened:
    """An earlier try of this request failed: answer its message, without adding it twice."""
    Turn.objects.filter(uid=earlier.uid).update(idempotency_key=None)
    parent = Message.objects.filter(uid=earlier.parent_id, active=True).first()
    if parent is None:
        raise Conflict(
            "The message this retry belongs to was deleted meanwhile.", code="message_not_found"
        )
    return opening.open_again(request, chat, parent)


def _answer(
    inbound: Inbound, request: Request, target: Somebody, chat: Chat, *, is_new: bool
) -> Opened:
    """Align what the client sent with the chat and answer it."""
    voice, path = opening.voice_and_path(request.user, chat)
    path = exchanges.fill(inbound.lines, path)
    decided = _plan(inbound, path)
    if decided.outcome in ("branched", "new") and path and path[0].position > 0:
        path = exchanges.fill(inbound.lines, tree.path(chat.uid, chars=tree.ALL))
        decided = _plan(inbound, path)
    if decided.outcome == "new" and not is_new:
        chat = _start(request, target, lane_of(inbound, request, target), greet=False)
        path, is_new = [], True
    if is_new:
        decided = Plan("new", len(path) - 1, decided.add)
    return opening.open_planned(request, chat, voice, decided, path, decided.header)


def _plan(inbound: Inbound, path: list[tree.Node]) -> Plan:
    """What the client's list means here. A lone message needs no comparing."""
    if len(inbound.lines) == 1 and not inbound.lines[0].calls:
        return Plan("appended", len(path) - 1, tuple(inbound.lines))
    return plan(inbound.lines, [exchanges.line_of(node) for node in path])


def lane_of(inbound: Inbound, request: Request, target: Somebody) -> str:
    """The lane this request speaks in: one per key, character, scenario and client's lane."""
    key = request.api_key.uid if request.api_key else ""
    scenario = target.scenario.uid if target.scenario else "-"
    return f"{key}:{target.character.uid}:{scenario}:{inbound.lane[:LANE_CHARS]}"


def _chat_for(
    inbound: Inbound, request: Request, target: Somebody, chat: Chat | None
) -> tuple[Chat, bool]:
    """The chat to answer in, locked, and whether it was made for this request."""
    if chat is not None:
        return opening.locked(chat.uid), False
    lane_key = lane_of(inbound, request, target)
    if inbound.chat != "new":
        found = opening.locked_lane(lane_key, target.character)
        if found is not None:
            return found, False
    return _start(request, target, lane_key, greet=len(inbound.lines) == 1), True


def _start(request: Request, target: Somebody, lane_key: str, *, greet: bool) -> Chat:
    """A new chat that its lane points to from now on."""
    Chat.objects.filter(lane_key=lane_key).update(lane_key=None)
    return services.start_chat(
        user=request.user,
        character=target.character,
        scenario=target.scenario,
        api_key=request.api_key,
        lane_key=lane_key,
        surface=Surface.API,
        greet=greet,
    )


def _open_plain(inbound: Inbound, key: ApiKey, target: PlainModel) -> Opened:
    """A catalogue model answers what was sent, as it was sent.

    Raises Forbidden for a model above the person's plan, Invalid for what it cannot do.
    """
    gates.check(key.user_id, target.spec)
    abilities.check_pictures(target.spec, inbound.messages)
    inbound = _within(inbound, target.spec)
    abilities.check(target.spec, inbound.sampling)
    counter = default_counter()
    tokens = sum(counter.count(message.content) + 4 for message in inbound.messages) + 3
    return _open_unstored(inbound, key, target.spec, inbound.messages, tokens, rule="model")


def _within(inbound: Inbound, spec: ModelSpec) -> Inbound:
    """The request without what the model does not honour, where its protocol allows that."""
    if not inbound.is_lenient:
        return inbound
    return replace(inbound, sampling=abilities.without_beyond(spec, inbound.sampling))


def _open_traceless(inbound: Inbound, key: ApiKey, target: Somebody) -> Opened:
    """The character answers from the client's own messages; nothing is kept but usage."""
    chat = Chat(uid="", user=key.user, character=target.character, scenario=target.scenario)
    preference, spec, fallback = voice_of(key.user, target.character)
    inbound = _within(inbound, spec)
    path = [
        tree.Node(line.role, line.content, position=i, tool_calls=exchanges.stored(line.calls))
        for i, line in enumerate(inbound.lines)
    ]
    asking = ask(
        context.Moment(
            chat=chat,
            user=key.user,
            preference=preference,
            spec=spec,
            path=path,
            kind=Turn.Kind.REPLY,
            reply_uid="",
            reply_tokens=opening.reply_tokens(spec, inbound.sampling),
            now=timezone.now(),
        ),
        inbound.sampling,
    )
    extra: dict[str, Any] = {
        "character_uid": target.character.uid,
        "character_name": target.character.name,
        "fallback": fallback,
    }
    return _open_unstored(
        inbound,
        key,
        spec,
        asking.generation.messages,
        asking.tokens,
        rule=target.rule,
        **extra,
    )


def _open_unstored(
    inbound: Inbound,
    key: ApiKey,
    spec: ModelSpec,
    messages: tuple[ChatMessage, ...],
    tokens: int,
    **extra: Any,
) -> Opened:
    inbound.admission.begin(key.user, free=spec.free)
    limit = opening.reply_tokens(spec, inbound.sampling)
    sampling = context.sampling_for(inbound.sampling, None, max_tokens=limit)
    opened = Opened(
        uid=new_uid(),
        user_id=key.user_id,
        surface=Surface.API,
        spec=spec,
        generation=GenerationRequest(
            model=spec.upstream_name, messages=messages, sampling=sampling
        ),
        prompt_tokens=tokens,
        api_key_uid=key.uid,
        **extra,
    )
    ledger.reserve(
        user_id=key.user_id,
        key=opened.hold_key,
        amount_micro=opening.hold_for(spec, tokens, limit),
        seconds=settings.TURN_LEASE_SECONDS * 20,
        by=for_key(key),
    )
    return opened
