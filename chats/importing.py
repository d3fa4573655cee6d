"""Chats from files, stored as trees of messages with all that the files say.

A chat is stored in one transaction, together with a note of the files it came from: a file that
was taken in before makes no second chat.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from catalog.imported import find_target, note_import
from catalog.models import ImportedFile
from characters.models import Character
from chats import kept
from chats.embedding import embed_later
from chats.files import ChatFile, Tree, merge_branches, read_chat
from chats.files.reading import TITLE_CHARS_MOST
from chats.models import Chat, ChatSource, Message
from chats.planting import Plot, plot
from chats.services import line_of
from chats.titles import shown_title
from core.errors import Invalid
from lore.models import Binding, Lorebook
from lore.queries import owned_by as lorebooks_of
from lore.services import bind
from memory.services import default_notebook
from personas.models import Persona

BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedChat:
    """A chat that files became, now or (`is_new` false) at an earlier import.

    `digests` are those of the files; `notes` say for people what was mended or left out.
    """

    chat: Chat
    is_new: bool
    digests: tuple[str, ...]
    message_count: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A chat out of a file, and what tells it from all others."""

    file: ChatFile
    digest: str


def import_chats(
    *, owner: User, character: Character, data: bytes, filename: str = ""
) -> list[ImportedChat]:
    """The chats in a file's bytes, as chats with this character. Raises Invalid."""
    return store_chats(owner=owner, character=character, given=given_in(data, filename))


def given_in(data: bytes, filename: str = "") -> list[Given]:
    """The chats in a file's bytes. Raises Invalid."""
    whole = sha256(data).hexdigest()
    return [
        Given(file, whole if number == 0 else sha256(f"{whole} {number}".encode()).hexdigest())
        for number, file in enumerate(read_chat(data, filename))
    ]


def store_chats(
    *,
    owner: User,
    character: Character,
    given: Iterable[Given],
    books: Mapping[str, Lorebook] | None = None,
) -> list[ImportedChat]:
    """Chats with one character, branches among them put together. Raises Invalid if all are empty.

    `books` are lorebooks by the names that the files may call them by; others are found by
    their own name.
    """
    filled = {one.digest: one.file for one in given if one.file.messages}
    if not filled:
        raise Invalid("The chat holds no messages.", code="empty_chat", param="file")
    results: list[ImportedChat] = []
    fresh: dict[int, str] = {}
    for digest, file in filled.items():
        here = _imported_before(owner, character, digest)
        if here is None:
            fresh[id(file)] = digest
        else:
            results.append(ImportedChat(chat=here, is_new=False, digests=(digest,)))
    for tree in merge_branches([file for file in filled.values() if id(file) in fresh]):
        digests = tuple(fresh[id(file)] for file in tree.files)
        results.append(_store(_Storing(owner, character, tree, digests, books or {})))
    return results


def _imported_before(owner: User, character: Character, digest: str) -> Chat | None:
    """The chat that a file became with this character before, unless it was deleted since."""
    uid = find_target(owner, ImportedFile.Kind.CHAT, _key(character, digest))
    return Chat.objects.filter(uid=uid, user=owner, trashed_at=None).first() if uid else None


def _key(character: Character, digest: str) -> str:
    """One file may become a chat with each of several characters."""
    return sha256(f"{character.uid} {digest}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Storing:
    """What becomes a chat. The first of the tree's files is the chat, the others its branches."""

    owner: User
    character: Character
    tree: Tree
    digests: tuple[str, ...]
    books: Mapping[str, Lorebook]

    @property
    def main(self) -> ChatFile:
        return self.tree.files[0]


def _store(storing: _Storing) -> ImportedChat:
    placed = plot(storing.tree)
    dates = _Dates(storing.tree, placed)
    with transaction.atomic():
        _one_at_a_time(storing.owner)
        here = _imported_before(storing.owner, storing.character, storing.digests[0])
        if here is not None:  # by somebody who pressed the button twice
            return ImportedChat(chat=here, is_new=False, digests=storing.digests)
        chat = Chat.objects.create(
            user=storing.owner,
            character=storing.character,
            title=shown_title(storing.main.title)[:TITLE_CHARS_MOST],
            note=_note(storing.main),
            scenario_text=storing.main.scenario,
            persona=_persona(storing.owner, storing.main),
            notebook=default_notebook(user=storing.owner, character=storing.character.uid),
        )
        rows = _rows(storing.tree, placed, dates, chat)
        while batch := list(islice(rows, BATCH)):
            Message.objects.bulk_create(batch)
        _finish(storing, chat, placed, dates)
    return ImportedChat(
        chat=chat,
        is_new=True,
        digests=storing.digests,
        message_count=len(storing.tree.nodes),
        notes=tuple(dict.fromkeys(note for file in storing.tree.files for note in file.notes)),
    )


def _one_at_a_time(owner: User) -> None:
    """Wait until no other import of this person's is being stored. Turns go on meanwhile."""
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)


