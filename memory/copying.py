"""What goes along when a chat is forked, and when a new chat carries on from another."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from django.db import transaction

from core.errors import Invalid
from core.text import clean
from engine.tokens import default_counter
from memory.models import Memory, MemorySource, Notebook, Reading, Summary
from memory.queries import contents, known
from memory.revising import SUMMARY_CHARS_MOST
from memory.rows import changed
from memory.standing import Row, Standing, standings

_CHARACTER: Final = str(Memory.Scope.CHARACTER)
_CHAT: Final = str(Memory.Scope.CHAT)
_Sources = dict[str, list[MemorySource]]


@transaction.atomic
def copy_notebook(
    notebook: Notebook, *, messages: Mapping[str, str], old_chat: str, new_chat: str
) -> Notebook:
    """A notebook for a fork: what its messages know, and what holds beside the old chat.

    `messages` leads from the uids of the copied messages to those of their copies. What was
    learnt after the fork, or corrected after it, stays behind; summaries of the copied path and
    what was read of it go along.
    """
    changed(notebook.uid)
    made = Notebook.objects.create(
        user_id=notebook.user_id,
        character=notebook.character,
        is_default=False,
        remembers=notebook.remembers,
        summarises=notebook.summarises,
        # It holds something from the start; version 0 says that nothing was ever kept.
        version=1,
    )
    sources: _Sources = {}
    for source in MemorySource.objects.filter(memory__notebook=notebook):
        there = _moved(source, messages, old_chat, new_chat)
        if there is not None:
            sources.setdefault(source.memory_id, []).append(there)
        else:
            sources.setdefault(source.memory_id, [])
    copies = list(_memories(notebook, made, sources, old_chat, new_chat))
    Memory.objects.bulk_create(copy for copy, _ in copies)
    MemorySource.objects.bulk_create(
        _for(source, copy) for copy, found in copies for source in found
    )
    _copy_summaries(made, messages, old_chat, new_chat)
    return made


def _moved(
    source: MemorySource, messages: Mapping[str, str], old_chat: str, new_chat: str
) -> MemorySource | None:
    """The source as the fork has it; None where its message stays behind."""
    if source.chat != old_chat:
        return source if source.live else None
    if source.message not in messages:
        return None
    here = messages[source.message]
    return MemorySource(
        chat=new_chat,
        message=here,
        evidence=[messages[uid] for uid in source.evidence if uid in messages] or [here],
        stale=source.stale,
    )


def _for(source: MemorySource, memory: Memory) -> MemorySource:
    return MemorySource(
        memory=memory,
        chat=source.chat,
        message=source.message,
        evidence=source.evidence,
        stale=source.stale,
    )


def _memories(
    notebook: Notebook, made: Notebook, sources: _Sources, old_chat: str, new_chat: str
) -> Iterator[tuple[Memory, list[MemorySource]]]:
    """Copies of what stands in the fork, with their sources there."""
    rows = contents(notebook.uid).memories
    standing = standings(
        Row(
            row.uid,
            row.status,
            row.supersedes_id,
            sourced=row.uid in sources,
            supported=any(not source.stale for source in sources.get(row.uid, ())),
        )
        for row in rows.values()
    )
    for row in rows.values():
        is_here = row.scope == _CHARACTER or row.chat == old_chat
        if row.text and is_here and standing[row.uid] == Standing.ACTIVE:
            yield _copy(row, made, new_chat), sources.get(row.uid, [])


def _copy(memory: Memory, notebook: Notebook, chat: str) -> Memory:
    """The same fact in another notebook, or of another chat, without its past."""
    return Memory(
        notebook=notebook,
        scope=memory.scope,
        chat=chat if memory.chat else "",
        text=memory.text,
        author=memory.author,
        importance=memory.importance,
        pinned=memory.pinned,
        origin=memory.origin or memory.uid,
        created_at=memory.created_at,
        recalled_at=memory.recalled_at,
    )


def _copy_summaries(
    notebook: Notebook, messages: Mapping[str, str], old_chat: str, new_chat: str
) -> None:
    """Summaries and readings hang on messages; what was carried here hangs on none."""
    copied = {**messages, "": ""}
    summaries = [row for row in Summary.objects.filter(chat=old_chat) if row.last_message in copied]
    Summary.objects.bulk_create(_summary(row, notebook, new_chat, copied) for row in summaries)
    readings = [row for row in Reading.objects.filter(chat=old_chat) if row.message in messages]
    Reading.objects.bulk_create(
        Reading(chat=new_chat, message=messages[row.message], position=row.position)
        for row in readings
    )


def _summary(
    summary: Summary, notebook: Notebook, chat: str, messages: Mapping[str, str]
) -> Summary:
    return Summary(
        notebook=notebook,
        chat=chat,
        level=summary.level,
        first_position=summary.first_position,
        last_position=summary.last_position,
        last_message=messages[summary.last_message],
        text=summary.text,
        tokens=summary.tokens,
        author=summary.author,
        model=summary.model,
        pinned=summary.pinned,
        stale=summary.stale,
        created_at=summary.created_at,
        edited_at=summary.edited_at,
    )


@transaction.atomic
def carry(
    notebook: Notebook,
    *,
    old_chat: str,
    new_chat: str,
    text: str = "",
    memories: Iterable[str] = (),
) -> Summary | None:
    """Let a new chat of the same notebook begin with what another one came to.

    `text` becomes a summary that stands before everything; "" for none. `memories` are uids of
    facts of the old chat that become facts of the new one; others are shared anyway. Twice is
    once. Raises Invalid.
    """
    text = clean(text).strip()
    if len(text) > SUMMARY_CHARS_MOST:
        raise Invalid(
            f"The summary has more than {SUMMARY_CHARS_MOST:,} characters.", param="summary"
        )
    changed(notebook.uid)
    wanted = set(memories)
    here = {row.text for row in known(notebook.uid, new_chat) if row.scope == _CHAT}
    Memory.objects.bulk_create(
        _copy(row, notebook, new_chat)
        for row in known(notebook.uid, old_chat)
        if row.uid in wanted and row.scope == _CHAT and row.text not in here
    )
    if not text:
        return None
    values = {"notebook": notebook, "text": text, "tokens": default_counter().count(text)}
    return Summary.objects.update_or_create(
        chat=new_chat,
        level=0,
        first_position=0,
        last_message="",
        defaults={**values, "last_position": -1, "author": Summary.Author.CARRIED},
    )[0]
