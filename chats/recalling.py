"""What a turn calls to mind: facts that fit, and passages of the chat that left its window.

A chat that fits its window and has learnt nothing costs nothing here.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from chats import passages
from chats.models import Chat, Message
from chats.passages import Found
from chats.tree import Node
from core.ids import short
from engine.assemble import MESSAGE_OVERHEAD_TOKENS, Prompt
from engine.recalled import Recalled, recall_tokens
from engine.tokens import default_counter
from jobs.queue import enqueue
from jobs.work import Work
from memory import facts
from memory.facts import Fact, Facts
from memory.recall import Hit
from memory.recall.words import terms
from memory.vectors import Kind, Place, Question

INDEX: Final = "index"
FACTS_MOST: Final = 64
PASSAGES_MOST: Final = 24
_TERMS_LEAST: Final = 2
QUESTION_CHARS: Final = 500
_CONTEXT_CHARS: Final = 300
_LINE_TOKENS: Final = 5
_STEP: Final = 8
_FRAME_TOKENS: Final = 600
"""What a prompt has besides the card's texts and history: instructions, titles, seams."""


class Asked(NamedTuple):
    """What recall needs to know of a turn.

    `path` ends with what is answered; `tokens` is the size of each of its messages.
    `fixed_tokens` is what the prompt has besides history, as far as it is known. `is_again` says
    that messages are shown below the path, of which this turn must not know; `reply_uid` is one
    that it goes on with. `meaning` is what it answers as a vector, where one could be had.
    """

    chat: Chat
    path: Sequence[Node]
    user_name: str
    now: datetime
    context_tokens: int
    prompt_tokens: int
    tokens: Sequence[int]
    fixed_tokens: int = 0
    is_again: bool = False
    reply_uid: str = ""
    meaning: Question | None = None


class Called(NamedTuple):
    """What may go into the prompt, best first, and what the manifest says of the search."""

    items: tuple[Recalled, ...] = ()
    record: dict[str, Any] | None = None


def call_up(asked: Asked) -> Called:
    """Everything that may be called to mind for this turn. Call inside its transaction."""
    known = _facts(asked)
    start = _window_start(asked)
    if known is None and not start:
        return Called()
    question = question_of(asked.path)
    ranked = _ranked(known, question, asked) if known else []
    remembered = [_remembered(fact) for fact in ranked[:FACTS_MOST]]
    if not start:
        return Called(tuple(remembered))
    found = search(
        asked.chat,
        question,
        asked.user_name,
        before=start,
        now=asked.now,
        meaning=asked.meaning,
    )
    if found.is_due:
        enqueue(INDEX, asked.chat.uid, user_id=asked.chat.user_id, is_urgent=False)
    said = said_before(found)
    record: dict[str, Any] = {"searched_before": start, "stale": found.unread}
    if asked.meaning:
        record |= {"embedder": asked.meaning.model, "by_words_only": found.unembedded}
    room = recall_tokens(asked.context_tokens) // 2
    return Called(tuple(_mixed(remembered, said, room)), record)


def search(
    chat: Chat,
    question: str,
    asker: str,
    *,
    before: int,
    now: datetime,
    k: int = PASSAGES_MOST,
    meaning: Question | None = None,
) -> Found:
    """The passages before a position that fit a question, as a turn searches them."""
    return passages.search(
        chat, question, before=before, k=k, now=now, asker=asker, meaning=meaning
    )


def said_before(found: Found) -> list[Recalled]:
    """Passages as a prompt takes them."""
    return [_said(hit, place) for hit, place in zip(found.hits, found.positions, strict=True)]


def index_chat(chat_uid: str) -> int:
    """Store the analysis of what was said in a chat, in bounded steps.

    Returns how many steps there are still to do. Safe to run twice, and beside turns.
    """
    return passages.write_blocks(chat_uid)


def run_index(work: Work) -> bool:
    """The job of that."""
    return index_chat(work.key) > 0


def question_of(path: Sequence[Node]) -> str:
    """What is looked for: the person's newest message, of a long one its beginning and its end.

    One that tells little is read with the message before it.
    """
    said = [node for node in path[-_STEP:] if not node.hidden]
    last = next((i for i in range(len(said) - 1, -1, -1) if said[i].role == "user"), None)
    if last is None:
        return said[-1].content if said else ""
    question = said[last].content
    if last and len(terms(question)) < _TERMS_LEAST:
        return f"{said[last - 1].content[-_CONTEXT_CHARS:]}\n{question}"
    if len(question) > QUESTION_CHARS:
        half = QUESTION_CHARS // 2
        return f"{question[:half]}\n{question[-half:]}"
    return question


