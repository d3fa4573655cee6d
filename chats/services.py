"""Changes to chats that need no model: starting, editing, choosing versions, deleting, forking."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import ApiKey, User
from characters.models import Character, Scenario
from characters.spoken import spoken
from chats import greetings, live, queries, recovery, remembering, settings, tree
from chats.models import Chat, Message, Revision, Surface
from core.errors import Conflict, Invalid, NotFound
from core.text import clean
from memory.services import default_notebook
from personas.queries import worn

LAST_LINE_CHARS = 200
MESSAGE_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class Trashed:
    """What a deletion moved to the trash; `trash_uid` undoes it."""

    trash_uid: str
    count: int


@contextmanager
def _changing(user: User, chat_uid: str) -> Iterator[Chat]:
    """Lock one of the user's chats for a change of its tree; refuse while a reply is written.

    A turn whose lease ran out is ended first, so that it writes nothing under what is changed.
    """
    with transaction.atomic():
        chat = Chat.objects.select_for_update().filter(uid=chat_uid, user=user).first()
        if chat is None or chat.trashed_at is not None:
            raise NotFound("There is no such chat.", code="chat_not_found")
        if not recovery.is_free(chat):
            raise Conflict(
                "A reply is being written here. Stop it, or wait for it to end.",
                code="conversation_busy",
                retry_after=1,
            )
        yield chat
        touch(chat)


def line_of(text: str) -> str:
    """The beginning of a message, on one line, as lists of chats show it."""
    return " ".join(text[: 4 * LAST_LINE_CHARS].split())[:LAST_LINE_CHARS]


def touch(chat: Chat) -> None:
    """Note a committed change: pages that show the chat will read it again."""
    last = Message.objects.filter(chat=chat, active=True).order_by("-position").first()
    line = line_of(last.content) if last else ""
    Chat.objects.filter(uid=chat.uid).update(version=F("version") + 1, last_line=line)
    live.announce_change(chat.uid, chat.version + 1)


def start_chat(
    *,
    user: User,
    character: Character,
    scenario: Scenario | None = None,
    api_key: ApiKey | None = None,
    lane_key: str | None = None,
    surface: str = Surface.WEB,
    greet: bool = True,
    in_group: bool = False,
) -> Chat:
    """A new chat. The greetings become versions of its first message, the first one shown.

    `in_group` begins with those that the card keeps for scenes with others.
    """
    with transaction.atomic():
        chat = Chat.objects.create(
            user=user,
            character=character,
            character_number=character.number,
            scenario=scenario,
            api_key=api_key,
            lane_key=lane_key,
            notebook=default_notebook(user=user, character=character.uid),
        )
        said = _greetings(chat, in_group=in_group) if greet else []
        for index, greeting in enumerate(said):
            first = index == 0
            tree.add(
                tree.below(None),
                chat_id=chat.uid,
                role=str(Message.Role.ASSISTANT),
                speaker=character.name,
                content=greeting.text,
                state=greeting.state,
                surface=surface,
                active=first,
                chosen=first,
            )
        if said:
            chat.last_line = line_of(said[0].text)
            chat.save(update_fields=["last_line"])
    return chat


def _greetings(chat: Chat, *, in_group: bool) -> list[greetings.Greeting]:
    character = chat.character
    person = worn(user_id=chat.user_id, character=character.uid, chosen="")
    return greetings.of(
        spoken(character, chat.character_number),
        chat.scenario,
        user_name=person.name if person else chat.user.name,
        persona=person.description if person else "",
        chat_uid=chat.uid,
        now=timezone.now(),
        in_group=in_group,
    )


def step_version(*, user: User, message_uid: str, step: int) -> Message:
    """Show the next (1) or the previous (-1) version of a message.

    Raises NotFound past the end and in the trash; Conflict on a branch that is not shown.
    """
    uid = queries.get_message(user, message_uid).chat_id
    with _changing(user, uid):
        message = queries.get_message(user, message_uid)
        _check_kept(message)
        _check_below_shown(message)
        family = tree.versions(message)
        index = [version.uid for version in family].index(message.uid) + step
        if not 0 <= index < len(family):
            raise NotFound("There is no other version there.", code="version_not_found")
        tree.show(family[index])
        remembering.path_changed(uid, message.position)
    return family[index]


def edit_message(*, user: User, message_uid: str, content: str) -> Message:
    """Change what a message says.

    An own message branches: the old one, with all that followed, stays as another version. A
    reply is changed where it stands and keeps its old text as a revision. Raises NotFound, Invalid,
    and Conflict where a branch would begin on one that is not shown.
    """
    text = checked_content(content)
    message = queries.get_message(user, message_uid)
    with _changing(user, message.chat_id):
        message = queries.get_message(user, message_uid)
        _check_kept(message)
        if text == message.content:
            return message
        if message.role == Message.Role.USER:
            return _branch(message, text)
        Revision.objects.create(message=message, content=message.content)
        message.content = text
        message.edited_at = timezone.now()
        message.save(update_fields=["content", "edited_at"])
        remembering.message_rewritten(message)
    return message


def _branch(message: Message, text: str) -> Message:
    _check_below_shown(message)
    place = tree.Place(message.parent_id, message.position)
    tree.clear(message.chat_id, place)
    remembering.path_changed(message.chat_id, message.position)
    uid = tree.add(
        place,
        chat_id=message.chat_id,
        role=message.role,
        speaker=message.speaker,
        content=text,
        surface=message.surface,
    )
    return Message.objects.get(uid=uid)


def _check_kept(message: Message) -> None:
    if message.trashed_at is not None:
        raise NotFound("That message is in the trash.", code="message_not_found")


def _check_below_shown(message: Message) -> None:
    """Refuse to show a version of a message where what it follows is not shown."""
    if not tree.is_below_shown(message):
        raise Conflict(
            "This message is on a branch that is not shown. Show that branch first.",
            code="not_shown",
        )


def checked_content(content: str) -> str:
    """Cleaned text of a message, or Invalid."""
    text = clean(content)
    if not text.strip():
        raise Invalid("The message is empty.", code="empty_message", param="content")
    if len(text) > MESSAGE_CHARS:
        raise Invalid(
            f"The message has {len(text)} characters; {MESSAGE_CHARS} is the most.",
            code="message_too_long",
            param="content",
        )
    return text


def trash_from(*, user: User, message_uid: str) -> Trashed:
    """Delete a message and what follows it. If it has other versions, the latest is shown."""
    message = queries.get_message(user, message_uid)
    with _changing(user, message.chat_id):
        message = queries.get_message(user, message_uid)
        trash_uid, count = tree.trash(message.uid, at=timezone.now())
        others = tree.versions(message)
        if message.active and others:
            tree.show(others[-1])
        elif message.chosen and others:
            tree.choose(others[-1])
        if message.active:
            remembering.path_changed(message.chat_id, message.position)
    return Trashed(trash_uid, count)


def restore_trash(*, user: User, trash_uid: str) -> int:
    """Undo a deletion: its messages return to their places. Returns how many.

    They are shown if what they follow is, or else with it. Raises NotFound; Conflict while what
    they follow is in the trash itself, with which they would be deleted.
    """
    rows = Message.objects.filter(trash=trash_uid, chat__user=user).exclude(trash="")
    top = rows.order_by("position").first()
    if top is None:
        raise NotFound("There is nothing to restore.", code="trash_not_found")
    with _changing(user, top.chat_id):
        if Message.objects.filter(uid=top.parent_id).exclude(trashed_at=None).exists():
            raise Conflict(
                "What these messages follow is in the trash too. Restore that first.",
                code="parent_in_trash",
            )
        count = rows.update(trashed_at=None, trash="")
        if tree.is_below_shown(top):
            tree.show(top)
            remembering.path_changed(top.chat_id, top.position)
        else:
            tree.choose(top)
    return count


def list_trash(*, user: User, chat_uid: str) -> list[dict[str, Any]]:
    """What is in a chat's trash, newest first: id, time, count and the first words of each."""
    chat = queries.get_chat(user, chat_uid)
    found: dict[str, dict[str, Any]] = {}
    rows = Message.objects.filter(chat=chat).exclude(trash="").order_by("position", "uid")
    for message in rows:
        entry = found.setdefault(
            message.trash,
            {
                "id": message.trash,
                "trashed_at": message.trashed_at,
                "count": 0,
                "first": message.content[:LAST_LINE_CHARS],
            },
        )
        entry["count"] += 1
    return sorted(found.values(), key=lambda entry: entry["trashed_at"], reverse=True)


