"""Chats as files: what is shown in the form of a program or as text, or all branches in a zip.

Written while it is read, so that a long chat is never whole in memory.
"""

import zipfile
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from chats import kept, titles
from chats.branching import Branch, Skeleton, branches
from chats.files import OTHERS, ChatFile, Note, write_sillytavern, write_text
from chats.models import Chat, ChatSource
from chats.transcripts import (
    Batches,
    messages_of,
    messages_shown,
    variables_at,
    variables_shown,
)
from lore.models import Binding
from lore.queries import bindings_of

BRANCHES_MOST: Final = 500


def export_jsonl(chat: Chat) -> Iterator[bytes]:
    """The shown path as a file for SillyTavern, line by line; other versions as swipes."""
    return _written(_header(chat, variables_shown(chat)), messages_shown(chat))


def export_for(program: str, chat: Chat) -> Iterator[bytes]:
    """The shown path as a file for one of `OTHERS`, as much of it as that form can hold."""
    return OTHERS[program](
        _header(chat, None), lambda: (one for batch in messages_shown(chat) for one in batch)
    )


def export_text(chat: Chat) -> Iterator[bytes]:
    """The shown path as a transcript for people."""
    yield from write_text(ChatFile(title=title_of(chat)))
    for batch in messages_shown(chat):
        yield from write_text(ChatFile(messages=batch))


def export_zip(chat: Chat, to: BinaryIO) -> Iterator[None]:
    """All branches as files for SillyTavern. Each step writes one, so that others get a turn."""
    skeleton = Skeleton(chat)
    found, left_out = branches(chat, skeleton, most=BRANCHES_MOST)
    taken: set[str] = set()
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for branch in found:
            name = _free(titles.filename(branch.title), taken)
            uids = skeleton.path_to(branch.end)
            header = _branch_header(chat, branch, uids)
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                for line in _written(header, messages_of(chat, uids)):
                    file.write(line)
            yield
        if left_out:
            archive.writestr("left out.txt", f"{left_out} further branches are not in here.\n")


def title_of(chat: Chat) -> str:
    """What the chat is called, or else whom it is with."""
    return chat.title or chat.character.name


def filename_of(chat: Chat, ending: str) -> str:
    """A name for the chat's file that every file system takes."""
    return f"{titles.filename(title_of(chat))}.{ending}"


def _header(chat: Chat, variables: dict[str, str] | None) -> ChatFile:
    """All but the messages: what the chat's file said, and what was changed since."""
    source = ChatSource.objects.filter(chat=chat, number=0).first()
    said = msgspec.convert(source.said, ChatFile) if source else ChatFile()
    return msgspec.structs.replace(
        said,
        title=chat.title or said.title or chat.character.name,
        user_name=said.user_name or (chat.persona.name if chat.persona else chat.user.name),
        character_name=said.character_name or chat.character.name,
        created_at=said.created_at if source else chat.created_at,
        note=_note(chat),
        scenario=chat.scenario_text or (chat.scenario.context if chat.scenario else ""),
        persona=_persona(chat, said),
        world_info=_book(chat) or said.world_info,
        variables=kept.variables_back(variables, said.variables),
    )


def _branch_header(chat: Chat, branch: Branch, uids: list[str]) -> ChatFile:
    """A branch that came from a file says what that file did; others what the chat says."""
    variables = variables_at(uids)
    if branch.source is None or branch.source.number == 0:
        header = _header(chat, variables)
    else:
        header = msgspec.convert(branch.source.said, ChatFile)
        found = kept.variables_back(variables, header.variables)
        header = msgspec.structs.replace(header, variables=found)
    parent = branch.parent or header.parent
    return msgspec.structs.replace(header, title=branch.title, parent=parent)


def _written(header: ChatFile, batches: Batches) -> Iterator[bytes]:
    yield from write_sillytavern(header)
    for batch in batches:
        lines = write_sillytavern(ChatFile(messages=batch))
        next(lines)  # the header of that batch
        yield from lines


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name} {number}"
    taken.add(free.casefold())
    return free


def _note(chat: Chat) -> Note | None:
    if not chat.note:
        return None
    said = {key: value for key, value in chat.note.items() if key != "text"}
    return msgspec.convert({"prompt": chat.note.get("text", ""), **said}, Note)


def _persona(chat: Chat, said: ChatFile) -> str:
    """The name of the chat's persona in backups. One that the file only meant stays unsaid."""
    persona = chat.persona
    if persona is None:
        return said.persona
    if not said.persona and said.user_name == persona.name:
        return ""
    return persona.key or f"{persona.uid}.png"


def _book(chat: Chat) -> str:
    bound = bindings_of(chat.user, Binding.Scope.CHAT, chat.uid).order_by("pk").first()
    return bound.lorebook.name if bound else ""
