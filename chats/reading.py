"""The job that reads a chat for memories: what is new on its shown path, a few messages a time."""

from functools import partial
from typing import Final

from chats import remembering, spans
from chats.memorising import length_of
from chats.models import Chat
from chats.voices import voice_of
from jobs.work import Work
from llm.registry import ModelSpec
from memory import extraction
from memory.models import Memory, Notebook
from memory.writing import prompts, rules, upstream
from memory.writing.answers import FACTS_MOST, facts_in
from memory.writing.said import Said

MESSAGES_MOST: Final = 12
"""Messages of one call."""
BACK_MOST: Final = 60
"""On its own, reading begins so many messages before the end; people may ask for all."""
CALLS_MOST: Final = 20
_CHARS_MOST: Final = 16_000
_CHARS_PER_TOKEN: Final = 3
_FRAME_TOKENS: Final = 1_600
_REPLY_TOKENS: Final = 1_000


def extract(work: Work) -> bool | str | None:
    """Read what is new in the chat that is the job's key. True if there is more than one go."""
    chat = chat_of(work)
    if chat is None or chat.notebook is None or not chat.notebook.remembers:
        return "nothing to remember"
    spec = voice_of(chat.user, chat.character).spec
    is_all = bool(work.payload.get("all"))
    if spec.supports_tools and not (is_all or work.payload.get("without_tools")):
        return "the model remembers as it replies"
    tried: set[int] = set()
    for _ in range(CALLS_MOST):
        work.keep()
        start = _start(chat, is_all=is_all)
        if start in tried:
            return "its messages are being changed"
        tried.add(start)
        said = _batch(spans.said_from(chat, start, MESSAGES_MOST))
        if not said:
            return None
        left = max(0, length_of(chat.uid) - start)
        total = work.done + -(-left // MESSAGES_MOST)
        _read(work, chat, chat.notebook, spec, said, total)
    return True


def chat_of(work: Work) -> Chat | None:
    """The chat that a job is about, with its notebook; None if it is gone or in the trash."""
    chat = (
        Chat.objects.select_related("user", "character", "notebook")
        .filter(uid=work.key, trashed_at=None)
        .first()
    )
    if chat is not None:
        remembering.give_notebook(chat)
    return chat


def _start(chat: Chat, *, is_all: bool) -> int:
    """The position to read from."""
    read = extraction.read_until(chat.uid, spans.is_shown())
    return read if is_all else max(read, length_of(chat.uid) - BACK_MOST)


def _batch(said: list[Said]) -> list[Said]:
    """As many of the first messages as go into one call, at least one."""
    room = _CHARS_MOST
    for place, message in enumerate(said):
        room -= len(message.text)
        if room < 0:
            return said[: max(1, place)]
    return said


def _read(
    work: Work, chat: Chat, notebook: Notebook, spec: ModelSpec, said: list[Said], total: int
) -> None:
    """Read one batch. What it says is kept only if its messages are still there as they were."""
    held = extraction.known_to(notebook, chat.uid)
    known = [memory.text for memory in held]
    if upstream.is_scripted(spec):
        with work.writing(total=total):
            facts = rules.facts_of(said, known)
            if spans.are_same(chat, said):
                extraction.write(notebook, chat.uid, said, facts, held)
        return
    person, character = spans.names_of(chat)
    chars = min(
        _CHARS_MOST,
        _CHARS_PER_TOKEN * max(200, spec.context_tokens - _FRAME_TOKENS - _REPLY_TOKENS),
    )
    order = upstream.Order(
        spec=spec,
        messages=prompts.extract(
            said, known, person=person, character=character, most=FACTS_MOST, chars=chars
        ),
        reply_tokens=min(_REPLY_TOKENS, spec.context_tokens // 3),
        character=chat.character.uid,
    )
    upstream.ask(work, order, partial(_keep, chat, notebook, said, held), total=total)


def _keep(
    chat: Chat, notebook: Notebook, said: list[Said], held: list[Memory], answer: str
) -> None:
    if spans.are_same(chat, said):
        facts = facts_in(answer, messages=len(said), known=len(held))
        extraction.write(notebook, chat.uid, said, facts, held)
