"""The first of a turn's two database hops: everything up to the call of the model.

One transaction leases the chat, brings it in line with what the client sent, appends the
user's message, reads the context, assembles the prompt and reserves the credits. If any of it
fails, nothing has happened.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from billing import ledger
from billing.limits.terms import for_key
from billing.pricing import price
from characters.models import Character
from characters.queries import IDENTITY
from chats import context, exchanges, recovery, remembering, shown, tree
from chats.asking import Asking, ask
from chats.models import Chat, Message, Turn
from chats.node import NODE
from chats.sync import Line, Plan
from chats.values import Opened, Request
from chats.voices import Voice, pick, preference_row, voice_of
from core.errors import Conflict, InsufficientCredits, Invalid, NotFound
from core.ids import new_uid
from core.prepared import Insert, Select, Update
from core.transactions import whole
from core.trips import Write, read_together
from engine.tokens import default_counter
from engine.types import Sampling
from llm.registry import ModelSpec

PROMPT_MARGIN_PERCENT = 25
_LEFT_OUT = (
    *("title", "draft", "last_line", "forked_from", "created_at"),
    *("scenario__title", "scenario__greeting", "scenario__created_at", "notebook__created_at"),
)
_TEXTS = tuple(
    f"character__{field.name}" for field in Character._meta.fields if field.attname not in IDENTITY
)
"""Of a character: what it says and is comes from `characters.spoken`."""


class Busy(Conflict):
    """Somebody else's turn runs in this chat."""

    code = "conversation_busy"


def busy() -> Busy:
    return Busy(
        "This conversation is answering another message. Try again when it is done.",
        retry_after=2,
    )


@contextmanager
def losers_wait() -> Iterator[None]:
    """Raise Busy for what the database refuses because another opening was first.

    Two may want one lane, one Idempotency-Key or the last credits at the same moment: the next
    look of who lost finds what the other one made.
    """
    try:
        yield
    except IntegrityError as error:
        raise busy() from error


def _is_leased(chat: Chat, now: datetime) -> bool:
    return bool(chat.turn) and chat.lease_expires_at is not None and chat.lease_expires_at > now


def _check_free(chat: Chat, now: datetime) -> None:
    """Raise Busy while somebody has the lease of this chat, which is locked."""
    if _is_leased(chat, now):
        raise busy()


def _take(chat: Chat, turn_uid: str, now: datetime) -> Write:
    """Take the lease of a chat that is locked and free: nobody else can meanwhile."""
    chat.version += 1
    until = now + timedelta(seconds=settings.TURN_LEASE_SECONDS)
    return _take_lease.bind(chat=chat.uid, turn=turn_uid, now=now, until=until)


def open_planned(
    request: Request, chat: Chat, voice: Voice, plan: Plan, path: list[tree.Node], sync: str
) -> Opened:
    """Begin a turn that answers what `plan` adds to the shown path. Runs inside a transaction."""
    now = timezone.now()
    turn_uid = new_uid()
    _check_free(chat, now)
    kept = path[: plan.anchor + 1]
    if plan.trash_from is not None:
        tree.trash(path[plan.trash_from].uid, at=now)
    moved = _off_the_end(plan, path)
    added, writes = _append(chat, request, plan.add, kept, moved=moved, turn_uid=turn_uid)
    if moved or plan.trash_from is not None:
        remembering.path_changed(chat.uid, path[plan.anchor + 1].position)
        chat.refresh_from_db(fields=["path_version", "notebook"])
    return _begin(
        request,
        chat,
        voice,
        turn_uid,
        path=kept + added,
        writes=writes,
        has_versions=len(path) > len(kept) and not plan.add,
        user_message_uid=added[-1].uid if added else "",
        sync=sync,
        now=now,
    )


def _off_the_end(plan: Plan, path: list[tree.Node]) -> bool:
    """Whether messages are added where others are or were."""
    return bool(plan.add) and plan.anchor + 1 < len(path)


