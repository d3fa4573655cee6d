"""Keeping what was learnt in a chat true to what the chat shows.

Memories, summaries and index blocks hang on messages by plain uids. Whatever changes which
messages a chat shows, or what they say, tells it here, in the same transaction.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from chats.models import Chat, Message
from memory.models import IndexBlock, MemorySource, Notebook, Summary
from memory.services import changed, copy_notebook, default_notebook

_NOWHERE: Final = 2**31 - 1


def notebook_for(chat: Chat) -> Notebook:
    """The default notebook of the chat's person and character, made if there is none yet."""
    return default_notebook(user=chat.user, character=chat.character.uid)


def give_notebook(chat: Chat) -> None:
    """For a chat from before there were notebooks: it gets the default one."""
    if chat.notebook_id is None:
        chat.notebook = notebook_for(chat)
        Chat.objects.filter(uid=chat.uid).update(notebook=chat.notebook)


def copy_learnt(source: Chat, target: Chat, messages: Mapping[str, str]) -> None:
    """Give a fork a notebook of its own, with what its copied messages taught.

    `messages` says what each copied message is called in the fork.
    """
    if source.notebook is None:
        target.notebook = Notebook.objects.create(
            user=target.user, character=target.character.uid, is_default=False
        )
    else:
        target.notebook = copy_notebook(
            source.notebook, messages=messages, old_chat=source.uid, new_chat=target.uid
        )
        changed(target.notebook.uid)  # version 0 would say that it is empty
    Chat.objects.filter(uid=target.uid).update(notebook=target.notebook)


def path_changed(chat_uid: str, position: int = _NOWHERE) -> None:
    """The shown path is another one from `position` on, or the chat went to the trash or back.

    Not for a path that only grew at its end.
    """
    Chat.objects.filter(uid=chat_uid).update(path_version=F("path_version") + 1)
    IndexBlock.objects.filter(chat=chat_uid, last_position__gte=position).delete()
    set_live(chat_uid)


def set_live(chat_uid: str) -> None:
    """Mark what was learnt in a chat as live or not, as its path is now.

    For who writes down what was read a while ago: the path may have changed meanwhile.
    """
    count = _set_live(MemorySource.objects.filter(chat=chat_uid), _shown("message"))
    summaries = Summary.objects.filter(chat=chat_uid)
    count += _set_live(summaries.exclude(last_message=""), _shown("last_message"))
    count += _set_live(summaries.filter(last_message=""), _kept())
    if count:
        _raise_versions(chat_uid)


def message_rewritten(message: Message, *, grew: bool = False) -> None:
    """A message says something else where it stands. What was read from it is stale now.

    One that only `grew` still says what memories were read from it.
    """
    path_changed(message.chat_id, message.position)  # first, because it locks the chat: spans.hold
    stale = 0 if grew else _stale_sources(message)
    covering = Summary.objects.filter(
        chat=message.chat_id,
        stale=False,
        first_position__lte=message.position,
        last_position__gte=message.position,
    )
    if not message.active:
        covering = covering.filter(live=False)
    stale += covering.update(stale=True)
    if stale:
        _raise_versions(message.chat_id)


def _stale_sources(message: Message) -> int:
    """Mark what was read from a message. Evidence is JSON, which SQLite cannot look into."""
    rows = MemorySource.objects.filter(chat=message.chat_id, stale=False)
    read = [
        pk
        for pk, place, evidence in rows.values_list("pk", "message", "evidence")
        if message.uid == place or message.uid in evidence
    ]
    return MemorySource.objects.filter(pk__in=read).update(stale=True) if read else 0


def _kept() -> Exists:
    """Whether a row's chat is out of the trash."""
    return Exists(Chat.objects.filter(uid=OuterRef("chat"), trashed_at=None))


def _shown(field: str) -> Exists:
    """Whether the message that a row names in `field` is shown in its chat."""
    rows = Message.objects.filter(uid=OuterRef(field), active=True, chat__trashed_at=None)
    return Exists(rows)


def _set_live(rows: "QuerySet[Any]", now: Exists) -> int:
    return rows.exclude(live=now).update(live=now)


def _raise_versions(chat_uid: str) -> None:
    """Every notebook that learnt something in this chat can be read differently now."""
    learnt = MemorySource.objects.filter(chat=chat_uid).values("memory__notebook")
    told = Summary.objects.filter(chat=chat_uid).values("notebook")
    found = Notebook.objects.filter(Q(uid__in=learnt) | Q(uid__in=told))
    found.update(version=F("version") + 1)
