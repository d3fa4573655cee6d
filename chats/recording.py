"""What a reply with tools leaves besides its text: memories, and the record of its rounds."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chats import remembering
from chats.models import Chat, Message, Turn
from chats.values import Opened, Outcome
from memory import changes
from memory.changes import Place
from memory.tools import Change


def record(opened: Opened, outcome: Outcome) -> None:
    """Make the changes that the reply asked for and note its rounds. In the closing transaction."""
    if len(outcome.rounds) > 1:
        _note_rounds(opened.uid, outcome)
    if outcome.changes:
        place = Place(opened.chat_uid, opened.reply_uid, (opened.answers, opened.reply_uid))
        remember(opened.uid, outcome.changes, place)


def remember(turn_uid: str, asked: Sequence[Change], place: Place) -> None:
    """Change the chat's notebook and note in the turn what was changed.

    A reply that is gone on with shows the changes of all of its turns: they are noted in the
    first one as well.
    """
    chat = Chat.objects.select_related("notebook__user").get(uid=place.chat)
    if chat.notebook is None:
        return
    place = place._replace(evidence=tuple(uid for uid in place.evidence if uid))
    made = [msgspec.to_builtins(one) for one in changes.apply(asked, chat.notebook, place)]
    if chat.trashed_at is not None:
        remembering.path_changed(chat.uid)
    Turn.objects.filter(uid=turn_uid).update(changes=made or None)
    first = Message.objects.filter(uid=place.message).exclude(turn=turn_uid)
    for turn in Turn.objects.filter(uid__in=first.values("turn")):
        Turn.objects.filter(uid=turn.uid).update(changes=[*(turn.changes or ()), *made])


def _note_rounds(turn_uid: str, outcome: Outcome) -> None:
    manifest: dict[str, Any] = (
        Turn.objects.filter(uid=turn_uid).values_list("manifest", flat=True).get() or {}
    )
    manifest["rounds"] = [msgspec.to_builtins(report) for report in outcome.rounds]
    Turn.objects.filter(uid=turn_uid).update(manifest=manifest)
