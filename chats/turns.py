"""THE use case: somebody says something, a character replies.

    open (one hop) -> engine.run -> events to the caller and the chat's watchers -> close (one hop)

`start` is for pages, `receive` for the wire protocols. The turn then runs by itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from django.conf import settings

from accounts.models import User
from billing.limits.admission import Admission
from chats import ending, following, live, queries, questioning, recovery
from chats.headstart import HeadStart
from chats.inbound import Inbound, asked_inbound, open_inbound
from chats.models import Chat, Turn
from chats.opening import Busy, open_in_chat
from chats.positions import Position
from chats.questioning import Asked
from chats.running import Driver, drivers
from chats.services import checked_content
from chats.values import Existing, Opened, Ready, Request
from chats.voices import Fallback
from core.errors import Unauthenticated
from core.hop import hop, whole_hop
from engine.events import Batch
from engine.types import Sampling
from llm import registry
from memory.vectors import Question

RETRY_GRACE_SECONDS: Final = 2.5
_WAIT_STEP_SECONDS: Final = 0.15

_drain_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """A turn asked for on a page. `kind` is reply, regenerate or continue."""

    user_id: int
    chat_uid: str
    kind: str = Turn.Kind.REPLY
    content: str = ""
    message_uid: str = ""
    idempotency_key: str = ""
    surface: str = "web"
    sampling: Sampling = field(default_factory=Sampling)
    admission: Admission = field(default_factory=Admission, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A turn under way, or found again: its ids, who replies, and its events."""

    uid: str
    chat_uid: str
    reply_uid: str
    user_message_uid: str
    model: str
    created: int
    kind: str = Turn.Kind.REPLY
    rule: str = ""
    sync: str = ""
    prompt_tokens: int = 0
    fallback: Fallback | None = None

    def events(self, after: Position | None = None) -> AsyncIterator[Batch]:
        """What the turn produces, from the start or from `after`, to its end."""
        here = live.running.get(self.uid)
        return here.events(after) if here is not None else following.follow(self.uid, after)


async def start(request: TurnRequest) -> Begun:
    """Begin a turn from a page. Raises the errors of `core.errors`; then nothing has changed."""
    if request.kind == Turn.Kind.REPLY:
        checked_content(request.content)
    async with _seated(request.admission):
        question = await questioning.ask(partial(_asked_on_page, request))
        opener = partial(_open_on_page, request, question)
        return await _begin(opener, request.admission, abandonable=None)


async def receive(inbound: Inbound, *, detach: bool = False, streaming: bool = True) -> Begun:
    """Begin a turn that came over the wire.

    When its client hangs up, the upstream call is cancelled, unless `detach`. A client that
    waits for the whole reply may be about to try again, so it gets a moment to come back.
    """
    grace = None if detach else 0.0 if streaming else RETRY_GRACE_SECONDS
    async with _seated(inbound.admission):
        question = await questioning.ask(partial(asked_inbound, inbound))
        opener = partial(open_inbound, inbound, question)
        return await _begin(opener, inbound.admission, abandonable=grace)


@asynccontextmanager
async def _seated(admission: Admission) -> AsyncIterator[None]:
    """Give back the seat of a turn that could not begin."""
    try:
        yield
    except BaseException:
        if admission.has_seat:
            await hop(admission.release)
        raise


async def _begin(
    opener: Callable[[Ready], Opened | Existing], admission: Admission, *, abandonable: float | None
) -> Begun:
    if is_draining():
        raise following.unavailable()
    following.ensure_listening()
    # What a process knows of the models may be as old as this when its opening begins.
    since = time.monotonic() - registry.FRESH_SECONDS
    opened: list[Opened | Existing] = []
    head = HeadStart()
    try:
        await _open_when_free(lambda: opened.append(opener(head.ready)))
    except asyncio.CancelledError:
        # Whoever asked left while it was being opened: it ends as if they left a moment later.
        for left in opened:
            if isinstance(left, Opened):
                driver = _drive(head.take(left), admission, since, abandonable)
                if abandonable is not None:
                    _abandon(driver, abandonable)
        raise
    finally:
        if not any(isinstance(found, Opened) for found in opened):
            head.drop()
    found = opened[0]
    if isinstance(found, Existing):
        if admission.has_seat:
            await hop(admission.release)
        return _begun_before(found)
    _drive(head.take(found), admission, since, abandonable)
    return Begun(
        uid=found.uid,
        chat_uid=found.chat_uid,
        reply_uid=found.reply_uid,
        user_message_uid=found.user_message_uid,
        model=found.spec.slug,
        created=found.created,
        kind=found.kind,
        rule=found.rule,
        sync=found.sync,
        prompt_tokens=found.prompt_tokens,
        fallback=found.fallback,
    )


def _drive(driver: Driver, admission: Admission, since: float, abandonable: float | None) -> Driver:
    """Start a turn, unless an order came since then that ends it."""
    if abandonable is not None:
        driver.turn.on_abandoned = partial(_abandon, driver, abandonable)
    driver.start(admission.handed_over())
    ending.catch_up(driver, since)
    return driver


async def _open_when_free(opener: Callable[[], None]) -> None:
    """Open the turn, waiting a while for another one in the same chat. Raises Busy after that."""
    deadline = time.monotonic() + settings.TURN_WAIT_SECONDS
    while True:
        try:
            return await whole_hop(opener)
        except Busy:
            if time.monotonic() >= deadline or is_draining():
                raise
        await asyncio.sleep(_WAIT_STEP_SECONDS)