def fork_chat(*, user: User, message_uid: str) -> Chat:
    """A new chat with a copy of everything up to and including this message. Or NotFound."""
    message = queries.get_message(user, message_uid)
    _check_kept(message)
    source = message.chat
    with transaction.atomic():
        chat = Chat.objects.create(
            user=user,
            character_id=source.character_id,
            scenario_id=source.scenario_id,
            title=source.title,
            forked_from=message.uid,
            last_line=line_of(message.content),
            **settings.held_by(source),
        )
        settings.copy_lorebooks(user=user, source=source.uid, target=chat.uid)
        parent: Message | None = None
        copies = []
        originals = _ancestry(message)
        for original in originals:
            parent = _copy(original, chat, parent)
            copies.append(parent)
        Message.objects.bulk_create(copies)
        copied = {old.uid: new.uid for old, new in zip(originals, copies, strict=True)}
        remembering.copy_learnt(source, chat, copied)
    return chat


def _ancestry(message: Message) -> list[Message]:
    """The message and its ancestors, oldest first."""
    above = {
        row.uid: row
        for row in Message.objects.filter(
            chat_id=message.chat_id, position__lt=message.position, trashed_at=None
        )
    }
    line = [message]
    while (parent := line[-1].parent_id) is not None and parent in above:
        line.append(above[parent])
    return line[::-1]


