"""From rows to the messages of a file, a batch at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import msgspec

from chats import kept
from chats.files import FileMessage
from chats.files.values import MessageRole
from chats.models import Chat, Message

BATCH: Final = 100
Batches = Iterator[tuple[FileMessage, ...]]


def messages_shown(chat: Chat) -> Batches:
    """The shown path, oldest first."""
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    after = -1
    while batch := list(rows.filter(position__gt=after)[:BATCH]):
        yield _batch(chat, batch)
        after = batch[-1].position


def messages_of(chat: Chat, uids: Sequence[str]) -> Batches:
    """The messages of a path of this chat, given by their uids, oldest first."""
    for start in range(0, len(uids), BATCH):
        part = uids[start : start + BATCH]
        rows = Message.objects.in_bulk(part)
        yield _batch(chat, [rows[uid] for uid in part if uid in rows])


def variables_shown(chat: Chat) -> dict[str, str] | None:
    """The variables at the end of the shown path; None if nothing was noted of any."""
    rows = Message.objects.filter(chat=chat, active=True, state__isnull=False)
    return _variables(rows.order_by("-position").values_list("state", flat=True).first())


def variables_at(uids: Sequence[str]) -> dict[str, str] | None:
    """The variables at the end of a path, given by its uids."""
    for end in range(len(uids), 0, -BATCH):
        rows = Message.objects.filter(uid__in=uids[max(0, end - BATCH) : end])
        states = dict(rows.values_list("position", "state"))
        found = [states[place] for place in sorted(states) if states[place] is not None]
        if found:
            return _variables(found[-1])
    return None


def _variables(state: Any) -> dict[str, str] | None:
    return state.get("variables", {}) if isinstance(state, dict) else None


def _batch(chat: Chat, rows: list[Message]) -> tuple[FileMessage, ...]:
    families = _families(chat, rows)
    return tuple(_message(chat, row, families[row.parent_id]) for row in rows)


def _families(chat: Chat, rows: list[Message]) -> dict[str | None, list[Message]]:
    """All versions of each of these messages, by their parent.

    Neither asked for by chat nor sorted by the database, which would take it for a reason to
    go through the whole chat.
    """
    found: dict[str | None, list[Message]] = defaultdict(list)
    parents = [row.parent_id for row in rows if row.parent_id is not None]
    versions = list(Message.objects.filter(parent__in=parents).order_by())
    if len(parents) < len(rows):
        versions += Message.objects.filter(chat=chat, position=0)
    for version in sorted(versions, key=lambda one: one.uid):
        if version.trashed_at is None:
            found[version.parent_id].append(version)
    return found


def _message(chat: Chat, row: Message, family: list[Message]) -> FileMessage:
    """The message with its other versions as swipes. Other questions of a person's are branches."""
    alone = _alone(chat, row)
    listed = bool((row.extra or {}).get("swipes"))
    has_swipes = listed or (row.role == Message.Role.ASSISTANT and len(family) > 1)
    if not has_swipes:
        return alone
    versions = [one for one in family if one.role == row.role]
    return msgspec.structs.replace(
        alone,
        swipes=tuple(kept.swipe_of(one.extra, _alone(chat, one)) for one in versions),
        swipe_index=next(n for n, one in enumerate(versions) if one.uid == row.uid),
    )


def _alone(chat: Chat, row: Message) -> FileMessage:
    extra = kept.extra_of(row.extra, reasoning=row.reasoning, model=row.model)
    if row.tool_calls:
        extra["tool_calls"] = row.tool_calls
    return FileMessage(
        role=cast("MessageRole", row.role),
        name=row.speaker or _name(chat, row.role),
        content=row.content,
        sent_at=kept.date_of(row.extra, row.created_at),
        hidden=row.hidden,
        extra=extra,
        unknown=(row.extra or {}).get("unknown", {}),
    )


def _name(chat: Chat, role: str) -> str:
    if role == Message.Role.USER:
        return chat.persona.name if chat.persona else chat.user.name
    return chat.character.name if role == Message.Role.ASSISTANT else ""