def _append(
    chat: Chat,
    request: Request,
    lines: tuple[Line, ...],
    kept: list[tree.Node],
    *,
    moved: bool,
    turn_uid: str,
) -> tuple[list[tree.Node], list[Write]]:
    """The client's lines below the kept path, and how to add them. The last will be answered."""
    added: list[tree.Node] = []
    writes: list[Write] = []
    for line in lines:
        place = tree.below(added[-1] if added else kept[-1] if kept else None)
        if moved and not added:
            tree.clear(chat.uid, place)
        uid = new_uid()
        write = tree.added(
            place,
            uid=uid,
            chat_id=chat.uid,
            role=line.role,
            speaker=request.user.name if line.role == "user" else chat.character.name,
            content=line.content,
            tool_calls=(calls := exchanges.stored(line.calls)),
            surface=str(request.surface),
            turn=turn_uid if line.role == "user" else "",
        )
        writes.append(write)
        node = tree.Node(
            line.role,
            line.content,
            uid,
            position=place.position,
            tokens=default_counter().count(line.content),
            tool_calls=calls,
        )
        added.append(node)
    return added, writes


def open_again(request: Request, chat: Chat, parent: Message | None) -> Opened:
    """Begin a turn that gives another version of the reply below `parent`."""
    now = timezone.now()
    turn_uid = new_uid()
    _check_free(chat, now)
    voice = voice_of(request.user, chat.character)
    path = tree.path(chat.uid, chars=voice.chars, up_to=parent.position) if parent else []
    return _begin(
        request,
        chat,
        voice,
        turn_uid,
        path=path,
        has_versions=True,
        user_message_uid="",
        sync="",
        now=now,
    )


def open_continue(request: Request, chat: Chat, reply: Message) -> Opened:
    """Begin a turn that goes on with `reply` where it stopped."""
    now = timezone.now()
    turn_uid = new_uid()
    _check_free(chat, now)
    voice = voice_of(request.user, chat.character)
    path = tree.path(chat.uid, chars=voice.chars, up_to=reply.position - 1)
    return _begin(
        request,
        chat,
        voice,
        turn_uid,
        path=path,
        has_versions=False,
        user_message_uid="",
        sync="",
        now=now,
        continued=reply,
    )


def _begin(
    request: Request,
    chat: Chat,
    voice: Voice,
    turn_uid: str,
    *,
    path: list[tree.Node],
    has_versions: bool,
    user_message_uid: str,
    sync: str,
    now: datetime,
    continued: Message | None = None,
    writes: Sequence[Write] = (),
) -> Opened:
    """Assemble and reserve, then take the lease, make the `writes` and write the turn's row.

    All reads come before the first write: see `core.readahead`.
    """
    request.admission.begin(request.user, free=voice.spec.free)
    path = tree.counted(path)
    remembering.give_notebook(chat)
    is_again = has_versions or continued is not None
    moment = _moment(request, chat, voice, path, now=now, is_again=is_again, continued=continued)
    asking = ask(moment, request.sampling)
    taken = (_take(chat, turn_uid, now), *writes)
    key = request.api_key
    opened = Opened(
        uid=turn_uid,
        user_id=request.user.pk,
        surface=request.surface,
        spec=voice.spec,
        generation=asking.generation,
        prompt_tokens=asking.tokens,
        api_key_uid=key.uid if key else "",
        api_key_name=key.name if key else "",
        character_uid=chat.character.uid,
        character_name=chat.character.name,
        chat_uid=chat.uid,
        kind=request.kind,
        path=path,
        place=tree.below(path[-1] if path else None),
        reply_uid=moment.reply_uid,
        state=asking.composed.state.after_path(path),
        offer=asking.offer,
        answers=asking.answers,
        summarise_to=asking.composed.summarise_to,
        user_message_uid=user_message_uid,
        has_versions=has_versions,
        rule=request.rule,
        sync=sync,
        version=chat.version,
        fallback=voice.fallback,
    )
    opened = _reserve(request, moment, asking, opened, taken)
    if request.ready is not None:
        request.ready(opened)
    return opened