def _may_speak(request: TurnRequest) -> tuple[User, Chat]:
    """The person who asks and their chat, if that is what they are."""
    found = User.objects.select_related("account__plan").filter(pk=request.user_id)
    user = found.filter(is_active=True).first()
    if user is None:
        raise Unauthenticated("Please sign in.", code="not_signed_in")
    chat = queries.get_chat(user, request.chat_uid)
    request.admission.enter(user, for_turn=not request.idempotency_key)
    return user, chat


def _asked_on_page(request: TurnRequest) -> Asked | None:
    """What is asked: the new message, or the one that the reply in question answers."""
    user, chat = _may_speak(request)
    text = request.content or queries.answered_by(chat, request.message_uid)
    return Asked(user.pk, text, request.surface)


def _open_on_page(
    request: TurnRequest, question: Question | None = None, ready: Ready | None = None
) -> Opened | Existing:
    user, _ = _may_speak(request)
    key = f"web:{user.pk}:{request.idempotency_key}" if request.idempotency_key else None
    if key is not None:
        turn = Turn.objects.filter(idempotency_key=key).first()
        if turn is not None and turn.state != Turn.State.VOIDED:
            return Existing(turn=turn)
        if turn is not None:
            request = _again(request, turn)
    return open_in_chat(
        Request(
            user=user,
            surface=request.surface,
            kind=request.kind,
            sampling=request.sampling,
            idempotency_key=key,
            question=question,
            admission=request.admission,
            ready=ready,
        ),
        request.chat_uid,
        checked_content(request.content) if request.kind == Turn.Kind.REPLY else "",
        request.message_uid,
    )


def _again(request: TurnRequest, failed: Turn) -> TurnRequest:
    """The same message sent again after nothing came of it: answer it, do not add it twice."""
    Turn.objects.filter(uid=failed.uid).update(idempotency_key=None)
    return replace(
        request, kind=Turn.Kind.REGENERATE, content="", message_uid=failed.parent_id or ""
    )


def _begun_before(found: Existing) -> Begun:
    turn = found.turn
    return Begun(
        uid=turn.uid,
        chat_uid=turn.chat_id,
        reply_uid=turn.reply,
        user_message_uid=turn.parent_id or "",
        model=turn.model,
        created=int(turn.created_at.timestamp()),
        kind=turn.kind,
        rule=found.rule,
        sync=turn.sync,
        prompt_tokens=turn.prompt_tokens,
        fallback=Fallback.of(turn.manifest),
    )


def _abandon(driver: Driver, grace_seconds: float) -> None:
    """The last listener left. Stop, unless somebody attaches within the grace."""

    def stop_if_alone() -> None:
        if not driver.turn.is_watched:
            driver.stop("client_gone")

    if grace_seconds:
        asyncio.get_running_loop().call_later(grace_seconds, stop_if_alone)
    else:
        stop_if_alone()


async def stop(*, user_id: int, chat_uid: str) -> bool:
    """Stop the reply that is being written in a chat of this user. Its text so far is kept.

    Returns whether there was one.
    """
    turn = await hop(_running_turn, user_id, chat_uid)
    if turn is None:
        return False
    driver = drivers.get(turn.uid)
    if driver is not None:
        driver.stop("stopped")
    else:
        await following.order(turn.node, turn.uid, "stop")
    return True


def _running_turn(user_id: int, chat_uid: str) -> Turn | None:
    return (
        Turn.objects.filter(chat_id=chat_uid, user_id=user_id, state=Turn.State.RUNNING)
        .only("uid", "node")
        .first()
    )


async def snapshot(chat_uid: str) -> dict[str, Any] | None:
    """The turn that runs in a chat with its text so far, or None.

    For a turn of another process the text is as of its last heartbeat; a `snapshot` event with
    all of it follows on the chat's group.
    """
    for driver in drivers.values():
        if driver.opened.chat_uid == chat_uid:
            return following.snapshot_event(driver)
    turn = await hop(_turn_of_chat, chat_uid)
    if turn is None:
        return None
    await following.order(turn.node, turn.uid, "tell")
    return {
        "event": "snapshot",
        "turn": turn.uid,
        "message": turn.reply,
        "user_message": turn.parent_id or "",
        "kind": turn.kind,
        "model": turn.model,
        "text": turn.partial,
        "reasoning": "",
    }


def _turn_of_chat(chat_uid: str) -> Turn | None:
    chat = Chat.objects.filter(uid=chat_uid).exclude(turn="").only("turn").first()
    if chat is None:
        return None
    return Turn.objects.filter(uid=chat.turn, state=Turn.State.RUNNING).defer("manifest").first()


async def drain(seconds: float) -> None:
    """Take no more turns; let the running ones finish, then stop the rest, keeping their text.

    The time runs from the first call, so that every part of a shutdown may ask for it.
    """
    global _drain_until  # noqa: PLW0603 - a process drains once
    if _drain_until is None:
        _drain_until = time.monotonic() + seconds
    while drivers and time.monotonic() < _drain_until:
        await asyncio.wait(_tasks(), timeout=_drain_until - time.monotonic())
    tasks = _tasks()
    for driver in list(drivers.values()):
        driver.stop("shutdown")
    if tasks:
        await asyncio.wait(tasks, timeout=2)


def _tasks() -> list[asyncio.Task[None]]:
    return [driver.task for driver in drivers.values() if driver.task is not None]


def is_draining() -> bool:
    return _drain_until is not None


recover_all = recovery.recover_all
