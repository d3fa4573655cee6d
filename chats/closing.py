"""The second of a turn's two database hops: save the reply, settle, release the chat."""

from typing import Any

from django.db.models import F
from django.utils import timezone

from billing import ledger
from billing.ledger import Metered, Settlement
from chats import embedding, exchanges, memorising, recording, remembering, shown, tree
from chats.models import Chat, Message, Revision, Turn
from chats.services import line_of
from chats.values import Closed, Opened, Outcome
from core.prepared import Update
from core.transactions import whole
from core.trips import Write, write_later
from engine.tokens import default_counter

_FREE: dict[str, Any] = {"turn": "", "lease_expires_at": None, "version": F("version") + 1}
_release = Update(
    lambda chat, turn: (Chat.objects.filter(uid=chat, turn=turn), _FREE), chat=str, turn=str
)
_release_with_line = Update(
    lambda chat, turn, line: (
        Chat.objects.filter(uid=chat, turn=turn),
        {**_FREE, "last_line": line},
    ),
    chat=str,
    turn=str,
    line=str,
)
_end_turn = Update(
    lambda uid, **fields: (
        Turn.objects.filter(uid=uid, state=Turn.State.RUNNING),
        {**fields, "partial": "", "changes": None},
    ),
    uid=str,
    state=str,
    finish_reason=str,
    error_code=str,
    error_message=str,
    prompt_tokens=int,
    completion_tokens=int,
    estimated=bool,
    amount_micro=int,
    first_token_ms=int,
    duration_ms=int,
)


def close_turn(opened: Opened, outcome: Outcome) -> Closed:
    """End a turn in one transaction. Doing it twice changes nothing the second time."""
    with whole(savepoint=False):
        amount, charged = _settle(opened, outcome)
        is_ended = bool(opened.chat_uid) and _finish_row(opened, outcome, amount)
        has_reply = bool(outcome.text or outcome.tool_calls)
        added = _save_and_release(opened, outcome, has_reply=has_reply) if is_ended else None
        write_later(*charged)
    if not opened.chat_uid:
        return Closed(message_uid="", amount_micro=amount, version=0)
    if not is_ended:
        return Closed(message_uid="", amount_micro=0, version=opened.version)
    version = opened.version + 1
    if added is not None:
        shown.keep(opened.chat_uid, version, [*opened.path, added])
    return Closed(
        message_uid=opened.reply_uid if has_reply else "",
        amount_micro=amount,
        version=version,
    )


def _settle(opened: Opened, outcome: Outcome) -> Settlement:
    """Charge what was produced; nothing if nothing was."""
    is_void = outcome.state == Turn.State.VOIDED
    if is_void or not (outcome.text or outcome.reasoning or outcome.completion_tokens):
        ledger.void(key=opened.hold_key)
        return Settlement(0)
    return ledger.settlement(
        key=opened.hold_key,
        user_id=opened.user_id,
        usage=Metered(
            model=opened.spec.slug,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            cached_tokens=outcome.cached_tokens,
            estimated=outcome.estimated,
            input_multiplier_micro=opened.spec.input_multiplier_micro,
            output_multiplier_micro=opened.spec.output_multiplier_micro,
            surface=str(opened.surface),
            api_key=opened.api_key_uid,
            character=opened.character_uid,
        ),
    )


def _finish_row(opened: Opened, outcome: Outcome, amount: int) -> bool:
    """Write the end of the turn, unless it has ended already."""
    changed = _end_turn(
        uid=opened.uid,
        state=str(outcome.state),
        finish_reason=outcome.finish_reason,
        error_code=outcome.error_code[:60],
        error_message=outcome.error_message[:500],
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        estimated=outcome.estimated,
        amount_micro=amount,
        first_token_ms=outcome.first_token_ms,
        duration_ms=outcome.duration_ms,
    )
    return bool(changed)


def _save_and_release(opened: Opened, outcome: Outcome, *, has_reply: bool) -> tree.Node | None:
    """Returns the message that was added, if the reply is one of its own."""
    is_new = has_reply and opened.kind != Turn.Kind.CONTINUE
    added = _node(opened, outcome) if is_new else None
    reply = [_reply(opened, outcome, added)] if added is not None else []
    is_saved = is_new or (has_reply and _extend(opened, outcome))
    chat, turn = opened.chat_uid, opened.uid
    if is_saved and outcome.text:
        release = _release_with_line.bind(chat=chat, turn=turn, line=line_of(outcome.text))
    else:
        release = _release.bind(chat=chat, turn=turn)
    write_later(*reply, release)
    if is_saved:
        recording.record(opened, outcome)
    if is_saved and outcome.text:
        memorising.after_turn(opened)
        embedding.embed_later(opened.chat_uid, opened.user_id)
    return added


def _reply(opened: Opened, outcome: Outcome, said: tree.Node) -> Write:
    """The reply in its place. If what it answers was deleted meanwhile, it goes with it."""
    if opened.has_versions:
        tree.clear(opened.chat_uid, opened.place)
        remembering.path_changed(opened.chat_uid, opened.place.position)
    return tree.added(
        opened.place,
        uid=said.uid,
        chat_id=opened.chat_uid,
        role=said.role,
        speaker=opened.character_name,
        content=said.content,
        reasoning=outcome.reasoning,
        status=_status(outcome),
        finish_reason=outcome.finish_reason,
        model=opened.spec.slug,
        surface=str(opened.surface),
        turn=opened.uid,
        state=said.state,
        tool_calls=said.tool_calls,
    )


def _node(opened: Opened, outcome: Outcome) -> tree.Node:
    """The reply as the path will show it."""
    return tree.Node(
        str(Message.Role.ASSISTANT),
        outcome.text,
        opened.reply_uid,
        position=opened.place.position,
        tokens=default_counter().count(outcome.text),
        state=opened.state,
        tool_calls=exchanges.stored(outcome.tool_calls),
    )


def _extend(opened: Opened, outcome: Outcome) -> bool:
    reply = Message.objects.filter(uid=opened.reply_uid).first()
    if reply is None:
        return False
    Revision.objects.create(message=reply, content=reply.content)
    Message.objects.filter(uid=reply.uid).update(
        content=reply.content + outcome.text,
        status=_status(outcome),
        finish_reason=outcome.finish_reason,
        state=opened.state,
        edited_at=timezone.now(),
    )
    remembering.message_rewritten(reply, grew=True)
    return True


def _status(outcome: Outcome) -> str:
    done = outcome.state == Turn.State.DONE
    return str(Message.Status.COMPLETE if done else Message.Status.PARTIAL)
