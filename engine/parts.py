"""What a prompt is made of, before anything is counted or cut."""

from typing import Final, Literal

import msgspec

DEFAULT_MAIN_PROMPT: Final = (
    "You are {{char}}, in a conversation with {{user}}. Stay in character: speak, act and feel as"
    " {{char}} would, with {{char}}'s own voice, knowledge and blind spots. Write only {{char}}'s"
    " side and never decide what {{user}} says, does or thinks. Put actions in *asterisks* and"
    " speech in plain quotes, move the moment forward, and leave {{user}} something to answer."
)


class CharacterParts(msgspec.Struct, frozen=True):
    """The texts of a card that can enter a prompt. `spoken_name` is what {{char}} becomes."""

    name: str
    spoken_name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    mes_example: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""


class HistoryMessage(msgspec.Struct, frozen=True):
    """One message of the conversation. `uid` is for the manifest only."""

    role: Literal["user", "assistant", "system"]
    content: str
    uid: str = ""
    name: str | None = None


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


class PromptParts(msgspec.Struct, frozen=True):
    """Everything that may go into one prompt. `memories` come best first."""

    character: CharacterParts
    user_name: str
    persona: str = ""
    scenario_context: str = ""
    preferences: Preferences = Preferences()
    lore_before: str = ""
    lore_after: str = ""
    memories: tuple[str, ...] = ()
    summary: str = ""
    history: tuple[HistoryMessage, ...] = ()
    prefill: str = ""
    main_prompt: str = DEFAULT_MAIN_PROMPT


class Budget(msgspec.Struct, frozen=True):
    """The model's window, and what of it is kept for the reply. Both in tokens."""

    context_tokens: int
    reply_tokens: int

    @property
    def prompt_tokens(self) -> int:
        return max(0, self.context_tokens - self.reply_tokens)


class Block(msgspec.Struct, frozen=True):
    """One entry of the manifest: what it was, how large, and whether and why it was cut."""

    name: str
    source: str
    tokens: int
    kept: bool = True
    reason: str = ""
    messages: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What went into a prompt, block by block, and what was left out."""

    blocks: tuple[Block, ...]
    budget_tokens: int
    total_tokens: int

    def to_json(self) -> dict[str, object]:
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]  # a struct becomes a dict