def _copy(original: Message, chat: Chat, parent: Message | None) -> Message:
    return Message(
        chat=chat,
        parent=parent,
        position=0 if parent is None else parent.position + 1,
        role=original.role,
        speaker=original.speaker,
        content=original.content,
        reasoning=original.reasoning,
        status=original.status,
        finish_reason=original.finish_reason,
        model=original.model,
        surface=original.surface,
        turn=original.turn,
        hidden=original.hidden,
        state=original.state,
        tool_calls=original.tool_calls,
        extra=original.extra,
        created_at=original.created_at,
    )


def rename_chat(*, user: User, chat_uid: str, title: str) -> None:
    changed = queries.owned_by(user).filter(uid=chat_uid).update(title=clean(title).strip()[:200])
    if not changed:
        raise NotFound("There is no such chat.", code="chat_not_found")


def trash_chat(*, user: User, chat_uid: str) -> None:
    """Move a whole chat to the trash. Its lane is free again; a running reply is not shown."""
    with transaction.atomic():
        changed = Chat.objects.filter(uid=chat_uid, user=user, trashed_at=None).update(
            trashed_at=timezone.now(), lane_key=None
        )
        if not changed:
            raise NotFound("There is no such chat.", code="chat_not_found")
        remembering.path_changed(chat_uid)


def restore_chat(*, user: User, chat_uid: str) -> None:
    with transaction.atomic():
        changed = Chat.objects.filter(uid=chat_uid, user=user).exclude(trashed_at=None)
        if not changed.update(trashed_at=None):
            raise NotFound("There is no such chat.", code="chat_not_found")
        remembering.path_changed(chat_uid)


def save_draft(*, user: User, chat_uid: str, text: str) -> None:
    queries.owned_by(user).filter(uid=chat_uid).update(draft=clean(text)[:MESSAGE_CHARS])
