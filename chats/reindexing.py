"""Making anew, for an operator, what recall keeps of chats: index blocks and vectors."""

from collections.abc import Callable
from typing import Final

from django.db.models import QuerySet

from accounts.models import User
from chats import passages
from chats.embedding import sources
from chats.models import Chat
from memory import embedding
from memory.embedders import Description
from memory.models import IndexBlock

_BLOCKS_AT_ONCE: Final = 16


def chats_to_index(*, user: User | None = None, chat_uid: str = "") -> QuerySet[Chat]:
    """The chats out of the trash: all, one person's, or one."""
    rows = Chat.objects.filter(trashed_at=None).select_related("character").order_by("uid")
    if user is not None:
        rows = rows.filter(user=user)
    return rows.filter(uid=chat_uid) if chat_uid else rows


def reindex(
    chat: Chat, used: Description, *, force: bool = False, told: Callable[[int], None]
) -> None:
    """Make what a chat's recall lacks; with `force`, everything. Safe to stop and to run twice.

    `told` hears how many vectors were made, batch by batch. The owner of the chat pays nothing.
    Raises Retryable or Terminal; what was made stays.
    """
    if force:
        IndexBlock.objects.filter(chat=chat.uid).delete()
    _write_blocks(chat.uid)
    if not used.is_on:
        return
    for source in sources(chat):
        embedding.bring_up_to_date(source, embedding.free_of_charge(used), force=force, told=told)


def _write_blocks(chat_uid: str) -> None:
    before = None
    # Without progress the chat is being changed; its next turn asks again.
    while (left := passages.write_blocks(chat_uid, most=_BLOCKS_AT_ONCE)) and left != before:
        before = left
