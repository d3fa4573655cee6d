"""The job that reads a chat for memories: what is new on its shown path, a few messages a time."""

from functools import partial
from typing import Any, Final, NamedTuple

from chats import remembering, spans
from chats.models import Chat
from chats.voices import voice_of
from core.prepared import Select
from core.trips import read_together
from jobs.work import Work
from llm.registry import ModelSpec
from memory import extraction
from memory.models import Memory, Notebook
from memory.writing import prompts, rules, upstream
from memory.writing.answers import FACTS_MOST, facts_in
from memory.writing.said import Said

BACK_MOST: Final = 60
"""On its own, reading begins so many messages before the end; people may ask for all."""
CALLS_MOST: Final = 20
_CHARS_MOST: Final = 16_000
_CHARS_PER_TOKEN: Final = 3
_FRAME_TOKENS: Final = 1_600
_REPLY_TOKENS: Final = 1_000


class _Reader(NamedTuple):
    """A job that reads a chat, where it writes, and which model it asks."""

    work: Work
    chat: Chat
    notebook: Notebook
    spec: ModelSpec


def extract(work: Work) -> bool | str | None:
    """Read what is new in the chat that is the job's key. True if there is more than one go."""
    chat = chat_of(work)
    if chat is None or chat.notebook is None or not chat.notebook.remembers:
        return "nothing to remember"
    spec = voice_of(chat.user, chat.character).spec
    is_all = bool(work.payload.get("all"))
    if spec.supports_tools and not (is_all or work.payload.get("without_tools")):
        return "the model remembers as it replies"
    reader = _Reader(work, chat, chat.notebook, spec)
    tried: set[int] = set()
    for _ in range(CALLS_MOST):
        work.keep()
        start, end = _unread(chat, is_all=is_all)
        if start in tried:
            return "its messages are being changed"
        tried.add(start)
        if start >= end:
            return None
        names = spans.names_of(chat)
        said = _batch(spans.said_from(chat.uid, names, start))
        if not said:
            return None
        _read(reader, names, said, work.done + -(-(end - start) // spans.READ_MOST))
    return True


_chat: Select[Chat] = Select(
    lambda uid: Chat.objects.select_related("user", "character", "notebook").filter(
        uid=uid, trashed_at=None
    ),
    uid=str,
)


def chat_of(work: Work) -> Chat | None:
    """The chat that a job is about, with its notebook; None if it is gone or in the trash."""
    chat = _chat.first(uid=work.key)
    if chat is not None:
        remembering.give_notebook(chat)
    if chat is not None and chat.notebook is not None:
        chat.notebook.user = chat.user  # asked for with every fact
    return chat


_reached: Select[Any] = Select(lambda chat: extraction.reached(chat, spans.is_shown()), chat=str)


def _unread(chat: Chat, *, is_all: bool) -> tuple[int, int]:
    """The position to read from, and the one after the last."""
    reached, newest = read_together(
        _reached.bind(chat=chat.uid), spans.newest_position.bind(chat=chat.uid)
    )
    start, end = spans.after(reached), spans.after(newest)
    return (start if is_all else max(start, end - BACK_MOST)), end


def _batch(said: list[Said]) -> list[Said]:
    """As many of the first messages as go into one call, at least one."""
    room = _CHARS_MOST
    for place, message in enumerate(said):
        room -= len(message.text)
        if room < 0:
            return said[: max(1, place)]
    return said


def _read(reader: _Reader, names: spans.Names, said: list[Said], total: int) -> None:
    """Read one batch. What it says is kept only if its messages are still there as they were."""
    work, chat, notebook, spec = reader
    held = extraction.known_to(notebook, chat.uid)
    known = [memory.text for memory in held]
    if upstream.is_scripted(spec):
        facts = rules.facts_of(said, known)
        with work.writing(total=total):
            if spans.are_same(chat.uid, said):
                extraction.write(notebook, chat.uid, said, facts, held)
        return
    chars = min(
        _CHARS_MOST,
        _CHARS_PER_TOKEN * max(200, spec.context_tokens - _FRAME_TOKENS - _REPLY_TOKENS),
    )
    order = upstream.Order(
        spec=spec,
        messages=prompts.extract(
            said,
            known,
            person=names.person,
            character=names.character,
            most=FACTS_MOST,
            chars=chars,
        ),
        reply_tokens=min(_REPLY_TOKENS, spec.context_tokens // 3),
        character=chat.character.uid,
    )
    upstream.ask(work, order, partial(_keep, chat.uid, notebook, said, held), total=total)


def _keep(
    chat_uid: str, notebook: Notebook, said: list[Said], held: list[Memory], answer: str
) -> None:
    if spans.are_same(chat_uid, said):
        facts = facts_in(answer, messages=len(said), known=len(held))
        extraction.write(notebook, chat_uid, said, facts, held)