def _ranked(known: Facts, question: str, asked: Asked) -> list[Fact]:
    chat = asked.chat
    place = Place(chat.user_id, Kind.MEMORY, chat.notebook_id or "")
    return known.ranked(
        question, chat_uid=chat.uid, now=asked.now, meaning=asked.meaning, place=place
    )


def record_of(called: Called, prompt: Prompt) -> dict[str, Any]:
    """What the manifest says of it beside the blocks: the search, and the uids in all blocks."""
    uids = sorted({uid for block in prompt.manifest.blocks for uid in block.uids})
    found: dict[str, Any] = {"recalled": uids} if uids else {}
    return {**found, "recall": called.record} if called.record else found


def note_used(chat: Chat, prompt: Prompt, now: datetime) -> None:
    """Remember which facts were in a prompt."""
    notebook = chat.notebook
    if notebook is not None and notebook.version:
        used = {
            b.uids[0] for b in prompt.manifest.blocks if b.kept and b.name == "memories" and b.uids
        }
        facts.note_recalled(notebook, used, now)


def _facts(asked: Asked) -> Facts | None:
    """What the chat's notebook holds for this turn, or None without asking if it holds nothing."""
    notebook = asked.chat.notebook
    if notebook is None or not notebook.version:
        return None
    later = _later(asked) if asked.is_again else []
    return facts.facts_without(notebook, later) if later else facts.facts_of(notebook)


def _later(asked: Asked) -> list[str]:
    """The messages that are shown below the path but for one that is gone on with."""
    end = asked.path[-1].position if asked.path else -1
    rows = Message.objects.filter(chat=asked.chat.uid, active=True, position__gt=end)
    return list(rows.exclude(uid=asked.reply_uid).values_list("uid", flat=True))


def _window_start(asked: Asked) -> int:
    """The position from which on messages are in the window for sure; 0 if all of them are.

    Passages above it that turn out to be in the window are left out when it is known.
    """
    path = asked.path
    if not path or not asked.chat.uid:
        return 0
    recall = recall_tokens(asked.context_tokens)
    room = asked.prompt_tokens - recall - asked.fixed_tokens - _FRAME_TOKENS
    is_whole = path[0].position == 0
    fitting = _fitting(asked.tokens, max(0, room))
    # A token is hardly ever less than a character.
    if is_whole and (fitting == len(path) or sum(len(node.content) for node in path) <= room):
        return 0
    end = path[-1].position + 1
    start = path[len(path) - fitting].position if fitting else end
    return min(end, -(-start // _STEP) * _STEP)


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the newest messages, of these sizes, fit into so many tokens."""
    if sum(sizes) + MESSAGE_OVERHEAD_TOKENS * len(sizes) <= room:
        return len(sizes)
    for fitting, size in enumerate(reversed(sizes)):
        room -= size + MESSAGE_OVERHEAD_TOKENS
        if room < 0:
            return fitting
    return len(sizes)


def _mixed(remembered: Iterable[Recalled], said: Iterable[Recalled], room: int) -> list[Recalled]:
    """Facts first, up to so many tokens, then passages, then other facts."""
    count = default_counter().count
    first, rest = list[Recalled](), list[Recalled]()
    for item in remembered:
        room -= count(item.text) + _LINE_TOKENS
        (first if room >= 0 else rest).append(item)
    return [*first, *said, *rest]


def _remembered(fact: Fact) -> Recalled:
    memory = fact.memory
    return Recalled(
        text=memory.text,
        source=f"memory:{memory.uid}",
        kind="memory",
        score=round(fact.score, 4),
        uids=(memory.uid,),
        place=int(memory.created_at.timestamp()),
    )


def with_handles(items: Sequence[Recalled]) -> tuple[Recalled, ...]:
    """The same, with what tools call the memories by."""
    return tuple(
        msgspec.structs.replace(item, handle=short(item.uids[0])) if item.kind == "memory" else item
        for item in items
    )


def _said(hit: Hit, position: int) -> Recalled:
    return Recalled(
        text=hit.text,
        source=f"message:{hit.ids[0]}",
        kind="passage",
        score=round(hit.score, 4),
        uids=hit.ids,
        place=position,
    )
