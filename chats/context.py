"""From rows to the parts of a prompt."""

from functools import lru_cache
from typing import Literal, cast

from accounts.models import User
from characters.models import Character, CharacterPreference
from chats.models import Chat
from chats.tree import Node
from engine.assemble import (
    Budget,
    CharacterParts,
    HistoryMessage,
    Preferences,
    Prompt,
    PromptParts,
    assemble,
)
from engine.tokens import default_counter
from engine.types import Sampling
from llm.registry import ModelSpec

PromptRole = Literal["user", "assistant", "system"]


def assemble_for(
    chat: Chat,
    user: User,
    preference: CharacterPreference | None,
    spec: ModelSpec,
    path: list[Node],
    *,
    reply_tokens: int,
    prefill: str = "",
) -> Prompt:
    """The prompt for the next reply of this chat, within the model's window."""
    parts = PromptParts(
        character=_character(chat.character),
        user_name=user.name,
        scenario_context=chat.scenario.context if chat.scenario else "",
        preferences=_preferences(preference),
        history=tuple(
            HistoryMessage(role=cast("PromptRole", node.role), content=node.content, uid=node.uid)
            for node in path
        ),
        prefill=prefill,
    )
    budget = Budget(context_tokens=spec.context_tokens, reply_tokens=reply_tokens)
    return assemble(parts, budget, counter=default_counter())


def _character(character: Character) -> CharacterParts:
    return _parts_of(
        character.name,
        character.spoken_name,
        character.description,
        character.personality,
        character.scenario,
        character.mes_example,
        character.system_prompt,
        character.post_history_instructions,
    )


@lru_cache(maxsize=512)
def _parts_of(*texts: str) -> CharacterParts:
    """One shared value per distinct card, so that caches keyed by it keep hitting."""
    names = CharacterParts.__struct_fields__
    return CharacterParts(**dict(zip(names, texts, strict=True)))


def _preferences(preference: CharacterPreference | None) -> Preferences:
    if preference is None:
        return Preferences()
    return Preferences(
        nsfw_intensity=preference.nsfw_intensity,
        narration_style=preference.narration_style,
        response_length=preference.response_length,
    )


def sampling_for(
    asked: Sampling, preference: CharacterPreference | None, *, max_tokens: int
) -> Sampling:
    """What the request says, else what the user prefers for this character."""
    liked = preference.sampling if preference is not None else {}
    return Sampling(
        temperature=asked.temperature
        if asked.temperature is not None
        else liked.get("temperature"),
        top_p=asked.top_p if asked.top_p is not None else liked.get("top_p"),
        max_tokens=max_tokens,
        stop=asked.stop,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
        seed=asked.seed,
        extra=asked.extra,
    )
