"""The message tree: reading the shown path and changing which path is shown.

Callers hold the chat's lock or lease; nothing here commits on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from operator import attrgetter
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from msgspec.structs import replace

from chats.models import Message
from core.ids import new_uid
from core.prepared import Insert, Select
from core.shelf import Shelf
from core.trips import Read, Write
from engine.parts import HistoryMessage
from engine.tokens import default_counter

ALL: Final = 2**62
"""More characters than any chat has."""
_STEPS: Final = (48, 160, 448)
_NEXT_READ: Final = 400
_CHATS_KEPT: Final = 20_000
_END: Final = 2**31 - 1


class Node(HistoryMessage, frozen=True, gc=False):
    """A message of the path, as far as prompts and synchronisation need it. See Message.

    It goes into the prompt as it is, and stays the same from turn to turn.
    """

    position: int = 0
    state: dict[str, Any] | None = None
    hidden: bool = False
    tool_calls: list[dict[str, Any]] | None = None


# A path may be long: one field of all its messages is read without a line of Python for each.
_role, _content, _state, _hidden, _tokens = map(
    attrgetter, ("role", "content", "state", "hidden", "tokens")
)


def roles(path: Sequence[Node]) -> list[str]:
    return list(map(_role, path))


def contents(path: Sequence[Node]) -> list[str]:
    return list(map(_content, path))


def states(path: Sequence[Node]) -> list[dict[str, Any] | None]:
    return list(map(_state, path))


def tokens(path: Sequence[Node]) -> list[int]:
    """The sizes of the messages of a path that is `counted`."""
    return list(map(_tokens, path))


def counted(path: Sequence[Node]) -> list[Node]:
    """The path with the size of every message, in tokens by our count."""
    if None not in map(_tokens, path):
        return list(path)
    sizes = default_counter().count_each(contents(path))
    return [replace(node, tokens=size) for node, size in zip(path, sizes, strict=True)]


def shown_to_model(path: Sequence[Node]) -> Sequence[Node]:
    """The path without what is hidden from the model."""
    return [node for node in path if not node.hidden] if any(map(_hidden, path)) else path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new message goes: below `parent`, at depth `position`."""

    parent: str | None
    position: int


def below(node: Node | Message | None) -> Place:
    return Place(None, 0) if node is None else Place(node.uid, node.position + 1)


def _place_of(message: Message) -> Place:
    return Place(message.parent_id, message.position)


def _shown(chat: str, up_to: int) -> "QuerySet[Message, Any]":
    """The shown path, newest first, as `_node` takes it."""
    rows = Message.objects.filter(chat_id=chat, active=True, position__lte=up_to)
    fields = ("uid", "position", "role", "content", "state", "hidden", "tool_calls")
    return rows.order_by("-position").values_list(*fields)


def _part(most: int, *, foreseen: bool = True) -> "Select[Any]":
    return Select(
        lambda chat, up_to: _shown(chat, up_to)[:most], foreseen=foreseen, chat=str, up_to=int
    )


_newest: Final = {most: _part(most) for most in _STEPS}
_older: Final = _part(_NEXT_READ, foreseen=False)
_steps: Final = Shelf[int](_CHATS_KEPT)
"""With which of the steps a chat was read far enough the last time, by its uid."""
_insert = Insert(Message)


def path(chat_uid: str, *, chars: int, up_to: int = _END) -> list[Node]:
    """The end of the shown path, oldest first: at least its last `chars` characters.

    Read in steps, so that a long chat costs what a prompt can hold and not what it has grown to.
    """
    found = _newest_of(chat_uid).all(chat=chat_uid, up_to=up_to)
    return path_from(found, chat_uid, chars=chars)


def newest(chat_uid: str) -> Read:
    """The read that `path` begins with: give what it reads to `path_from`."""
    return _newest_of(chat_uid).bind(chat=chat_uid, up_to=_END)


def _newest_of(chat_uid: str) -> "Select[Any]":
    return _newest[_steps.get(chat_uid) or _STEPS[0]]


