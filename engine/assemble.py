"""From parts to a prompt within budget. Pure: no clock, no chance, no I/O.

When there is too much, this goes first: what its author marked so, then example dialogues, then
the oldest history (a summary stands in for it), then memories from the least relevant, then
lore from the lowest order. The main prompt, the description and the newest user message are
never cut.
"""

from collections.abc import Sequence
from itertools import starmap
from operator import attrgetter, itemgetter
from typing import Final

import msgspec

from engine.blocks import Injection, TextBlock
from engine.cover import STORY_TITLE, Covered
from engine.draft import (
    MESSAGE_OVERHEAD_TOKENS,
    REPLY_PRIMER_TOKENS,
    Draft,
)
from engine.expander import Expander
from engine.macros import Changes, MacroContext
from engine.parts import (
    ROLES,
    AtDepth,
    Block,
    Budget,
    CharacterParts,
    HistoryMessage,
    Line,
    LoreParts,
    Manifest,
    Note,
    PersonaParts,
    Piece,
    Preferences,
    PromptParts,
    Role,
    Talk,
)
from engine.recalled import NAMES, TITLES, Recalled
from engine.tokens import TokenCounter
from engine.types import ChatMessage

# A history may be long: no line of Python is run for each of its messages.
_SAID: Final = attrgetter("role", "content", "name")
_ROLE: Final = attrgetter("role")
_UID: Final = attrgetter("uid")
_FIRST: Final = itemgetter(0)


class Prompt(msgspec.Struct, frozen=True):
    """What is sent, what it is made of, and its size in tokens by our count.

    `changes` are the variables that the texts set; `banned` are strings that the model should
    not write; messages before position `leaving` are out of the prompt, or soon will be.
    """

    messages: tuple[ChatMessage, ...]
    manifest: Manifest
    tokens: int
    changes: Changes = Changes()
    banned: tuple[str, ...] = ()
    leaving: int = 0


def assemble(
    parts: PromptParts, budget: Budget, *, counter: TokenCounter, expand: Expander | None = None
) -> Prompt:
    """The prompt for these parts, and the manifest of what was kept and cut.

    `expand` carries the macros out; by default they know the two names and nothing else.
    """
    if expand is None:
        expand = Expander(MacroContext(char=parts.character.spoken_name, user=parts.user_name))
    draft = Draft(parts, budget, counter, expand)
    draft.fit()
    written = _Writer(draft)
    manifest = Manifest(
        blocks=(*written.blocks, *draft.cut),
        budget_tokens=draft.budget,
        total_tokens=draft.tokens,
        layout=tuple(written.layout),
    )
    return Prompt(
        messages=tuple(written.messages),
        manifest=manifest,
        tokens=draft.tokens,
        changes=expand.changes,
        banned=tuple(expand.banned),
        leaving=draft.leaving(),
    )


class _Writer:
    """Lays a draft out: one leading system message, the history with what stands among it, a
    trailing instruction, and the prefill.

    What the assistant says at depth 0 is how the reply is to begin, so it is a prefill too.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.blocks: list[Block] = []
        self.messages: list[ChatMessage] = []
        self.layout: list[Line | Talk] = []
        self._say("system", [*draft.leading, *self._recalled(), *draft.examples])
        self._talk()
        if draft.tail:
            self._say("system", [TextBlock("post-history", "card", draft.tail)])
        for injection in filter(_is_beginning, draft.injections):
            self._say("assistant", injection.blocks, injection.depth)
        if draft.prefill:
            self._say("assistant", [TextBlock("prefill", "chat", draft.prefill)])

    def _recalled(self) -> list[TextBlock]:
        draft, blocks = self._draft, list[TextBlock]()
        for kind, title in TITLES.items():
            kept = draft.recall.kept(kind)
            if kept:
                blocks.append(TextBlock(NAMES[kind], "title", title))
            blocks += (
                TextBlock(NAMES[kind], item.source, line, score=item.score, uids=item.uids)
                for item, line in kept
            )
        if draft.told:
            blocks.append(TextBlock("summary", "title", STORY_TITLE))
            blocks += (
                TextBlock("summary", f"summary:{told.item.uid}", told.text, uids=(told.item.uid,))
                for told in draft.told
                if told.text
            )
        return blocks

    def _say(self, role: Role, blocks: Sequence[TextBlock], depth: int | None = None) -> None:
        """One message made of blocks."""
        numbers = tuple(range(len(self.blocks), len(self.blocks) + len(blocks)))
        for block in blocks:
            self.blocks.append(
                Block(
                    name=block.name,
                    source=block.source,
                    tokens=self._draft.count(block.text),
                    text=block.text,
                    depth=depth,
                    score=block.score,
                    uids=block.uids,
                )
            )
        self.messages.append(ChatMessage(role, "\n\n".join(block.text for block in blocks)))
        self.layout.append(Line(role, blocks=numbers))

    def _talk(self) -> None:
        draft = self._draft
        count = len(draft.history)
        at: dict[int, list[Injection]] = {}
        among = [found for found in draft.injections if not _is_beginning(found)]
        for injection in sorted(among, key=lambda found: ROLES.index(found.role)):
            depth = injection.depth
            place = min(depth, count) if injection.is_from_start else max(0, count - depth)
            at.setdefault(place, []).append(injection)
        if count:
            self.blocks.append(
                Block(name="history", source="chat", tokens=sum(draft.sizes), messages=count)
            )
        start = 0
        for place in sorted(at):
            self._quote(draft.history[start:place])
            start = place
            for injection in at[place]:
                self._say(injection.role, injection.blocks, injection.depth)
        self._quote(draft.history[start:])

    def _quote(self, history: Sequence[HistoryMessage]) -> None:
        """Messages of the chat as they are."""
        if history:
            self.messages += starmap(ChatMessage, map(_SAID, history))
            letters = map(_FIRST, map(_ROLE, history))
            self.layout.append(Talk(tuple(map(_UID, history)), "".join(letters)))


def _is_beginning(injection: Injection) -> bool:
    """Whether this is what the reply begins with."""
    is_last = not injection.is_from_start and injection.depth == 0
    return is_last and injection.role == "assistant"


__all__ = [
    "MESSAGE_OVERHEAD_TOKENS",
    "REPLY_PRIMER_TOKENS",
    "AtDepth",
    "Budget",
    "CharacterParts",
    "Covered",
    "HistoryMessage",
    "LoreParts",
    "Note",
    "PersonaParts",
    "Piece",
    "Preferences",
    "Prompt",
    "PromptParts",
    "Recalled",
    "assemble",
]
