"""Deleting for good what was learnt from messages that are deleted for good."""

from collections.abc import Collection, Iterator
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from memory import vectors
from memory.models import IndexBlock, Memory, MemorySource, Reading, Summary
from memory.rows import changed, delete_memories
from memory.vectors import Kind

_AT_ONCE: Final = 500


@transaction.atomic
def clear_chat(chat_uid: str) -> None:
    """Delete all that came from a chat alone."""
    _clear_sources(MemorySource.objects.filter(chat=chat_uid))
    delete_memories(Memory.objects.filter(chat=chat_uid))
    _clear_summaries(Summary.objects.filter(chat=chat_uid))
    Reading.objects.filter(chat=chat_uid).delete()
    IndexBlock.objects.filter(chat=chat_uid).delete()
    vectors.forget_scope(Kind.PASSAGE, chat_uid)


@transaction.atomic
def clear_messages(chat_uid: str, messages: Collection[str]) -> None:
    """The same for messages of a chat, all of which are in the trash."""
    for some in _batches(messages):
        _clear_sources(MemorySource.objects.filter(chat=chat_uid, message__in=some))
        _clear_summaries(Summary.objects.filter(chat=chat_uid, last_message__in=some))
        Reading.objects.filter(chat=chat_uid, message__in=some).delete()
        vectors.forget(Kind.PASSAGE, chat_uid, some)


def _batches(uids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(uids)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _clear_sources(sources: "QuerySet[MemorySource]") -> None:
    """Delete these sources, and the memories that have no other."""
    learnt = set(sources.values_list("memory_id", flat=True))
    sources.delete()
    for some in _batches(learnt):
        delete_memories(Memory.objects.filter(uid__in=some, sources=None))


def _clear_summaries(summaries: "QuerySet[Summary]") -> None:
    for notebook in sorted(set(summaries.values_list("notebook", flat=True))):
        changed(notebook)
    summaries.delete()
