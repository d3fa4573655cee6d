"""From rows to a prompt: who speaks to whom, what is called to mind, and what all that becomes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from accounts.models import User
from characters.models import CharacterPreference
from characters.spoken import Spoken, spoken
from chats import calling, recalling, tree
from chats.calling import Asked
from chats.models import Chat, Turn
from chats.numbers import FIRST_INCLUDED, Numbers, first_in
from chats.recalling import Called
from chats.settings import note_of
from chats.state import State, state_of
from chats.tree import Node
from core.trips import read_together
from engine.assemble import (
    Budget,
    Covered,
    HistoryMessage,
    PersonaParts,
    Preferences,
    Prompt,
    PromptParts,
    assemble,
)
from engine.cover import story_so_far
from engine.expander import Expander
from engine.macros import MacroContext
from engine.parts import Note
from engine.tokens import default_counter
from engine.types import GenerationRequest, Sampling
from llm.registry import ModelSpec
from lore.books import Bound
from lore.outcome import Activation
from lore.queries import uses_of
from lore.timed import State as Timed
from memory.summaries import covers, due_to
from memory.vectors import Question
from personas.models import Persona
from personas.queries import worn_by

VERDICTS_KEPT = 400
_NORMAL = frozenset({"normal"})
# Making a reply anew is a new version of it here: what other programs call either name.
_TRIGGERS: dict[str, frozenset[str]] = {
    Turn.Kind.REGENERATE: frozenset({"swipe", "regenerate"}),
    Turn.Kind.CONTINUE: frozenset({"continue"}),
}


class Moment(NamedTuple):
    """A turn that is about to be answered, as far as its prompt is concerned.

    `path` ends with what is answered; `reply_uid` is the message that will be written. `is_again`
    says that the chat shows messages below the path. `tokens_beside` go to the model besides the
    prompt: tools, and what they answered; `after` is the last message before the reply, these
    calls among them. `lists_handles` says whether memories are listed with what tools call them
    by. `meaning` is what is answered as a vector.
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
    is_again: bool = False
    tokens_beside: int = 0
    after: str | None = None
    lists_handles: bool = False
    meaning: Question | None = None


class Composed(NamedTuple):
    """The prompt, what lasts after it, and the record of how it came about.

    What lies before position `summarise_to` should be summed up, and is not yet.
    """

    prompt: Prompt
    state: State
    manifest: dict[str, Any]
    summarise_to: int = 0


def compose(moment: Moment) -> Composed:
    """The prompt for the next reply of a chat, within the model's window."""
    moment = moment._replace(path=tree.counted(moment.path))
    chat, user = moment.chat, moment.user
    character = chat.character.uid
    people, uses = read_together(
        worn_by(user_id=user.pk, character=character, chosen=chat.persona_id or ""),
        uses_of(user_id=user.pk, character=character, chat=chat.uid),
    )
    person = people[0] if people else None
    voice = spoken(chat.character, chat.character_number)
    budget = Budget(moment.spec.context_tokens - moment.tokens_beside, moment.reply_tokens)
    state = state_of(moment.path)
    note = note_in_force(chat, moment.path)
    story = _story(chat)
    macros = _macros(moment, voice, person, state, note, budget, story)
    expand = Expander(macros)
    asked = Asked(
        user=user,
        user_name=_name(user, person),
        chat_uid=chat.uid,
        spoken=voice,
        persona=person,
        path=moment.path,
        note=note.text if note else "",
        look=Expander(macros),
        triggers=_TRIGGERS.get(moment.kind, _NORMAL),
        scenario=chat.scenario_text or voice.parts.scenario,
        reply_uid=moment.reply_uid,
        window_tokens=budget.prompt_tokens,
        meaning=moment.meaning,
    )
    bound = calling.books_for(asked, uses)
    found = calling.call_up(bound, asked, state, expand)
    expand.learn(outlets=calling.outlets_of(found))
    counter = default_counter()
    called = _call_to_mind(moment, voice, budget, found, tree.tokens(moment.path))
    history = _history(moment, voice, person)
    parts = _parts(moment, voice, person, note, found, called, story, history=history)
    prompt = assemble(parts, budget, counter=counter, expand=expand)
    recalling.note_used(chat, prompt, moment.now)
    after = state.after(prompt.changes, found.state if found else Timed())
    record = _manifest(prompt, bound, found, expand, person)
    record |= recalling.record_of(called, prompt)
    record[FIRST_INCLUDED] = first_in(prompt, moment.path)
    return Composed(prompt, after, record, due_to(parts.summaries, prompt.leaving))


