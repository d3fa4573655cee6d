"""The parts of a prompt with their sizes, while it is decided what stays."""

from collections.abc import Callable
from typing import Any, Final

from engine.blocks import (
    Injection,
    TextBlock,
    example_blocks,
    injections,
    leading_blocks,
    post_history,
)
from engine.expander import Expander
from engine.parts import Block, Budget, PromptParts
from engine.tokens import TokenCounter

MESSAGE_OVERHEAD_TOKENS: Final = 4
REPLY_PRIMER_TOKENS: Final = 3
HISTORY_STEP: Final = 8
"""Old messages go in steps of this many, so that the start of the prompt, which upstreams
keep in their caches, stays the same for several turns."""
_LONG_HISTORY: Final = 4 * HISTORY_STEP
# The blank line between two blocks, and the line and dash of a memory.
_SEAM_TOKENS: Final = 2
MEMORIES_TITLE: Final = "What you remember:\n"
SUMMARY_TITLE: Final = "What happened before:\n"
_CUT_ORDER: Final = ("preferences", "persona", "personality", "scenario")
_SPARED: Final = ("main prompt", "description")
_OVER: Final = "over budget"


class Draft:
    """What may go in, its sizes in tokens, and what was cut so far."""

    def __init__(
        self, parts: PromptParts, budget: Budget, counter: TokenCounter, expand: Expander
    ) -> None:
        self.count: Callable[[str], int] = counter.count
        self.budget = budget.prompt_tokens
        self.leading = leading_blocks(parts, expand)
        self.examples = example_blocks(parts, expand)
        self.injections = injections(parts, expand)
        self.tail = post_history(parts, expand)
        self.memories = list(parts.memories)
        self.summary = parts.summary
        self.history = parts.history
        self.first_position = parts.first_position
        self.prefill = parts.prefill
        self.cut: list[Block] = []
        self.sizes = [self.count(m.content) + MESSAGE_OVERHEAD_TOKENS for m in parts.history]
        self._history_total = sum(self.sizes)

    def sized(self, text: str) -> int:
        """Tokens of a piece of a message, with what joins it to the next."""
        return self.count(text) + _SEAM_TOKENS

    def total(self) -> int:
        total = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS + self._history_total
        for text in (self.tail, self.prefill):
            total += self.count(text) + MESSAGE_OVERHEAD_TOKENS if text else 0
        total += sum(self.sized(block.text) for block in (*self.leading, *self.examples))
        for injection in self.injections:
            total += MESSAGE_OVERHEAD_TOKENS + sum(self.sized(b.text) for b in injection.blocks)
        if self.memories:
            total += self.sized(MEMORIES_TITLE) + sum(map(self.sized, self.memories))
        if self.summary:
            total += self.sized(SUMMARY_TITLE) + self.sized(self.summary)
        return total

    def fit(self) -> int:
        """Cut until it fits: examples, the oldest history, memories, lore, then the rest.

        Returns the tokens of what stays.
        """
        total = self.total()
        excess = total - self.budget
        if excess <= 0:
            return total
        for cut in (self._first_cuts, self._examples, self._history, self._memories, self._rest):
            if excess <= 0:
                break
            excess = cut(excess)
        if excess > 0:
            # What must stay is larger than the window: keep the instructions whole and trust
            # the upstream's own limit. The manifest says so.
            self._note("overflow", "prompt", excess, reason="cannot be cut")
        return self.total()

    def _note(
        self, name: str, source: str, tokens: int, *, reason: str = _OVER, **more: Any
    ) -> None:
        """Record what did not go in."""
        cut = Block(name=name, source=source, tokens=tokens, kept=False, reason=reason, **more)
        self.cut.append(cut)

    def _drop(self, block: TextBlock, depth: int | None = None) -> int:
        """Take one block out. Returns the tokens that frees."""
        freed = self.sized(block.text)
        for injection in self.injections:
            if any(kept is block for kept in injection.blocks):
                depth = injection.depth
                freed += self._thin(injection, block)
                break
        self.leading = [kept for kept in self.leading if kept is not block]
        self.examples = [kept for kept in self.examples if kept is not block]
        self._note(block.name, block.source, freed, text=block.text, depth=depth)
        return freed

    def _thin(self, injection: Injection, block: TextBlock) -> int:
        """Take a block out of what stands among the messages; an empty message goes with it."""
        blocks = tuple(kept for kept in injection.blocks if kept is not block)
        place = self.injections.index(injection)
        if blocks:
            thinner = Injection(injection.depth, injection.role, blocks, injection.is_from_start)
            self.injections[place] = thinner
            return 0
        del self.injections[place]
        return MESSAGE_OVERHEAD_TOKENS

    def _all_blocks(self) -> list[TextBlock]:
        among = [block for injection in self.injections for block in injection.blocks]
        return [*self.leading, *self.examples, *among]

    def _drop_each(self, blocks: list[TextBlock], excess: int) -> int:
        for block in blocks:
            if excess <= 0:
                break
            excess -= self._drop(block)
        return excess

    def _first_cuts(self, excess: int) -> int:
        """What its author marked as the first to go."""
        return self._drop_each([b for b in self._all_blocks() if b.is_first_cut], excess)

    def _examples(self, excess: int) -> int:
        own = [block for block in self.examples if block.name == "examples"]
        return self._drop_each(own[::-1], excess)

    def _history(self, excess: int) -> int:
        """Drop the oldest messages, never the newest of the user's or what follows it."""
        most = min(self._newest_user(), len(self.history))
        drop = freed = 0
        while drop < most and freed < excess:
            freed += self.sizes[drop]
            drop += 1
        if not drop:
            return excess
        if len(self.history) - drop > _LONG_HISTORY:
            step = -(self.first_position + drop) % HISTORY_STEP
            freed += sum(self.sizes[drop : drop + step])
            drop += step
        self.history = self.history[drop:]
        self.sizes = self.sizes[drop:]
        self._history_total -= freed
        self._note("history", "chat", freed, messages=drop)
        return excess - freed

    def _newest_user(self) -> int:
        """Index of the newest user message, or the length if there is none."""
        last = len(self.history) - 1
        return next((i for i in range(last, -1, -1) if self.history[i].role == "user"), last + 1)

    def _memories(self, excess: int) -> int:
        while self.memories and excess > 0:
            text = self.memories.pop()
            freed = self.sized(text)
            freed += 0 if self.memories else self.sized(MEMORIES_TITLE)
            excess -= freed
            self._note("memories", "memory", freed, text=text)
        return excess

    def _rest(self, excess: int) -> int:
        """Lore from the lowest order up, then what the character can do without."""
        lore = [block for block in self._all_blocks() if block.name.startswith("lore")]
        excess = self._drop_each(sorted(lore, key=lambda block: block.order), excess)
        for name in _CUT_ORDER:
            excess = self._drop_each([b for b in self.leading if b.name == name], excess)
        left = [block for block in self._all_blocks() if block.name not in _SPARED]
        return self._drop_each(left, excess)
