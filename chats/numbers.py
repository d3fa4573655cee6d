"""Numbers of messages and versions that macros give, beyond what the shown path tells.

Hardly any text asks for them and each costs a statement, so they are read when one does.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from django.db.models import QuerySet, Subquery

from chats.models import Message, Turn
from chats.tree import Node
from core.prepared import Select
from engine.assemble import Prompt
from engine.parts import Talk

FIRST_INCLUDED: Final = "first_included"
"""What a manifest calls the position of the oldest message in the prompt."""


def _replies(**where: Any) -> "QuerySet[Message, Any]":
    """The uids of replies that are not in the trash.

    Not sorted by the database, nor asked for by chat where a parent is known: it would take
    either for a reason to go through the whole chat.
    """
    rows = Message.objects.filter(role=Message.Role.ASSISTANT, trashed_at=None, **where)
    return rows.order_by().values_list("uid")


def _newest_turn(chat: str, up_to: int) -> Subquery:
    """The turn that wrote the newest reply of the shown path, up to a position."""
    rows = Message.objects.filter(
        chat_id=chat, active=True, position__lte=up_to, role=Message.Role.ASSISTANT
    )
    return Subquery(rows.exclude(turn="").order_by("-position").values("turn")[:1])


_below: Select[Any] = Select(lambda parent: _replies(parent_id=parent), parent=str)
_at_first: Select[Any] = Select(lambda chat: _replies(chat_id=chat, position=0), chat=str)
# A reply that was copied from another chat names a turn of that chat: such a turn is not read.
_included: Select[Any] = Select(
    lambda chat, up_to: Turn.objects.filter(
        uid=_newest_turn(chat, up_to), chat_id=chat
    ).values_list(f"manifest__{FIRST_INCLUDED}"),
    chat=str,
    up_to=int,
)


class Numbers:
    """The numbers for one turn. `path` ends with the newest message, the reply comes below `after`.

    `is_again` says that the reply is one more version, or the continuation of one.
    """

    def __init__(
        self,
        *,
        chat: str,
        path: Sequence[Node],
        reply: str,
        after: str | None,
        is_again: bool,
    ) -> None:
        self._chat = chat
        self._path = path
        self._reply = reply
        self._after = after
        self._is_again = is_again

    def first_included(self) -> int | None:
        """The oldest message in the prompt that the newest reply of the path was written from."""
        return self._first_included

    def last_swipe(self) -> int | None:
        """How many versions there are."""
        return len(self._versions) or None

    def current_swipe(self) -> int | None:
        """Which of the versions this is; a new one comes after those that there are."""
        versions = self._versions
        if not versions:
            return None
        mine = self._reply if self._is_again else self._path[-1].uid
        return versions.index(mine) + 1 if mine in versions else len(versions) + 1

    @cached_property
    def _first_included(self) -> int | None:
        if not self._path:
            return None
        found = _included.first(chat=self._chat, up_to=self._path[-1].position)
        return found[0] if found else None

    @cached_property
    def _versions(self) -> list[str]:
        """Those of the reply where it has some already, else those of the newest message."""
        parent = self._after
        if not self._is_again:
            if not self._path or self._path[-1].role != Message.Role.ASSISTANT:
                return []
            parent = self._path[-2].uid if len(self._path) > 1 else None
        rows = _at_first.all(chat=self._chat) if parent is None else _below.all(parent=parent)
        return sorted(uid for (uid,) in rows)


def first_in(prompt: Prompt, path: Sequence[Node]) -> int | None:
    """The position of the oldest message of `path` that is in the prompt."""
    told = (part.uids[0] if isinstance(part, Talk) else part.uid for part in prompt.manifest.layout)
    first = next(filter(None, told), None)
    return next((node.position for node in path if node.uid == first), None)