def _call_to_mind(
    moment: Moment,
    voice: Spoken,
    budget: Budget,
    found: Activation | None,
    tokens: Sequence[int],
) -> Called:
    return recalling.call_up(
        recalling.Asked(
            chat=moment.chat,
            path=moment.path,
            user_name=moment.user.name,  # as messages name who said them
            now=moment.now,
            context_tokens=budget.context_tokens,
            prompt_tokens=budget.prompt_tokens,
            fixed_tokens=voice.tokens + (found.tokens if found else 0),
            tokens=tokens,
            is_again=moment.is_again,
            reply_uid=moment.reply_uid,
            meaning=moment.meaning,
        )
    )


def _parts(
    moment: Moment,
    voice: Spoken,
    person: Persona | None,
    note: Note | None,
    found: Activation | None,
    called: Called,
    story: tuple[Covered, ...],
    *,
    history: tuple[HistoryMessage, ...],
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
        memories=recalling.with_handles(called.items) if moment.lists_handles else called.items,
        history=history,
        first_position=path[0].position if path else 0,
        summaries=story,
        prefill=moment.prefill,
    )


def _story(chat: Chat) -> tuple[Covered, ...]:
    notebook = chat.notebook
    return covers(notebook, chat.uid) if notebook is not None else ()


def _history(moment: Moment, voice: Spoken, person: Persona | None) -> tuple[HistoryMessage, ...]:
    """The path without what is hidden. Models that complete text are told who speaks."""
    path = tree.shown_to_model(moment.path)
    if 0 in tree.tokens(path):
        path = [node for node in path if node.content or not node.tool_calls]
    if not moment.spec.template:
        return tuple(path)
    names = {"user": _name(moment.user, person), "assistant": voice.parts.name}
    return tuple(msgspec.structs.replace(node, name=names.get(node.role)) for node in path)


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
    if note.interval == 1:
        return note
    # What lies before the part of the chat that was read counts as taking turns.
    earlier = path[0].position // 2 if path else 0
    asked = earlier + tree.roles(path).count("user")
    return note if asked % note.interval == 0 else None


def _macros(
    moment: Moment,
    voice: Spoken,
    person: Persona | None,
    state: State,
    note: Note | None,
    budget: Budget,
    story: tuple[Covered, ...],
) -> MacroContext:
    chat, card, path = moment.chat, voice.parts, moment.path
    last = {node.role: node.content for node in path[-8:]}
    numbers = Numbers(
        chat=chat.uid,
        path=path,
        reply=moment.reply_uid,
        after=moment.after,
        is_again=moment.is_again,
    )
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
        first_included_message_id=numbers.first_included,
        current_swipe_id=numbers.current_swipe,
        last_swipe_id=numbers.last_swipe,
        summary=story_so_far(story) if story else "",
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
    """The manifest as it is saved: blocks and layout, and what the lorebooks had to say.

    Its structs become JSON where the turn's row is written.
    """
    record = msgspec.structs.asdict(prompt.manifest)
    if person is not None:
        record["persona"] = {"uid": person.uid, "name": person.name}
    if found is not None:
        record["lore"] = {
            "books": {b.book.uid: [b.book.book.name, b.scope] for b in bound},
            "verdicts": found.verdicts[:VERDICTS_KEPT],
            "tokens": found.tokens,
            "is_over_budget": found.is_over_budget,
            "is_cut_short": found.is_cut_short,
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