def path_from(found: list[Any], chat_uid: str, *, chars: int) -> list[Node]:
    """The path of which `found` is the newest part, with as much before that as `chars` ask."""
    is_whole = len(found) not in _STEPS
    read = sum([len(row[3]) for row in found])
    if len(found) >= _STEPS[0]:
        _steps.put(chat_uid, _step_for(found, chars), 1)
    while not is_whole and read < chars and found[-1][1] > 0:
        more = _older.all(chat=chat_uid, up_to=found[-1][1] - 1)
        is_whole = len(more) < _NEXT_READ
        read += sum(len(row[3]) for row in more)
        found += more
    return [_node(row) for row in reversed(found)]


def _node(row: Any) -> Node:
    uid, position, role, content, state, hidden, tool_calls = row
    return Node(
        role, content, uid, position=position, state=state, hidden=hidden, tool_calls=tool_calls
    )


def _step_for(found: list[Any], chars: int) -> int:
    """The least step that reads as much; the largest if none does."""
    sizes = accumulate(len(row[3]) for row in found)
    needed = next((count for count, size in enumerate(sizes, 1) if size >= chars), len(found) + 2)
    return next((step for step in _STEPS if needed <= step), _STEPS[-1])


def add(place: Place, *, uid: str = "", **fields: Any) -> str:
    """Insert one message and return its uid. The place must be free: see `clear`.

    Columns are named as in the table (`chat_id`).
    """
    uid = uid or new_uid()
    _insert(**_placed(place, uid, fields))
    return uid


def added(place: Place, *, uid: str, **fields: Any) -> Write:
    """The same as a change that is not made yet."""
    return _insert.bind(**_placed(place, uid, fields))


def _placed(place: Place, uid: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"uid": uid, "parent_id": place.parent, "position": place.position, **fields}


def clear(chat_uid: str, place: Place) -> None:
    """Take what is shown at and below `place` off the path, so that a new version can be added."""
    Message.objects.filter(chat_id=chat_uid, active=True, position__gte=place.position).update(
        active=False
    )
    _choose_none(chat_uid, place)


def _choose_none(chat_uid: str, place: Place) -> None:
    _at(chat_uid, place).filter(chosen=True).update(chosen=False)


def _at(chat_uid: str, place: Place) -> "QuerySet[Message]":
    """All versions at a place. By its depth too, which has an index with the chat."""
    return Message.objects.filter(chat_id=chat_uid, position=place.position, parent_id=place.parent)


def choose(message: Message) -> None:
    """Let this version be the one that is shown when its branch is."""
    _choose_none(message.chat_id, _place_of(message))
    Message.objects.filter(uid=message.uid).update(chosen=True)


def is_below_shown(message: Message) -> bool:
    """Whether what a message follows is shown; so it is for a first message."""
    parent = message.parent_id
    return parent is None or Message.objects.filter(uid=parent, active=True).exists()


def show(message: Message) -> None:
    """Choose this version and show it with what was last shown below it.

    What it follows must be shown.
    """
    clear(message.chat_id, _place_of(message))
    choose(message)
    Message.objects.filter(uid__in=_chosen_below(message.uid)).update(active=True)


def versions(message: Message) -> list[Message]:
    """All versions of a message that are not in the trash, oldest first."""
    rows = _at(message.chat_id, _place_of(message)).filter(trashed_at=None)
    return list(rows.order_by("uid"))


def trash(message_uid: str, *, at: datetime) -> tuple[str, int]:
    """Move a message and everything below it to the trash. Returns the trash id and the count."""
    trash_uid = new_uid()
    count = Message.objects.filter(uid__in=_subtree(message_uid), trashed_at=None).update(
        active=False, trashed_at=at, trash=trash_uid
    )
    return trash_uid, count


def _subtree(uid: str) -> list[str]:
    return _walk(uid, "TRUE")


def _chosen_below(uid: str) -> list[str]:
    return _walk(uid, "m.chosen AND m.trashed_at IS NULL")


def _walk(uid: str, condition: str) -> list[str]:
    """Uids of a message and its descendants; plain SQL because the ORM cannot recurse."""
    query = f"""
        WITH RECURSIVE below(uid) AS (
            SELECT uid FROM chats_message WHERE uid = %s
            UNION ALL
            SELECT m.uid FROM chats_message m JOIN below ON m.parent_id = below.uid
            WHERE {condition}
        ) SELECT uid FROM below"""  # noqa: S608 - both conditions are literals above
    with connection.cursor() as cursor:
        cursor.execute(query, [uid])
        return [row[0] for row in cursor.fetchall()]
