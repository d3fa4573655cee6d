"""What a chat's memory page shows: what is in view, what was summed up, what came to mind."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.core.paginator import Page, Paginator

from accounts.models import User
from chats.models import Chat, Message, Turn
from engine.parts import Block, lines_of
from memory.models import Summary
from memory.queries import summaries_of

PAGE_SIZE: Final = 20
_RECALLED: Final = ("memories", "passages")


@dataclass(frozen=True, slots=True, kw_only=True)
class InView:
    """What the newest reply was written from. Numbers of messages count from 1."""

    reply: str
    first: int
    last: int
    count: int
    total: int
    recalled: list[Block]

    @property
    def is_whole(self) -> bool:
        return self.first <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The summaries of a chat that are shown: the coarsest that cover it, or all, page by page."""

    rows: list[Summary]
    page: "Page[Summary] | None"
    count: int
    stale: int


def in_view(chat: Chat) -> InView | None:
    """As the prompt of the newest shown reply says; None if none was kept."""
    shown = Message.objects.filter(chat=chat, active=True)
    replies = shown.filter(role=Message.Role.ASSISTANT).exclude(turn="")
    reply = replies.order_by("-position").first()
    turn = Turn.objects.filter(uid=reply.turn, chat=chat).first() if reply else None
    if reply is None or turn is None or not turn.manifest:
        return None
    uids = [line.uid for line in lines_of(turn.manifest.get("layout", [])) if line.uid]
    places = sorted(shown.filter(uid__in=uids).values_list("position", flat=True))
    return InView(
        reply=reply.uid,
        first=places[0] + 1 if places else 0,
        last=places[-1] + 1 if places else 0,
        count=len(places),
        total=shown.count(),
        recalled=_recalled(turn.manifest.get("blocks", [])),
    )


def _recalled(blocks: Iterable[dict[str, Any]]) -> list[Block]:
    """The facts and passages that the reply was given."""
    found = (msgspec.convert(block, Block) for block in blocks if block["name"] in _RECALLED)
    return [block for block in found if block.kept and block.uids]


def told(user: User, chat: Chat, *, page: str = "", every: bool = False) -> Told:
    """The summaries of the shown path, the carried one first."""
    rows = list(summaries_of(user, chat.uid).filter(live=True))
    stale = sum(row.stale for row in rows)
    if not every:
        return Told(rows=cover(rows), page=None, count=len(rows), stale=stale)
    paged = Paginator(rows, PAGE_SIZE).get_page(page)
    return Told(rows=list(paged.object_list), page=paged, count=len(rows), stale=stale)


def cover(summaries: Iterable[Summary]) -> list[Summary]:
    """The coarsest summaries that overlap nowhere, by place; what was carried stands first."""
    taken: list[Summary] = []
    for row in sorted(summaries, key=lambda row: (-row.level, row.first_position)):
        if not any(_overlap(row, other) for other in taken):
            taken.append(row)
    return sorted(taken, key=lambda row: (row.last_position, row.uid))


def _overlap(one: Summary, other: Summary) -> bool:
    return one.first_position <= other.last_position and other.first_position <= one.last_position
