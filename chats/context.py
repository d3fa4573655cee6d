"""From rows to a prompt: who speaks to whom, what is called to mind, and what all that becomes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec

from accounts.models import User
from characters.models import CharacterPreference
from characters.spoken import Spoken, spoken
from chats import calling
from chats.calling import Asked
from chats.models import Chat, Turn
from chats.settings import note_of
from chats.state import State, state_of
from chats.tree import Node
from engine.assemble import (
    Budget,
    HistoryMessage,
    PersonaParts,
    Preferences,
    Prompt,
    PromptParts,
    assemble,
)
from engine.expander import Expander
from engine.macros import MacroContext
from engine.parts import Note, Role
from engine.tokens import default_counter
from engine.types import GenerationRequest, Sampling
from llm.registry import ModelSpec
from lore.activation import Activation
from lore.books import Bound
from lore.timed import State as Timed
from personas.models import Persona
from personas.queries import worn

VERDICTS_KEPT = 400
_TRIGGERS: dict[str, str] = {Turn.Kind.REGENERATE: "swipe", Turn.Kind.CONTINUE: "continue"}


class Moment(NamedTuple):
    """A turn that is about to be answered, as far as its prompt is concerned.

    `path` ends with what is answered; `reply_uid` is the message that will be written.
    """

    chat: Chat
    user: User
    preference: CharacterPreference | None
    spec: ModelSpec
    path: Sequence[Node]
    kind: str
    reply_uid: str
    reply_tokens: int
    now: datetime
    prefill: str = ""


class Composed(NamedTuple):
    """The prompt, what lasts after it, and the record of how it came about."""

    prompt: Prompt
    state: State
    manifest: dict[str, Any]


def compose(moment: Moment) -> Composed:
    """The prompt for the next reply of a chat, within the model's window."""
    chat, user = moment.chat, moment.user
    person = worn(user_id=user.pk, character=chat.character.uid, chosen=chat.persona_id or "")
    voice = spoken(chat.character, chat.character_number)
    budget = Budget(moment.spec.context_tokens, moment.reply_tokens)
    state = state_of(moment.path)
    note = note_in_force(chat, moment.path)
    macros = _macros(moment, voice, person, state, note, budget)
    expand = Expander(macros)
    asked = Asked(
        user=user,
        user_name=_name(user, person),
        character_uid=chat.character.uid,
        chat_uid=chat.uid,
        spoken=voice,
        persona=person,
        path=moment.path,
        # Only looked at here; what it sets is set where it stands in the prompt.
        note=Expander(macros)(note.text) if note else "",
        trigger=_TRIGGERS.get(moment.kind, "normal"),
        reply_uid=moment.reply_uid,
        window_tokens=budget.prompt_tokens,
    )
    bound = calling.books_for(asked)
    found = calling.call_up(bound, asked, state, expand)
    expand.learn(outlets=calling.outlets_of(found))
    parts = _parts(moment, voice, person, note, found)
    prompt = assemble(parts, budget, counter=default_counter(), expand=expand)
    after = state.after(prompt.changes, found.state if found else Timed())
    return Composed(prompt, after, _manifest(prompt, bound, found, expand, person))


def _parts(
    moment: Moment,
    voice: Spoken,
    person: Persona | None,
    note: Note | None,
    found: Activation | None,
) -> PromptParts:
    chat, path = moment.chat, moment.path
    return PromptParts(
        character=voice.parts,
        user_name=_name(moment.user, person),
        persona=_persona(person),
        scenario_context=chat.scenario.context if chat.scenario else "",
        scenario_text=chat.scenario_text,
        custom_prompt=chat.custom_prompt,
        preferences=_preferences(moment.preference),
        lore=calling.parts_of(found),
        note=note,
        history=_history(moment, voice, person),
        first_position=path[0].position if path else 0,
        prefill=moment.prefill,
    )


