"""Reads of chats, messages and turns. Every one begins with the person who asks."""

from collections import defaultdict

from django.db.models import QuerySet

from accounts.models import User
from chats.models import Chat, Message, Turn
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
    """The turn behind each of these messages, by turn uid: model, tokens, credits."""
    uids = {message.turn for message in messages if message.turn}
    return {turn.uid: turn for turn in Turn.objects.filter(uid__in=uids).defer("manifest")}
