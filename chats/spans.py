"""What chats give to those who read them for memories and summaries: messages as values."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from chats.models import Chat, Message
from core.errors import Retryable
from memory.writing.said import Said
from personas.queries import worn

_SPOKEN: Final = (Message.Role.USER, Message.Role.ASSISTANT)


def names_of(chat: Chat) -> tuple[str, str]:
    """(person, character) as they are called in a chat."""
    person = worn(user_id=chat.user_id, character=chat.character.uid, chosen=chat.persona_id or "")
    return _called(person.name if person else chat.user.name), chat.character.name


def _called(name: str) -> str:
    """A name that can stand in a sentence: who gave none is called You."""
    return "The user" if name.casefold() == "you" else name


def said_between(chat: Chat, first: int, last: int) -> list[Said]:
    """The shown messages at these positions, without what is kept out of prompts."""
    rows = _shown(chat.uid).filter(position__gte=first, position__lte=last)
    return _as_said(chat, rows.order_by("position"))


def said_from(chat: Chat, first: int, count: int) -> list[Said]:
    """The first so many of the shown messages from a position on."""
    rows = _shown(chat.uid).filter(position__gte=first).order_by("position")
    return _as_said(chat, rows[:count])


def last_uid(chat_uid: str, first: int, last: int) -> str:
    """The uid of the message shown at `last`; "" if one from `first` on is missing."""
    rows = Message.objects.filter(
        chat=chat_uid, active=True, position__gte=first, position__lte=last
    )
    uids = list(rows.order_by("position").values_list("uid", flat=True))
    return uids[-1] if len(uids) == last - first + 1 else ""


def are_same(chat: Chat, said: Sequence[Said]) -> bool:
    """Whether these messages are still shown and say the same; they stay so until the commit.

    Raises Retryable while somebody else changes the chat.
    """
    if not hold(chat.uid):
        return False
    uids = [message.uid for message in said]
    found = dict(_shown(chat.uid).filter(uid__in=uids).values_list("uid", "content"))
    return all(found.get(message.uid) == message.text for message in said)


def hold(chat_uid: str) -> bool:
    """Keep what a chat shows as it is until the commit. False if it is gone or in the trash.

    Whoever changes a path changes the chat's row before the marks of what was learnt. That is
    not waited for, because they may wait for what the caller holds: raises Retryable.
    """
    rows = Chat.objects.filter(uid=chat_uid, trashed_at=None)
    if rows.select_for_update(skip_locked=True, no_key=True).first() is not None:
        return True
    if rows.exists():
        raise Retryable("The chat is being changed.", retry_after=1)
    return False


def is_shown() -> Exists:
    """Of a row that names a message in `message`: whether its chat shows it."""
    return Exists(Message.objects.filter(uid=OuterRef("message"), active=True))


def _shown(chat_uid: str) -> QuerySet[Message]:
    shown = Message.objects.filter(chat=chat_uid, active=True, hidden=False, role__in=_SPOKEN)
    return shown.exclude(content="")


def _as_said(chat: Chat, rows: Iterable[Message]) -> list[Said]:
    person, character = names_of(chat)
    found = []
    for row in rows:
        is_person = row.role == Message.Role.USER
        speaker = row.speaker or (person if is_person else character)
        speaker = _called(speaker) if is_person else speaker
        found.append(Said(row.uid, row.position, speaker, row.content, is_person))
    return found
