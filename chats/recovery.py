"""Finishing what a dead process left: turns without a reply, holds without an end."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from billing import ledger
from billing.ledger import Metered
from chats import tree
from chats.models import Chat, Message, Turn
from core import metrics
from engine.tokens import default_counter
from llm.models import Model

log = structlog.get_logger(__name__)


def recover(turn_uid: str) -> bool:
    """End a turn whose process is gone: keep its partial text, charge for it, free the chat.

    Returns whether there was anything to do. Safe to call twice and from several processes.
    """
    with transaction.atomic():
        turn = (
            Turn.objects.select_for_update(of=("self",))
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


def _end(turn: Turn) -> None:
    key = f"turn:{turn.uid}"
    text = turn.partial
    turn.partial = ""
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


def _metered(turn: Turn) -> Metered:
    spec = Model.objects.filter(slug=turn.model).first()
    return Metered(
        model=turn.model,
        prompt_tokens=turn.prompt_tokens,
        completion_tokens=turn.completion_tokens,
        cached_tokens=0,
        estimated=True,
        input_multiplier_micro=spec.input_multiplier_micro if spec else 0,
        output_multiplier_micro=spec.output_multiplier_micro if spec else 0,
        surface=turn.surface,
        api_key=turn.api_key_id or "",
        character=turn.chat.character.uid,
    )


def _keep_text(turn: Turn, text: str) -> None:
    """Save what was written so far as a reply marked partial."""
    if turn.kind == Turn.Kind.CONTINUE:
        Message.objects.filter(uid=turn.reply).update(
            content=Concat("content", Value(text)), status=Message.Status.PARTIAL
        )
        return
    parent = Message.objects.filter(uid=turn.parent_id).first()
    place = tree.below(parent)
    tree.clear(turn.chat_id, place)
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
    )


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


def empty_trash() -> int:
    """Delete for good what has been in the trash long enough."""
    cutoff = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    Chat.objects.filter(trashed_at__lt=cutoff).delete()
    deleted, _ = Message.objects.filter(trashed_at__lt=cutoff).delete()
    return deleted
