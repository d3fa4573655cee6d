"""What a prompt is made of, before anything is counted or cut.

Of the small values a turn makes hundreds. They hold texts and numbers and so are in no circle:
with `gc=False` the collector need not look at them.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from engine.cover import Covered
from engine.recalled import Recalled

Role = Literal["user", "assistant", "system"]
ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant")
"""Roles by the numbers that files and forms use."""
_ROLE_OF: Final[dict[str, Role]] = {role[0]: role for role in ROLES}

DEFAULT_MAIN_PROMPT: Final = (
    "You are {{char}}, in a conversation with {{user}}. Stay in character: speak, act and feel as"
    " {{char}} would, with {{char}}'s own voice, knowledge and blind spots. Write only {{char}}'s"
    " side and never decide what {{user}} says, does or thinks. Put actions in *asterisks* and"
    " speech in plain quotes, move the moment forward, and leave {{user}} something to answer."
)


class CharacterParts(msgspec.Struct, frozen=True):
    """The texts of a card that can enter a prompt. `spoken_name` is what {{char}} becomes.

    `depth_prompt` is the character's note, placed `depth` messages before the end as `role`.
    """

    name: str
    spoken_name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    mes_example: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    depth_prompt: str = ""
    depth: int = 4
    role: Role = "system"
    version: str = ""
    creator_notes: str = ""
    greetings: tuple[str, ...] = ()


class HistoryMessage(msgspec.Struct, frozen=True, gc=False):
    """One message of the conversation, of the `role` user, assistant or system.

    `uid` is for the manifest only. `position` is its place in the chat; without it, messages
    follow each other without a gap. `tokens` is the size of its content, if that was counted
    already.
    """

    role: str
    content: str
    uid: str = ""
    name: str | None = None
    position: int | None = None
    tokens: int | None = None


class Preferences(msgspec.Struct, frozen=True):
    """How this user likes this character. "" leaves it to the card."""

    nsfw_intensity: str = ""
    narration_style: str = ""
    response_length: str = ""


class Note(msgspec.Struct, frozen=True):
    """An author's note: a text that a person adds to one chat.

    `position` 0 is in the leading message after the scenario, 1 among the messages, `depth`
    before the end, 2 in the leading message before everything. It is in force at every
    `interval`-th message of the person's; 0 switches it off. `role` is 0 system, 1 user,
    2 assistant.
    """

    text: str = ""
    position: int = 1
    depth: int = 4
    interval: int = 1
    role: int = 0


class PersonaParts(msgspec.Struct, frozen=True):
    """Who the person is. `position` is `personas.backup.Position`'s number."""

    text: str = ""
    position: int = 0
    depth: int = 2
    role: int = 0


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A text that was called up from elsewhere, as it goes in. The lowest `order` is cut first,
    and `is_first_cut` ones before anything else."""

    text: str
    source: str
    order: int = 100
    is_first_cut: bool = False


class AtDepth(msgspec.Struct, frozen=True):
    """Pieces that stand `depth` messages before the end, or after the start."""

    depth: int
    role: Role
    pieces: tuple[Piece, ...]
    is_from_start: bool = False


class LoreParts(msgspec.Struct, frozen=True, kw_only=True):
    """What lorebooks add, by place; in each, what comes last is nearest the reply."""

    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()
    before_desc: tuple[Piece, ...] = ()
    after_desc: tuple[Piece, ...] = ()
    personality: tuple[Piece, ...] = ()
    scenario: tuple[Piece, ...] = ()
    note_top: tuple[Piece, ...] = ()
    note_bottom: tuple[Piece, ...] = ()
    examples_top: tuple[Piece, ...] = ()
    examples_bottom: tuple[Piece, ...] = ()
    at_depth: tuple[AtDepth, ...] = ()
    disabled_prompts: frozenset[str] = frozenset()


class PromptParts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may go into one prompt. `memories` come best first.

    `note` is the author's note if it is in force now. `custom_prompt` and `scenario_text` are
    this chat's own and stand in for the card's. `first_position` is how many messages of the
    chat came before `history`. `summaries` stand in for messages that are not in the prompt.
    """

    character: CharacterParts
    user_name: str
    persona: PersonaParts = PersonaParts()
    scenario_context: str = ""
    scenario_text: str = ""
    custom_prompt: str = ""
    preferences: Preferences = Preferences()
    lore: LoreParts = LoreParts()
    note: Note | None = None
    memories: tuple[Recalled, ...] = ()
    summaries: tuple[Covered, ...] = ()
    history: tuple[HistoryMessage, ...] = ()
    first_position: int = 0
    prefill: str = ""
    main_prompt: str = DEFAULT_MAIN_PROMPT


class Budget(msgspec.Struct, frozen=True):
    """The model's window, and what of it is kept for the reply. Both in tokens."""

    context_tokens: int
    reply_tokens: int

    @property
    def prompt_tokens(self) -> int:
        return max(0, self.context_tokens - self.reply_tokens)


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the manifest: what it was, how large, and whether and why it was cut.

    `text` is exactly what went in or would have; history has none: its messages are named in
    the layout. `depth` is set for what stands among the messages, `score` and `uids` for what
    was recalled: how well it fits, and the memory or messages it is.
    """

    name: str
    source: str
    tokens: int
    text: str = ""
    kept: bool = True
    reason: str = ""
    messages: int | None = None
    depth: int | None = None
    score: float | None = None
    uids: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True, gc=False):
    """One message of the prompt as it was sent: a message of the chat by its uid, or the texts
    of `blocks` (indexes into the manifest's) with a blank line between two."""

    role: Role
    uid: str = ""
    blocks: tuple[int, ...] = ()


class Talk(msgspec.Struct, frozen=True, gc=False):
    """Messages of the chat that follow each other in the prompt: their uids, and the first
    letter of each one's role. Most of a layout is this, and every turn keeps one."""

    uids: tuple[str, ...]
    roles: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What went into a prompt, block by block, what was left out, and how it was laid out."""

    blocks: tuple[Block, ...]
    budget_tokens: int
    total_tokens: int
    layout: tuple[Line | Talk, ...] = ()


def lines_of(layout: Iterable[dict[str, Any]]) -> list[Line]:
    """A layout that was saved, message by message."""
    lines: list[Line] = []
    for saved in layout:
        if "uids" in saved:
            talk = zip(saved["uids"], saved["roles"], strict=True)
            lines += [Line(_ROLE_OF[initial], uid) for uid, initial in talk]
        else:
            lines.append(msgspec.convert(saved, Line))
    return lines