def _moment(
    request: Request,
    chat: Chat,
    voice: Voice,
    path: list[tree.Node],
    *,
    now: datetime,
    is_again: bool,
    continued: Message | None,
) -> context.Moment:
    return context.Moment(
        chat,
        request.user,
        voice.preference,
        voice.spec,
        path,
        request.kind,
        continued.uid if continued else new_uid(),
        reply_tokens(voice.spec, request.sampling),
        now,
        prefill=continued.content if continued else "",
        is_again=is_again,
        meaning=request.question,
    )


def _reserve(
    request: Request,
    moment: context.Moment,
    asking: Asking,
    opened: Opened,
    taken: tuple[Write, ...],
) -> Opened:
    """Set credits aside for all that may be sent; without our tools if that is too much.

    The lease and the messages, `taken`, are written along with the hold.
    """
    try:
        _hold(request, moment, asking, opened, taken)
    except InsufficientCredits:
        if asking.offer is None:
            raise
        asking = asking.without_memory(request.sampling)
        opened = replace(opened, generation=asking.generation, offer=None)
        _hold(request, moment, asking, opened, taken)
    return opened


def _hold(
    request: Request,
    moment: context.Moment,
    asking: Asking,
    opened: Opened,
    taken: tuple[Write, ...],
) -> None:
    replies = min(asking.requests, 2)
    ledger.reserve(
        user_id=request.user.pk,
        key=opened.hold_key,
        amount_micro=hold_for(
            moment.spec, asking.tokens * asking.requests, moment.reply_tokens * replies
        ),
        seconds=settings.TURN_LEASE_SECONDS * 10,
        by=for_key(request.api_key),
        seen=getattr(request.user, "account", None),
        also=(*taken, _row(request, opened, asking.composed.manifest, moment.now)),
    )


def _row(request: Request, opened: Opened, manifest: dict[str, Any], now: datetime) -> Write:
    """The turn as a row: what a sweeper needs to end it if this process dies."""
    spec = opened.spec
    manifest = {**manifest, "price": [spec.input_multiplier_micro, spec.output_multiplier_micro]}
    if opened.fallback is not None:
        manifest = {**manifest, "fallback": opened.fallback.to_json()}
    return _insert_turn.bind(
        uid=opened.uid,
        chat_id=opened.chat_uid,
        user_id=opened.user_id,
        api_key_id=opened.api_key_uid or None,
        surface=str(opened.surface),
        kind=str(opened.kind),
        parent_id=opened.place.parent,
        reply=opened.reply_uid,
        idempotency_key=request.idempotency_key,
        fingerprint=request.fingerprint,
        model=opened.spec.slug,
        node=NODE,
        lease_expires_at=now + timedelta(seconds=settings.TURN_LEASE_SECONDS),
        sync=opened.sync,
        prompt_tokens=opened.prompt_tokens,
        manifest=manifest,
    )


_take_lease = Update(
    lambda chat, turn, now, until: (
        Chat.objects.filter(uid=chat),
        {"turn": turn, "lease_expires_at": until, "version": F("version") + 1, "active_at": now},
    ),
    chat=str,
    turn=str,
    now=datetime,
    until=datetime,
)
_insert_turn = Insert(Turn)


def voice_and_path(user: User, chat: Chat) -> tuple[Voice, list[tree.Node]]:
    """Who speaks, and as much of the shown path as fills their window."""
    kept = shown.of(chat)
    if kept is not None:
        voice = voice_of(user, chat.character)
        return voice, kept.end(voice.chars) or tree.path(chat.uid, chars=voice.chars)
    preferences, newest = read_together(
        preference_row.bind(user=user.pk, character=chat.character.pk), tree.newest(chat.uid)
    )
    voice = pick(user.pk, preferences[0] if preferences else None)
    return voice, tree.path_from(newest, chat.uid, chars=voice.chars)


