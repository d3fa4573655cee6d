"""The parts of a prompt with their sizes, while it is decided what stays."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Any, Final

from engine.blocks import (
    Injection,
    TextBlock,
    example_blocks,
    injections,
    leading_blocks,
    post_history,
)
from engine.cover import Story, Told, story_tokens, told_of
from engine.expander import Expander
from engine.parts import Block, Budget, PromptParts
from engine.recalled import NAMES, Recall, recall_tokens
from engine.tokens import TokenCounter

MESSAGE_OVERHEAD_TOKENS: Final = 4
REPLY_PRIMER_TOKENS: Final = 3
HISTORY_STEP: Final = 8
"""Old messages go in steps of this many, so that the start of the prompt, which upstreams
keep in their caches, stays the same for several turns."""
_LONG_HISTORY: Final = 4 * HISTORY_STEP
# The blank line between two blocks.
_SEAM_TOKENS: Final = 2
_NEARLY_FULL: Final = 0.75
_STAYS: Final = 0.5
"""When a prompt is nearly full, what is older than the newest half of its room leaves soon."""
_CUT_ORDER: Final = ("preferences", "persona", "personality", "scenario")
_SPARED: Final = ("main prompt", "description")
_OVER: Final = "over budget"
# A history may be long: no line of Python is run for each of its messages.
_POSITION: Final = attrgetter("position")
_TOKENS: Final = attrgetter("tokens")


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
        self.recall = Recall(parts.memories, self.sized, recall_tokens(budget.context_tokens))
        self.story = Story(parts.summaries, self.sized, story_tokens(self.budget))
        self.history = parts.history
        self.first_position = parts.first_position
        self._places = _places(parts)
        self.told: list[Told] = self.story.until(self.first_position)
        self.prefill = parts.prefill
        self.cut: list[Block] = []
        self.sizes = _sizes(parts, self.count)
        self._history_total = sum(self.sizes)
        self.tokens = 0
        self._dropped: list[tuple[int, int]] = []
        self._history_cut_at = 0

    def sized(self, text: str) -> int:
        """Tokens of a piece of a message, with what joins it to the next."""
        return self.count(text) + _SEAM_TOKENS

    def total(self) -> int:
        total = REPLY_PRIMER_TOKENS + MESSAGE_OVERHEAD_TOKENS + self._history_total
        for text in (self.tail, self.prefill):
            total += self.count(text) + MESSAGE_OVERHEAD_TOKENS if text else 0
        total += self._sized_all((*self.leading, *self.examples))
        for injection in self.injections:
            total += MESSAGE_OVERHEAD_TOKENS + self._sized_all(injection.blocks)
        return total + self.recall.tokens + self.story.tokens(self.told)

    def _sized_all(self, blocks: Sequence[TextBlock]) -> int:
        return sum([self.count(block.text) for block in blocks]) + _SEAM_TOKENS * len(blocks)

    def fit(self) -> None:
        """Cut until it fits: examples, the oldest history, memories, lore, the rest.

        `tokens` is then the size of what stays.
        """
        self.recall.fill(self._window())
        self.tokens = self.total()
        if self.tokens > self.budget:
            self._cut_down()
            self.tokens = self.total()
        else:
            self._note_unrecalled()
        if self.first_position or self._dropped:
            self._note_history()

    def _note_unrecalled(self) -> None:
        for item, tokens, reason in self.recall.cut:
            self._note(
                NAMES[item.kind],
                item.source,
                tokens,
                reason=reason,
                text=item.text,
                score=item.score,
                uids=item.uids,
            )

    def _window(self) -> set[str]:
        """The messages of the window, if it matters: where something may be called to mind."""
        return {message.uid for message in self.history} if self.recall.has_items else set()

    def _cut_down(self) -> None:
        # Which messages stay is not known yet: what is recalled gets all of its room first.
        self.recall.fill()
        self._cut_while_over(self._first_cuts, self._examples, self._history)
        self.recall.fill(self._window())
        self._cut_while_over(self._recalled)
        self._note_unrecalled()
        excess = self._cut_while_over(self._told, self._rest)
        if excess > 0:
            # What must stay is larger than the window: keep the instructions whole and trust
            # the upstream's own limit. The manifest says so.
            self._note("overflow", "prompt", excess, reason="cannot be cut")

    def _cut_while_over(self, *cuts: Callable[[int], int]) -> int:
        """Cut in this order until it fits. Returns the tokens that are still too much."""
        excess = self.total() - self.budget
        for cut in cuts:
            if excess > 0:
                excess = cut(excess)
        return excess

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
        """Drop the oldest messages, never the newest of the user's or what follows it.

        The window begins after a summary's end if it can, so that no message falls between.
        """
        self._history_cut_at = len(self.cut)
        before = self.story.tokens(self.told)
        most = min(self._newest_user(), len(self.history))
        freed = [0, *accumulate(self.sizes)]

        def left(drop: int) -> int:
            told = self.story.until(self._places[drop]) if drop else self.told
            return excess - freed[drop] + self.story.tokens(told) - before

        least = next((drop for drop in range(most) if left(drop) <= 0), most)
        if not least:
            return excess
        drop = self._at_summary(least, most, freed)
        if drop is None or left(drop) > 0:
            drop = least
            if len(self.history) - drop > _LONG_HISTORY:
                drop += -(self.first_position + drop) % HISTORY_STEP
                drop = drop if left(drop) <= left(least) else least
        after = left(drop)
        self._dropped = list(zip(self._places[:drop], self.sizes[:drop], strict=True))
        self.told = self.story.until(self._places[drop])
        self.history = self.history[drop:]
        self.sizes = self.sizes[drop:]
        self._places = self._places[drop:]
        self._history_total -= freed[drop]
        return after

    def _at_summary(self, least: int, most: int, freed: list[int]) -> int | None:
        """The first index from `least` on where a summary ends, if half of the window remains."""
        for drop in range(least, most + 1):
            if 2 * (freed[-1] - freed[drop]) < freed[-1] - freed[least]:
                return None
            if self.story.ends_between(self._places[drop - 1], self._places[drop]):
                return drop
        return None

    def _note_history(self) -> None:
        """Say of the messages that are not in the prompt whether a summary stands in for them."""
        own = [piece for piece in self.told if piece.item.last >= piece.item.first]
        unread = self.first_position
        told = [0, sum(min(p.item.last + 1, unread) - min(p.item.first, unread) for p in own)]
        lost = [0, unread - told[1]]
        is_told = told_of(own, [at for at, _ in self._dropped])
        for (_, size), is_one in zip(self._dropped, is_told, strict=True):
            kind = told if is_one else lost
            kind[0] += size
            kind[1] += 1
        for (tokens, messages), reason in ((told, "in the summary"), (lost, _OVER)):
            if messages:
                note = Block(
                    name="history",
                    source="chat",
                    tokens=tokens,
                    kept=False,
                    reason=reason,
                    messages=messages,
                )
                self.cut.insert(self._history_cut_at, note)

    def _told(self, excess: int) -> int:
        """Drop the oldest summaries."""
        while self.told and excess > 0:
            before = self.story.tokens(self.told)
            oldest, *self.told = self.told
            freed = before - self.story.tokens(self.told)
            excess -= freed
            self._note("summary", f"summary:{oldest.item.uid}", freed, text=oldest.text)
        return excess

    def leaving(self) -> int:
        """The position before which messages are out of the prompt, or soon will be; 0 for none."""
        start = self._places[0]
        is_whole = not start and not self._dropped
        if is_whole and self.tokens <= _NEARLY_FULL * self.budget:
            return 0
        room = int(_STAYS * self.budget)
        for index in range(len(self.history) - 1, -1, -1):
            room -= self.sizes[index]
            if room < 0:
                return self._places[index + 1]
        return start

    def _newest_user(self) -> int:
        """Index of the newest user message, or the length if there is none."""
        last = len(self.history) - 1
        return next((i for i in range(last, -1, -1) if self.history[i].role == "user"), last + 1)

    def _recalled(self, excess: int) -> int:
        before = self.recall.tokens
        while before - self.recall.tokens < excess and self.recall.drop_worst():
            pass
        return excess - (before - self.recall.tokens)

    def _rest(self, excess: int) -> int:
        """Lore from the lowest order up, then what the character can do without."""
        lore = [block for block in self._all_blocks() if block.name.startswith("lore")]
        excess = self._drop_each(sorted(lore, key=lambda block: block.order), excess)
        for name in _CUT_ORDER:
            excess = self._drop_each([b for b in self.leading if b.name == name], excess)
        left = [block for block in self._all_blocks() if block.name not in _SPARED]
        return self._drop_each(left, excess)


def _places(parts: PromptParts) -> list[int]:
    """The positions of the history's messages in the chat, and of what comes after them."""
    found = list(map(_POSITION, parts.history))
    if None in found:
        places = enumerate(found, parts.first_position)
        found = [place if position is None else position for place, position in places]
    return [*found, found[-1] + 1 if found else parts.first_position]


def _sizes(parts: PromptParts, count: Callable[[str], int]) -> list[int]:
    """The tokens of each message of the history, with what frames it."""
    sizes = list(map(_TOKENS, parts.history))
    if None in sizes:
        told = zip(sizes, parts.history, strict=True)
        sizes = [count(message.content) if size is None else size for size, message in told]
    return list(map(MESSAGE_OVERHEAD_TOKENS.__add__, sizes))
