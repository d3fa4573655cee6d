"""What messages cost: the receipts of the turns that wrote them, and the way back from usage."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from accounts.models import User
from billing.queries import Receipt, receipts
from chats import queries
from chats.models import Message, Turn
from core.errors import NotFound

_PREFIX: Final = "turn:"


@dataclass(frozen=True, slots=True)
class MessageReceipt:
    """The receipts of one message: one for each turn that wrote a part of it, oldest first."""

    message: Message
    receipts: tuple[Receipt, ...]

    @property
    def cost_micro(self) -> int:
        return sum(found.cost_micro for found in self.receipts)

    @property
    def estimated(self) -> bool:
        return any(found.estimated for found in self.receipts)


def receipt_of(user: User, message_uid: str) -> MessageReceipt:
    """What one of the person's messages cost. Raises NotFound, also where no model wrote it."""
    message = queries.get_message(user, message_uid)
    turns = Turn.objects.filter(chat=message.chat_id, user=user, reply=message.uid)
    uids = turns.order_by("uid").values_list("uid", flat=True)
    found = receipts(user.pk, [f"{_PREFIX}{uid}" for uid in uids])
    if not found:
        raise NotFound("There is no receipt for this message.", code="receipt_not_found")
    return MessageReceipt(message, tuple(found))


def messages_of(user: User, keys: Collection[str]) -> dict[str, str]:
    """The messages that pieces of work wrote, uid by key, as far as they are still there."""
    uids = [key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX)]
    turns = Turn.objects.filter(uid__in=uids, user=user)
    replies = dict(turns.values_list("uid", "reply"))
    there = Message.objects.filter(
        uid__in=replies.values(), chat__user=user, chat__trashed_at=None
    ).values_list("uid", flat=True)
    kept = set(there)
    return {f"{_PREFIX}{uid}": reply for uid, reply in replies.items() if reply in kept}
