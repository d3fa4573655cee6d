"""From parts to a prompt within budget. Pure: no clock, no chance, no I/O.

When there is too much, this goes first: example dialogues, then the oldest history (a summary
stands in for it), then memories from the least relevant, then lore. The main prompt, the
description and the newest user message are never cut.
"""

from typing import Final

import msgspec

from engine.blocks import examples, post_history, system_blocks
from engine.parts import (
    Block,
    Budget,
    CharacterParts,
    HistoryMessage,
    Manifest,
    Preferences,
    PromptParts,
)
from engine.tokens import TokenCounter
from engine.types import ChatMessage

MESSAGE_OVERHEAD_TOKENS: Final = 4
REPLY_PRIMER_TOKENS: Final = 3
# The blank line between two blocks, and the line and dash of a memory.
_SEAM_TOKENS: Final = 2
_MEMORIES_TITLE: Final = "What you remember:\n"
_SUMMARY_TITLE: Final = "What happened before:\n"
_CUT_ORDER: Final = (
    "lore after",
    "lore before",
    "preferences",
    "persona",
    "personality",
    "scenario",
)


class Prompt(msgspec.Struct, frozen=True):
    """What is sent, what it is made of, and its size in tokens by our count."""

    messages: tuple[ChatMessage, ...]
    manifest: Manifest
    tokens: int


class _Draft:
    """The parts with their sizes, while it is decided what stays."""

    def __init__(self, parts: PromptParts, budget: Budget, counter: TokenCounter) -> None:
        self.count = counter.count
        self.budget = budget.prompt_tokens
        self.system = [(block, self.sized(block.text)) for block in system_blocks(parts)]
        self.tail = post_history(parts.character, parts.user_name)
        self.examples = [
            (text, self.sized(text)) for text in examples(parts.character, parts.user_name)
        ]
        self.memories = [(text, self.sized(text)) for text in parts.memories]
        self.summary = parts.summary
        self.history = parts.history
        self.prefill = parts.prefill
        self.cut: list[Block] = []
        count = self.count
        self.sizes = [count(m.content) + MESSAGE_OVERHEAD_TOKENS for m in parts.history]
        self.fixed = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS
        for text in (self.tail, self.summary, self.prefill):
            self.fixed += count(text) + MESSAGE_OVERHEAD_TOKENS if text else 0
        titles = ((_MEMORIES_TITLE, parts.memories), (_SUMMARY_TITLE, parts.summary))
        self.fixed += sum(self.sized(title) for title, content in titles if content)

    def sized(self, text: str) -> int:
        """Tokens of a piece of the system message, with what joins it to the next."""
        return self.count(text) + _SEAM_TOKENS

    def total(self) -> int:
        pieces = (self.system, self.examples, self.memories)
        return self.fixed + sum(self.sizes) + sum(size for piece in pieces for _, size in piece)


def assemble(parts: PromptParts, budget: Budget, *, counter: TokenCounter) -> Prompt:
    """The prompt for these parts, and the manifest of what was kept and cut."""
    draft = _Draft(parts, budget, counter)
    if draft.total() > draft.budget:
        _cut_examples(draft)
        _cut_history(draft)
        _cut_memories(draft)
        _cut_system(draft)
        _note_overflow(draft)
    tokens = draft.total()
    manifest = Manifest(
        blocks=(*_kept(draft), *draft.cut), budget_tokens=draft.budget, total_tokens=tokens
    )
    return Prompt(messages=tuple(_messages(draft)), manifest=manifest, tokens=tokens)


def _cut_examples(draft: _Draft) -> None:
    while draft.examples and draft.total() > draft.budget:
        _, size = draft.examples.pop()
        draft.cut.append(Block("examples", "card", size, False, "over budget"))


def _newest_user(draft: _Draft) -> int:
    """Index of the newest user message, or the length if there is none."""
    last = len(draft.history) - 1
    return next((i for i in range(last, -1, -1) if draft.history[i].role == "user"), last + 1)


def _cut_history(draft: _Draft) -> None:
    """Drop the oldest messages, never the newest of the user's or what follows it."""
    excess = draft.total() - draft.budget
    most = min(_newest_user(draft), len(draft.history))
    drop = freed = 0
    while drop < most and freed < excess:
        freed += draft.sizes[drop]
        drop += 1
    if drop:
        draft.history = draft.history[drop:]
        draft.sizes = draft.sizes[drop:]
        draft.cut.append(Block("history", "chat", freed, False, "over budget", drop))


def _cut_memories(draft: _Draft) -> None:
    while draft.memories and draft.total() > draft.budget:
        _, size = draft.memories.pop()
        draft.cut.append(Block("memories", "memory", size, False, "over budget"))


def _cut_system(draft: _Draft) -> None:
    for name in _CUT_ORDER:
        if draft.total() <= draft.budget:
            return
        for entry in [entry for entry in draft.system if entry[0].name == name]:
            draft.system.remove(entry)
            block, size = entry
            draft.cut.append(Block(block.name, block.source, size, False, "over budget"))


def _note_overflow(draft: _Draft) -> None:
    """Nothing is left to drop: keep the instructions whole and trust the upstream's own limit.

    What must stay is larger than the window. The manifest says so; the caller sees the count.
    """
    excess = draft.total() - draft.budget
    if excess > 0:
        draft.cut.append(Block("overflow", "prompt", excess, False, "cannot be cut"))


def _kept(draft: _Draft) -> list[Block]:
    blocks = [Block(block.name, block.source, size) for block, size in draft.system]
    if draft.memories:
        size = sum(size for _, size in draft.memories)
        blocks.append(Block("memories", "memory", size, messages=len(draft.memories)))
    if draft.summary:
        blocks.append(Block("summary", "memory", draft.count(draft.summary)))
    if draft.examples:
        size = sum(size for _, size in draft.examples)
        blocks.append(Block("examples", "card", size, messages=len(draft.examples)))
    if draft.history:
        blocks.append(Block("history", "chat", sum(draft.sizes), messages=len(draft.history)))
    if draft.tail:
        blocks.append(Block("post-history", "card", draft.count(draft.tail)))
    if draft.prefill:
        blocks.append(Block("prefill", "chat", draft.count(draft.prefill)))
    return blocks


def _messages(draft: _Draft) -> list[ChatMessage]:
    """One leading system message, the history, a trailing instruction, and the prefill."""
    texts = [block.text for block, _ in draft.system]
    if draft.memories:
        remembered = "\n".join(f"- {text}" for text, _ in draft.memories)
        texts.append(f"{_MEMORIES_TITLE}{remembered}")
    if draft.summary:
        texts.append(f"{_SUMMARY_TITLE}{draft.summary}")
    texts += [text for text, _ in draft.examples]
    messages = [ChatMessage("system", "\n\n".join(texts))]
    messages += [ChatMessage(m.role, m.content, m.name) for m in draft.history]
    if draft.tail:
        messages.append(ChatMessage("system", draft.tail))
    if draft.prefill:
        messages.append(ChatMessage("assistant", draft.prefill))
    return messages


__all__ = [
    "Budget",
    "CharacterParts",
    "HistoryMessage",
    "Preferences",
    "Prompt",
    "PromptParts",
    "assemble",
]