def reply_tokens(spec: ModelSpec, sampling: Sampling) -> int:
    """Tokens kept free for the reply: what was asked for, within what the model has."""
    return min(sampling.max_tokens or spec.reply_tokens, most_reply_tokens(spec))


def most_reply_tokens(spec: ModelSpec) -> int:
    """The longest reply that may be asked for."""
    return max(16, spec.context_tokens // 2)


def hold_for(spec: ModelSpec, prompt_tokens: int, reply_tokens: int) -> int:
    """Micro-credits to set aside. The margin covers tokenizers that count more than ours."""
    return price(
        prompt_tokens + prompt_tokens * PROMPT_MARGIN_PERCENT // 100,
        reply_tokens,
        input_multiplier_micro=spec.input_multiplier_micro,
        output_multiplier_micro=spec.output_multiplier_micro,
    )


def _chats(*joined: str) -> "QuerySet[Chat]":
    """Chats with what a turn needs of them, to be locked."""
    rows = Chat.objects.select_for_update(of=("self",))
    return rows.select_related("scenario", "notebook", *joined).defer(*_LEFT_OUT)


_by_uid: Select[Chat] = Select(
    lambda uid: _chats("character").defer(*_LEFT_OUT, *_TEXTS).filter(uid=uid), uid=str
)
_by_lane: Select[Chat] = Select(
    lambda lane: _chats().filter(lane_key=lane, trashed_at=None), lane=str
)


def locked(chat_uid: str) -> Chat:
    """The chat's row, locked, with what a prompt needs. Call inside a transaction.

    Raises NotFound. A turn whose lease ran out has been ended.
    """
    chat = _by_uid.first(uid=chat_uid)
    if chat is None:
        raise NotFound("There is no such chat.", code="chat_not_found")
    return _freed(chat)


def locked_lane(lane_key: str, character: Character) -> Chat | None:
    """The chat with this character that a lane points to, locked, or None."""
    chat = _by_lane.first(lane=lane_key)
    if chat is not None:
        chat.character = character
        chat = _freed(chat)
    return chat


def _freed(chat: Chat) -> Chat:
    """The chat with what a turn left whose lease ran out; Busy while that is being ended."""
    if not chat.turn or _is_leased(chat, timezone.now()):
        return chat
    if not recovery.is_free(chat):
        raise busy()
    return _by_uid.first(uid=chat.uid) or chat


def open_in_chat(request: Request, chat_uid: str, content: str, message_uid: str = "") -> Opened:
    """Begin a turn from a page: a new message, another version of a reply, or its continuation."""
    with losers_wait(), whole():
        chat = locked(chat_uid)
        if request.kind == Turn.Kind.REPLY:
            voice, path = voice_and_path(request.user, chat)
            plan = Plan("appended", len(path) - 1, (Line("user", content),))
            return open_planned(request, chat, voice, plan, path, "")
        reply = _target(chat, message_uid)
        if request.kind == Turn.Kind.CONTINUE:
            if reply.role != Message.Role.ASSISTANT or reply.tool_calls:
                raise Invalid("Only a reply can be continued.", code="nothing_to_continue")
            return open_continue(request, chat, reply)
        parent = reply if reply.role == Message.Role.USER else reply.parent
        if parent is None:
            raise Invalid(
                "A greeting has other versions, but none can be written.", code="no_user_message"
            )
        return open_again(request, chat, parent)


def _target(chat: Chat, message_uid: str) -> Message:
    """The message a regenerate or continue is about: the one named, else the last shown."""
    shown = Message.objects.filter(chat=chat, active=True).select_related("parent")
    found = (
        shown.filter(uid=message_uid).first()
        if message_uid
        else shown.order_by("-position").first()
    )
    if found is None:
        raise Invalid("There is no such reply in this chat.", code="message_not_found")
    return found
