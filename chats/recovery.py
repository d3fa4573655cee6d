"""Finishing what a dead process left: turns without a reply, holds without an end."""

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from billing import ledger
from billing.ledger import Metered
from chats import recording, remembering, tree
from chats.models import Chat, Message, Turn
from core import metrics
from engine.tokens import default_counter
from llm.models import Model
from memory.changes import Place, from_pending

log = structlog.get_logger(__name__)


def recover(turn_uid: str, *, waits: bool = True) -> bool:
    """End a turn whose process is gone: keep its partial text, charge for it, free the chat.

    Returns whether there was anything to do. Safe to call twice and from several processes.
    Whoever has locked the chat must not wait for one who is ending the turn and needs the chat.
    """
    with transaction.atomic():
        turn = (
            Turn.objects.select_for_update(of=("self",), skip_locked=not waits)
            .select_related("chat__character")
            .filter(uid=turn_uid, state=Turn.State.RUNNING)
            .first()
        )
        if turn is None:
            return False
        _end(turn)
        Chat.objects.filter(uid=turn.chat_id, turn=turn.uid).update(
            turn="", lease_expires_at=None, version=F("version") + 1
        )
    metrics.turn_recovered()
    log.info("turn_recovered", turn=turn.uid, state=turn.state)
    return True


def is_free(chat: Chat) -> bool:
    """Whether nobody writes a reply in a locked chat. A turn whose lease ran out is ended first:
    what it wrote so far takes its place, and what it writes from now on is not kept."""
    if not chat.turn or chat.lease_expires_at is None:
        return True
    if chat.lease_expires_at > timezone.now():
        return False
    recover(chat.turn, waits=False)
    return not Turn.objects.filter(uid=chat.turn, state=Turn.State.RUNNING).exists()


def _end(turn: Turn) -> None:
    key = f"turn:{turn.uid}"
    text, changes = turn.partial, turn.changes
    turn.partial, turn.changes = "", None
    turn.error_code = "interrupted"
    turn.error_message = "The server stopped while this reply was being written."
    if not text:
        ledger.void(key=key)
        turn.state = Turn.State.VOIDED
        turn.save()
        return
    turn.state = Turn.State.PARTIAL
    turn.completion_tokens = default_counter().count(text)
    turn.estimated = True
    turn.amount_micro = ledger.settle(key=key, user_id=turn.user_id, usage=_metered(turn))
    turn.save()
    _keep_text(turn, text)
    if changes and Message.objects.filter(uid=turn.reply).exists():
        place = Place(turn.chat_id, turn.reply, (turn.parent_id or "", turn.reply))
        recording.remember(turn.uid, from_pending(changes), place)


def _metered(turn: Turn) -> Metered:
    input_micro, output_micro = _price(turn)
    return Metered(
        model=turn.model,
        prompt_tokens=turn.prompt_tokens,
        completion_tokens=turn.completion_tokens,
        cached_tokens=0,
        estimated=True,
        input_multiplier_micro=input_micro,
        output_multiplier_micro=output_micro,
        surface=turn.surface,
        api_key=turn.api_key_id or "",
        character=turn.chat.character.uid,
    )


def _price(turn: Turn) -> tuple[int, int]:
    """The multipliers at the opening. Today's only for a turn whose manifest is gone: messages
    were deleted for good while it ran, or it is older than this record."""
    price = (turn.manifest or {}).get("price")
    if price:
        return price[0], price[1]
    spec = Model.objects.filter(slug=turn.model).first()
    return (spec.input_multiplier_micro, spec.output_multiplier_micro) if spec else (0, 0)


def _keep_text(turn: Turn, text: str) -> None:
    """Save what was written so far as a reply marked partial.

    What it answers may have left the path since the lease ran out, and the reply with it.
    """
    if turn.kind == Turn.Kind.CONTINUE:
        _keep_longer(turn.reply, text)
        return
    parent = Message.objects.filter(uid=turn.parent_id).first()
    place = tree.below(parent)
    is_shown = parent is None or parent.active
    if is_shown:
        tree.clear(turn.chat_id, place)
        remembering.path_changed(turn.chat_id, place.position)
    tree.add(
        place,
        uid=turn.reply,
        chat_id=turn.chat_id,
        role=Message.Role.ASSISTANT,
        speaker=turn.chat.character.name,
        content=text,
        status=Message.Status.PARTIAL,
        model=turn.model,
        surface=turn.surface,
        turn=turn.uid,
        active=is_shown,
        chosen=is_shown,
        trashed_at=parent.trashed_at if parent else None,
        trash=parent.trash if parent else "",
    )


def _keep_longer(reply_uid: str, text: str) -> None:
    reply = Message.objects.filter(uid=reply_uid).first()
    if reply is None:
        return
    reply.content += text
    reply.status = Message.Status.PARTIAL
    reply.edited_at = timezone.now()
    reply.save(update_fields=["content", "status", "edited_at"])
    remembering.message_rewritten(reply, grew=True)


def recover_expired() -> int:
    """End every turn whose lease ran out, and void holds that outlived their deadline."""
    due = Turn.objects.filter(state=Turn.State.RUNNING, lease_expires_at__lt=timezone.now())
    count = sum(recover(uid) for uid in due.values_list("uid", flat=True)[:500])
    ledger.void_expired(timezone.now())
    return count


def recover_all() -> int:
    """End every running turn. For a single process that has just started: nobody runs them."""
    due = Turn.objects.filter(state=Turn.State.RUNNING)
    return sum(recover(uid) for uid in due.values_list("uid", flat=True))