def _history(moment: Moment, voice: Spoken, person: Persona | None) -> tuple[HistoryMessage, ...]:
    """The path without what is hidden. Models that complete text are told who speaks."""
    names: dict[str, str] = {}
    if moment.spec.template:
        names = {"user": _name(moment.user, person), "assistant": voice.parts.name}
    return tuple(
        HistoryMessage(cast("Role", n.role), n.content, n.uid, names.get(n.role))
        for n in moment.path
        if not n.hidden
    )


def _name(user: User, person: Persona | None) -> str:
    return person.name if person else user.name


def _persona(person: Persona | None) -> PersonaParts:
    if person is None:
        return PersonaParts()
    return PersonaParts(person.description, person.position, person.depth, person.role)


def note_in_force(chat: Chat, path: Sequence[Node]) -> Note | None:
    """The author's note of a chat, if it speaks at this message of the person's.

    Without a note of its own a chat has an empty one, so that lore can hang beside it.
    """
    note = note_of(chat)
    if note.interval <= 0:
        return None
    # What lies before the part of the chat that was read counts as taking turns.
    earlier = path[0].position // 2 if path else 0
    asked = earlier + sum(node.role == "user" for node in path)
    return note if asked % note.interval == 0 else None


def _macros(
    moment: Moment,
    voice: Spoken,
    person: Persona | None,
    state: State,
    note: Note | None,
    budget: Budget,
) -> MacroContext:
    chat, card, path = moment.chat, voice.parts, moment.path
    last = {node.role: node.content for node in path[-8:]}
    return MacroContext(
        char=card.spoken_name,
        user=_name(moment.user, person),
        persona=person.description if person else "",
        description=card.description,
        personality=card.personality,
        scenario=chat.scenario_text or card.scenario,
        char_prompt=card.system_prompt,
        char_instruction=card.post_history_instructions,
        char_depth_prompt=card.depth_prompt,
        char_version=card.version,
        creator_notes=card.creator_notes,
        first_messages=card.greetings,
        mes_examples=card.mes_example,
        last_message=path[-1].content if path else "",
        last_user_message=last.get("user", ""),
        last_char_message=last.get("assistant", ""),
        last_message_id=path[-1].position if path else None,
        authors_note=note.text if note else "",
        now=moment.now,
        idle=moment.now - chat.active_at if chat.active_at else None,
        model=moment.spec.slug,
        max_prompt=budget.prompt_tokens,
        input=last.get("user", ""),
        seed=chat.uid,
        message=moment.reply_uid,
        variables=state.variables,
        global_variables=state.shared,
    )


def _preferences(preference: CharacterPreference | None) -> Preferences:
    if preference is None:
        return Preferences()
    return Preferences(
        nsfw_intensity=preference.nsfw_intensity,
        narration_style=preference.narration_style,
        response_length=preference.response_length,
    )


def _manifest(
    prompt: Prompt,
    bound: list[Bound],
    found: Activation | None,
    expand: Expander,
    person: Persona | None,
) -> dict[str, Any]:
    """The manifest as it is saved: blocks and layout, and what the lorebooks had to say."""
    record = prompt.manifest.to_json()
    if person is not None:
        record["persona"] = {"uid": person.uid, "name": person.name}
    if found is not None:
        record["lore"] = {
            "books": {b.book.uid: [b.book.book.name, b.scope] for b in bound},
            "verdicts": msgspec.to_builtins(found.verdicts[:VERDICTS_KEPT]),
            "tokens": found.tokens,
            "is_over_budget": found.is_over_budget,
            "slow_keys": found.slow_keys,
        }
    if expand.comments:
        record["comments"] = list(expand.comments)
    if expand.banned:
        record["banned"] = list(expand.banned)
    return record


def generation_for(moment: Moment, prompt: Prompt, asked: Sampling) -> GenerationRequest:
    """What the provider is asked for."""
    character = moment.chat.character
    return GenerationRequest(
        model=moment.spec.upstream_name,
        messages=prompt.messages,
        sampling=sampling_for(asked, moment.preference, max_tokens=moment.reply_tokens),
        template=moment.spec.template,
        reply_name=character.name if moment.spec.template else None,
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
