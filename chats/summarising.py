"""The job that sums up what left, or soon leaves, the window of a chat; a span a call."""

from collections.abc import Callable
from functools import cached_property
from typing import Final, NamedTuple

from chats import spans
from chats.models import Chat
from chats.reading import chat_of
from chats.voices import voice_of
from engine.tokens import default_counter
from engine.types import ChatMessage
from jobs.work import Work
from llm.registry import ModelSpec
from memory import summaries
from memory.models import Notebook
from memory.summaries import Written
from memory.writing import picking, prompts, upstream
from memory.writing.answers import summary_in
from memory.writing.said import Said
from memory.writing.spans import Span, cut

STEPS_MOST: Final = 20
SCRIPTED: Final = "extract"
"""What stands in a summary for the model, when its sentences are the messages' own."""
_TOKENS: Final = (180, 300, 400, 500)
"""How long a summary may be, by level."""
_WORDS_PER_TOKEN: Final = 0.6
_SOURCE_CHARS_MOST: Final = 12_000
_CHARS_PER_TOKEN: Final = 3
_FRAME_TOKENS: Final = 500


def summarise(work: Work) -> bool | str | None:
    """Write what is missing of the chat that is the job's key. True if there is more to do."""
    chat = chat_of(work)
    if chat is None or chat.notebook is None or not chat.notebook.summarises:
        return "nothing to sum up"
    spec = voice_of(chat.user, chat.character).spec
    writer = _Writer(work, chat, chat.notebook, spec)
    tried: set[tuple[int, Span]] = set()
    for _ in range(STEPS_MOST):
        work.keep()
        there = summaries.written(chat.uid)
        wanted = there.wanted(_until(work, chat, there))
        if not wanted:
            return None
        level, block = wanted[0]
        span, said = (block, []) if level else writer.first_part(block, there.inside(block))
        if (level, span) in tried:
            return "its messages are being changed"
        tried.add((level, span))
        writer.total = work.done + len(wanted)
        if level:
            writer.merge(level, span)
        else:
            writer.sum_up(span, said)
    return True


def _until(work: Work, chat: Chat, there: Written) -> int:
    """The position before which everything is to be summed up: as was asked for, and what is
    there already but stale."""
    asked = work.payload.get("to")
    to = max(asked if isinstance(asked, int) else 0, there.stale_end)
    return min(to, spans.length_of(chat.uid)) if to else 0


class _Source(NamedTuple):
    """What a summary is made of: how to ask a model, how to do without, and if it is unchanged."""

    asked: Callable[[int], tuple[ChatMessage, ...]]
    picked: Callable[[int], str]
    is_same: Callable[[], bool]
    is_empty: bool = False


class _Writer:
    """Writes summaries, from messages or from those of the level below.

    `total` is how many steps the job has, as far as is known.
    """

    def __init__(self, work: Work, chat: Chat, notebook: Notebook, spec: ModelSpec) -> None:
        self._work, self._chat, self._notebook, self._spec = work, chat, notebook, spec
        self._count = default_counter().count
        self.total = 0

    @cached_property
    def _names(self) -> spans.Names:
        return spans.names_of(self._chat)

    def first_part(self, block: Span, there: list[Span]) -> tuple[Span, list[Said]]:
        """The first stretch of a block of messages that is to be written, and what is said there.

        `there` are the usable summaries inside the block.
        """
        said = spans.said_between(self._chat.uid, self._names, block.first, block.last)
        sizes = {message.position: self._count(message.text) for message in said}

        def tokens(span: Span) -> int:
            return sum(sizes.get(at, 0) for at in range(span.first, span.last + 1))

        part = cut(block, there, tokens)[0]
        return part, [message for message in said if part.first <= message.position <= part.last]

    def sum_up(self, span: Span, said: list[Said]) -> None:
        """From the messages of a span."""
        source = _Source(
            asked=lambda words: prompts.summarise(
                said,
                person=self._names.person,
                character=self._names.character,
                words=words,
                chars=self._room(),
            ),
            picked=lambda tokens: picking.pick(said, tokens, self._count),
            is_same=lambda: spans.still_say(self._chat.uid, said),
            is_empty=not said,
        )
        self._write(0, span, source)

    def merge(self, level: int, span: Span) -> None:
        """From the summaries of the level below."""
        texts = summaries.texts_below(self._chat.uid, level, span)
        source = _Source(
            asked=lambda words: prompts.merge(
                texts, person=self._names.person, character=self._names.character, words=words
            ),
            picked=lambda tokens: picking.pick_of(texts, tokens, self._count),
            is_same=lambda: texts == summaries.texts_below(self._chat.uid, level, span),
        )
        self._write(level, span, source)

    def _write(self, level: int, span: Span, source: _Source) -> None:
        tokens = min(_TOKENS[min(level, len(_TOKENS) - 1)], self._spec.context_tokens // 4)

        if source.is_empty or upstream.is_scripted(self._spec):
            text = source.picked(tokens)  # not while what others write waits
            with self._work.writing(total=self.total):
                self._save(level, span, source, text, by_model=False)
            return

        def save(answer: str) -> None:
            """Keep the answer, or the source's own sentences where there is no usable one."""
            text = summary_in(answer, tokens, self._count)
            self._save(level, span, source, text or source.picked(tokens), by_model=bool(text))

        order = upstream.Order(
            spec=self._spec,
            messages=source.asked(int(tokens * _WORDS_PER_TOKEN)),
            reply_tokens=2 * tokens,
            character=self._chat.character.uid,
        )
        upstream.ask(self._work, order, save, total=self.total)

    def _save(self, level: int, span: Span, source: _Source, text: str, *, by_model: bool) -> None:
        if not spans.hold(self._chat.uid):
            return
        last = spans.last_uid(self._chat.uid, span.first, span.last)
        if last and source.is_same():
            summaries.write(
                self._notebook.uid,
                chat=self._chat.uid,
                level=level,
                span=span,
                last_message=last,
                text=text,
                model=self._spec.slug if by_model else SCRIPTED,
            )

    def _room(self) -> int:
        """Characters of messages that fit into the model's window beside the rest."""
        tokens = self._spec.context_tokens * 3 // 4 - _FRAME_TOKENS
        return min(_SOURCE_CHARS_MOST, _CHARS_PER_TOKEN * max(100, tokens))
