"""Which lore a turn calls up: from the bound lorebooks, the path and its state to parts."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from accounts.models import User
from characters.spoken import Spoken
from chats import tree
from chats.meaning import meant
from chats.models import Message
from chats.state import State
from chats.tree import Node
from engine.assemble import AtDepth, LoreParts, Piece
from engine.expander import Expander
from engine.parts import ROLES
from engine.tokens import default_counter
from lore.activation import activate
from lore.books import Bound
from lore.outcome import Activation
from lore.queries import compiled, settings_of, uses_with
from lore.scene import Said, Scene, Settings
from lore.sight import deepest
from lore.slots import Placed
from memory.vectors import Kind, Place, Question, search
from personas.models import Persona

ALIKE: Final = 0.3
"""The cosine from which on an entry counts as found by its meaning."""
ALIKE_MOST: Final = 5


class Asked(msgspec.Struct, frozen=True):
    """What a scan needs to know about the turn it is made for.

    `look` replaces macros in what is only looked at: what those set is set where it stands in
    the prompt.
    """

    user: User
    user_name: str
    chat_uid: str
    spoken: Spoken
    persona: Persona | None
    path: Sequence[Node]
    note: str
    look: Callable[[str], str]
    triggers: frozenset[str]
    scenario: str
    reply_uid: str
    window_tokens: int
    meaning: Question | None = None


def books_for(asked: Asked, uses: list[Any]) -> list[Bound]:
    """The lorebooks that apply: the character's own, and those of `uses` that the person bound."""
    persona = asked.persona.uid if asked.persona else ""
    bound = [Bound(compiled(use.uid, use.number), use.scope) for use in uses_with(uses, persona)]
    own = asked.spoken.book
    return bound if own is None else [Bound(own, "character"), *bound]


def call_up(bound: list[Bound], asked: Asked, state: State, expand: Expander) -> Activation | None:
    """Scan the books that apply to a turn; None without any."""
    if not bound:
        return None
    settings = settings_of(asked.user).for_window(asked.window_tokens)
    scene = _scene(asked, expand, bound, settings)
    forced = found_by_meaning(bound, asked) | meant(bound, asked.path)
    if forced:
        scene = msgspec.structs.replace(scene, forced=forced)
    return activate(bound, settings, scene, state.timed, count=default_counter().count)


def found_by_meaning(bound: list[Bound], asked: Asked) -> dict[str, float]:
    """Keys of the marked entries that are likest what is asked, each with its cosine."""
    question = asked.meaning
    if question is None:
        return {}
    found: dict[str, float] = {}
    for book in {one.book.uid: one.book for one in bound if one.book.by_meaning}.values():
        place = Place(asked.user.pk, Kind.LORE, book.uid)
        wanted = {item.key for item in book.by_meaning}
        for hit in search(place, question.model, question.vector, k=ALIKE_MOST):
            if hit.likeness >= ALIKE and hit.owner in wanted:
                found.setdefault(hit.owner, round(hit.likeness, 3))
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:ALIKE_MOST])


def _scene(asked: Asked, expand: Expander, bound: list[Bound], settings: Settings) -> Scene:
    parts, persona = asked.spoken.parts, asked.persona
    path = tree.shown_to_model(asked.path)
    names = {"user": asked.user_name, "assistant": parts.spoken_name}
    # What lies before the part of the chat that was read counts as taking turns.
    earlier = path[0].position if path else 0
    replies = tree.roles(path).count("assistant")
    # A look that widens goes by the length of the whole.
    seen = path if settings.min_activations else path[-deepest(bound, settings) :]
    said = [Said(names.get(n.role, ""), n.content, n.role == "assistant", n.uid) for n in seen]
    return Scene(
        messages=tuple(said),
        length=path[-1].position + 1 if path else 0,
        replies=replies + (earlier + 1) // 2,
        greeting=_greeting(asked.chat_uid) if any(b.book.asks_greeting for b in bound) else None,
        char_names=asked.spoken.names,
        char_tags=asked.spoken.tags,
        user_icon=persona.name if persona else "",
        triggers=asked.triggers,
        sources=_sources(asked, {name for b in bound for name in b.book.sources}),
        notes=(asked.look(asked.note),) if asked.note else (),
        expand=expand,
        hidden=expand.hidden_keys,
        seed=f"{asked.chat_uid}:{asked.reply_uid}",
    )


def _sources(asked: Asked, wanted: set[str]) -> dict[str, str]:
    """The texts that entries ask to see, as the model is to read them."""
    if not wanted:
        return {}
    parts, persona = asked.spoken.parts, asked.persona
    texts = {
        "persona_description": persona.description if persona else "",
        "character_description": parts.description,
        "character_personality": parts.personality,
        "character_depth_prompt": parts.depth_prompt,
        "scenario": asked.scenario,
        "creator_notes": parts.creator_notes,
    }
    return {name: asked.look(text) for name, text in texts.items() if name in wanted}


def _greeting(chat_uid: str) -> int | None:
    """Which of its greetings a chat began with, from 0, or None if with none."""
    first = Message.objects.filter(chat_id=chat_uid, position=0, trashed_at=None).order_by("uid")
    shown = list(first.values_list("role", "chosen"))
    if not shown or shown[0][0] != Message.Role.ASSISTANT:
        return None
    return next((index for index, (_, chosen) in enumerate(shown) if chosen), 0)


def parts_of(found: Activation | None) -> LoreParts:
    """What was called up, as the prompt takes it."""
    if found is None or not found.activated:
        return LoreParts()
    slots = found.slots
    simple = {
        name: _pieces(getattr(slots, name))
        for name in LoreParts.__struct_fields__
        if name not in ("at_depth", "disabled_prompts")
    }
    return LoreParts(
        **simple,
        at_depth=tuple(
            AtDepth(at.depth, ROLES[at.role], _pieces(at.pieces), at.is_from_start)
            for at in slots.at_depth
        ),
        disabled_prompts=found.disabled_prompts,
    )


def outlets_of(found: Activation | None) -> dict[str, str]:
    """What `{{outlet::Name}}` becomes."""
    if found is None:
        return {}
    return {
        name: "\n".join(piece.text for piece in pieces)
        for name, pieces in found.slots.outlets.items()
    }


def _pieces(placed: tuple[Placed, ...]) -> tuple[Piece, ...]:
    return tuple(
        Piece(piece.text, f"lorebook:{piece.entry}", piece.order, piece.is_first_cut)
        for piece in placed
    )
