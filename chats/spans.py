"""What chats give to those who read them for memories and summaries: messages as values."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from chats.models import Chat, Message
from core.errors import Retryable
from core.prepared import Select
from memory.writing.said import Said
from personas.queries import worn

READ_MOST: Final = 12
"""Messages that are read at a time."""
_SPOKEN: Final = (Message.Role.USER, Message.Role.ASSISTANT)


class Names(NamedTuple):
    """How the two of a chat are called in it."""

    person: str
    character: str


def names_of(chat: Chat) -> Names:
    person = worn(user_id=chat.user_id, character=chat.character.uid, chosen=chat.persona_id or "")
    return Names(_called(person.name if person else chat.user.name), chat.character.name)


def _called(name: str) -> str:
    """A name that can stand in a sentence: who gave none is called You."""
    return "The user" if name.casefold() == "you" else name


def said_between(chat_uid: str, names: Names, first: int, last: int) -> list[Said]:
    """The shown messages at these positions, without what is kept out of prompts."""
    return _as_said(names, _between.all(chat=chat_uid, first=first, last=last))


def said_from(chat_uid: str, names: Names, first: int) -> list[Said]:
    """The first `READ_MOST` of the shown messages from a position on."""
    return _as_said(names, _from.all(chat=chat_uid, first=first))


def length_of(chat_uid: str) -> int:
    """The position after the last message that is shown."""
    return after(newest_position.all(chat=chat_uid))


def after(positions: Sequence[tuple[int]]) -> int:
    """The position after the first of these; 0 if there is none."""
    return positions[0][0] + 1 if positions else 0


def last_uid(chat_uid: str, first: int, last: int) -> str:
    """The uid of the message shown at `last`; "" if one from `first` on is missing."""
    uids = [uid for (uid,) in _uids_between.all(chat=chat_uid, first=first, last=last)]
    return uids[-1] if len(uids) == last - first + 1 else ""


def are_same(chat_uid: str, said: Sequence[Said]) -> bool:
    """Whether these messages are still shown and say the same; they stay so until the commit.

    Raises Retryable while somebody else changes the chat.
    """
    return hold(chat_uid) and still_say(chat_uid, said)


def still_say(chat_uid: str, said: Sequence[Said]) -> bool:
    """Whether these messages, in their order, are shown now and say the same."""
    if not said:
        return True
    rows = _between.all(chat=chat_uid, first=said[0].position, last=said[-1].position)
    found = {uid: content for uid, _, _, _, content in rows}
    return all(found.get(message.uid) == message.text for message in said)


def hold(chat_uid: str) -> bool:
    """Keep what a chat shows as it is until the commit. False if it is gone or in the trash.

    Whoever changes a path changes the chat's row before the marks of what was learnt. That is
    not waited for, because they may wait for what the caller holds: raises Retryable.
    """
    if _free.all(chat=chat_uid):
        return True
    if Chat.objects.filter(uid=chat_uid, trashed_at=None).exists():
        raise Retryable("The chat is being changed.", retry_after=1)
    return False


def is_shown() -> Exists:
    """Of a row that names a message in `message`: whether its chat shows it."""
    return Exists(Message.objects.filter(uid=OuterRef("message"), active=True))


def _active(chat: str, first: int, last: int) -> "QuerySet[Message, Any]":
    rows = Message.objects.filter(chat=chat, active=True, position__gte=first, position__lte=last)
    return rows.order_by("position").values_list("uid")


def _shown(chat: str, first: int) -> "QuerySet[Message, Any]":
    shown = Message.objects.filter(
        chat=chat, active=True, hidden=False, role__in=_SPOKEN, position__gte=first
    )
    rows = shown.exclude(content="").order_by("position")
    return rows.values_list("uid", "position", "role", "speaker", "content")


newest_position: Select[Any] = Select(
    lambda chat: (
        Message.objects.filter(chat=chat, active=True)
        .order_by("-position")
        .values_list("position")[:1]
    ),
    chat=str,
)
_uids_between: Select[Any] = Select(_active, chat=str, first=int, last=int)
_between: Select[Any] = Select(
    lambda chat, first, last: _shown(chat, first).filter(position__lte=last),
    chat=str,
    first=int,
    last=int,
)
_from: Select[Any] = Select(
    lambda chat, first: _shown(chat, first)[:READ_MOST], chat=str, first=int
)
_free: Select[Any] = Select(
    lambda chat: (
        Chat.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(uid=chat, trashed_at=None)
        .values_list("uid")
    ),
    chat=str,
)


def _as_said(names: Names, rows: Iterable[Any]) -> list[Said]:
    found = []
    for uid, position, role, speaker, content in rows:
        is_person = role == Message.Role.USER
        called = speaker or (names.person if is_person else names.character)
        called = _called(called) if is_person else called
        found.append(Said(uid, position, called, content, is_person))
    return found
