"""Reads of chats, messages and turns. Every one begins with the person who asks."""

from collections import defaultdict

from django.db.models import F, Q, QuerySet, Subquery

from accounts.models import User
from chats.models import Chat, Cost, Message, Turn
from core.errors import NotFound

WINDOW = 60


def owned_by(user: User) -> QuerySet[Chat]:
    """The user's chats that are not in the trash, with character and scenario joined."""
    return Chat.objects.filter(user=user, trashed_at=None).select_related(
        "character", "scenario", "api_key"
    )


def get_chat(user: User, uid: str) -> Chat:
    chat = owned_by(user).filter(uid=uid).first()
    if chat is None:
        raise NotFound("There is no such chat.", code="chat_not_found")
    return chat


def recent(user: User, limit: int) -> list[Chat]:
    return list(owned_by(user).order_by("-active_at")[:limit])


def get_message(user: User, uid: str) -> Message:
    """A message of one of the user's chats, also from the trash."""
    message = (
        Message.objects.filter(uid=uid, chat__user=user, chat__trashed_at=None)
        .select_related("chat")
        .first()
    )
    if message is None:
        raise NotFound("There is no such message.", code="message_not_found")
    return message


def answered_by(chat: Chat, message_uid: str = "") -> str:
    """What the person last said on the shown path, up to this message. "" if nothing."""
    shown = Message.objects.filter(chat=chat, active=True)
    if message_uid:
        named = shown.filter(uid=message_uid).values("position")
        shown = shown.filter(position__lte=Subquery(named))
    said = shown.filter(role=Message.Role.USER).order_by("-position")
    return said.values_list("content", flat=True).first() or ""


def get_turn(user: User, uid: str) -> Turn:
    turn = Turn.objects.filter(uid=uid, user=user).select_related("chat", "api_key").first()
    if turn is None:
        raise NotFound("There is no such turn.", code="turn_not_found")
    return turn


def window(chat: Chat, *, before: int | None = None, limit: int = WINDOW) -> list[Message]:
    """Up to `limit` messages of the shown path, oldest first, ending before position `before`.

    Each message says which version it is: `version_index` (from 1) of `version_count`.
    """
    rows = Message.objects.filter(chat=chat, active=True)
    if before is not None:
        rows = rows.filter(position__lt=before)
    messages = list(rows.order_by("-position")[:limit])[::-1]
    _number_versions(chat, messages)
    return messages


def _number_versions(chat: Chat, messages: list[Message]) -> None:
    if not messages:
        return
    span = (messages[0].position, messages[-1].position)
    siblings: dict[str | None, list[str]] = defaultdict(list)
    rows = Message.objects.filter(chat=chat, trashed_at=None, position__range=span)
    for parent, uid in rows.order_by("uid").values_list("parent_id", "uid"):
        siblings[parent].append(uid)
    for message in messages:
        family = siblings[message.parent_id]
        message.version_index = family.index(message.uid) + 1
        message.version_count = len(family)


def receipts(messages: list[Message]) -> dict[str, Turn]:
    """The turn behind each of these messages, by turn uid: model, fallback, and what it cost with
    the turns that continued its reply. One statement.
    """
    uids = {message.turn for message in messages if message.turn}
    written = [message for message in messages if message.turn and message.parent_id]
    continued = Q(
        kind=Turn.Kind.CONTINUE,
        parent__in={message.parent_id for message in written},
        reply__in={message.uid for message in written},
    )
    rows = Turn.objects.filter(Q(uid__in=uids) | continued)
    found: dict[str, Turn] = {}
    costs: dict[str, Cost] = defaultdict(Cost)
    for turn in rows.annotate(told=F("manifest__fallback")).defer("manifest"):
        costs[turn.reply] = costs[turn.reply].plus(turn)
        if turn.uid in uids:
            turn.fallback = turn.told
            found[turn.uid] = turn
    for first in found.values():
        first.cost = costs[first.reply]
    return found