class _Dates:
    """When each message was sent; one that does not say takes its parent's time."""

    def __init__(self, tree: Tree, placed: Plot) -> None:
        self._now = timezone.now()
        sent = [kept.sensible(told.sent_at) for told in placed.told]
        first = next((moment for moment in sent if moment), self._now)
        self.began = min(kept.sensible(tree.files[0].created_at) or first, self._now)
        self._all: list[datetime] = []
        for node, moment in zip(tree.nodes, sent, strict=True):
            above = self.began if node.parent is None else self._all[node.parent]
            self._all.append(moment or above)

    def __getitem__(self, node: int) -> datetime:
        return self._all[node]

    def active(self, last: int) -> datetime:
        """When the chat was last active: never in the future, or it would stay the first."""
        return min(self._all[last], self._now)


def _rows(tree: Tree, placed: Plot, dates: _Dates, chat: Chat) -> Iterator[Message]:
    for index, node in enumerate(tree.nodes):
        message = node.message
        told = placed.told[index]
        yield Message(
            uid=placed.uids[index],
            chat_id=chat.uid,
            parent_id=None if node.parent is None else placed.uids[node.parent],
            position=placed.positions[index],
            active=index in placed.active,
            chosen=index in placed.chosen,
            hidden=message.hidden,
            role=message.role,
            speaker=message.name,
            content=message.content,
            reasoning=kept.reasoning_of(told.extra),
            model=_model(told.extra),
            state=placed.states.get(index),
            extra=kept.keep(told.message, told.swipe, is_shown=told.is_shown) or {},
            created_at=dates[index],
        )


def _finish(storing: _Storing, chat: Chat, placed: Plot, dates: _Dates) -> None:
    """What can only be said when the messages are there."""
    tree = storing.tree
    chat.last_line = line_of(tree.nodes[placed.last].message.content)
    chat.created_at, chat.active_at = dates.began, dates.active(placed.last)
    chat.save(update_fields=["last_line", "created_at", "active_at"])
    ChatSource.objects.bulk_create(
        ChatSource(
            chat=chat,
            number=number,
            title=file.title[:TITLE_CHARS_MOST],
            end=placed.uids[end],
            said=msgspec.to_builtins(msgspec.structs.replace(file, messages=(), notes=())),
        )
        for number, (file, end) in enumerate(zip(tree.files, tree.ends, strict=True))
        if end is not None
    )
    book = _book(storing)
    if book is not None:
        scope = Binding.Scope.CHAT
        bind(user=storing.owner, lorebook=book, scope=scope, target=chat.uid)
    for digest in storing.digests:
        key = _key(storing.character, digest)
        note_import(owner=storing.owner, kind=ImportedFile.Kind.CHAT, digest=key, target=chat.uid)
    embed_later(chat.uid, chat.user_id)


def _note(file: ChatFile) -> dict[str, Any]:
    """The author's note as `Chat.note` holds it."""
    if file.note is None:
        return {}
    note = msgspec.to_builtins(file.note)
    return {"text": note.pop("prompt"), **note}


def _persona(owner: User, file: ChatFile) -> Persona | None:
    """The persona that the chat is locked to, or else the only one of the person's name in it."""
    mine = Persona.objects.filter(owner=owner)
    if file.persona:
        return mine.filter(key=file.persona).first()
    namesakes = list(mine.filter(name=file.user_name)[:2]) if file.user_name else []
    return namesakes[0] if len(namesakes) == 1 else None


def _book(storing: _Storing) -> Lorebook | None:
    name = storing.main.world_info
    if not name or name in storing.books:
        return storing.books.get(name)
    return lorebooks_of(storing.owner).filter(name=name).order_by("-pk").first()


def _model(extra: dict[str, Any]) -> str:
    value = extra.get("model")
    return value[:200] if isinstance(value, str) else ""
