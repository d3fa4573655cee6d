"""Which lore a turn calls up: from the bound lorebooks, the path and its state to parts."""

from collections.abc import Sequence

import msgspec

from accounts.models import User
from characters.spoken import Spoken
from chats.models import Message
from chats.state import State
from chats.tree import Node
from engine.assemble import AtDepth, LoreParts, Piece
from engine.expander import Expander
from engine.parts import ROLES
from engine.tokens import default_counter
from lore.activation import Activation, activate
from lore.books import Bound
from lore.queries import compiled, settings_of, uses_in
from lore.scene import Said, Scene
from lore.slots import Placed
from personas.models import Persona


class Asked(msgspec.Struct, frozen=True):
    """What a scan needs to know about the turn it is made for."""

    user: User
    user_name: str
    character_uid: str
    chat_uid: str
    spoken: Spoken
    persona: Persona | None
    path: Sequence[Node]
    note: str
    trigger: str
    reply_uid: str
    window_tokens: int


def books_for(asked: Asked) -> list[Bound]:
    """The lorebooks that apply: the character's own, and those that the person bound."""
    uses = uses_in(
        user_id=asked.user.pk,
        character=asked.character_uid,
        persona=asked.persona.uid if asked.persona else "",
        chat=asked.chat_uid,
    )
    bound = [Bound(compiled(use.uid, use.number), use.scope) for use in uses]
    own = asked.spoken.book
    return bound if own is None else [Bound(own, "character"), *bound]


def call_up(bound: list[Bound], asked: Asked, state: State, expand: Expander) -> Activation | None:
    """Scan the books that apply to a turn; None without any."""
    if not bound:
        return None
    settings = settings_of(asked.user).for_window(asked.window_tokens)
    scene = _scene(asked, expand, asks_greeting=any(b.book.asks_greeting for b in bound))
    return activate(bound, settings, scene, state.timed, count=default_counter().count)


def _scene(asked: Asked, expand: Expander, *, asks_greeting: bool) -> Scene:
    parts, persona = asked.spoken.parts, asked.persona
    path = [node for node in asked.path if not node.hidden]
    names = {"user": asked.user_name, "assistant": parts.spoken_name}
    # What lies before the part of the chat that was read counts as taking turns.
    earlier = path[0].position if path else 0
    replies = sum(node.role == "assistant" for node in path)
    return Scene(
        messages=tuple(
            Said(names.get(n.role, ""), n.content, n.role == "assistant", n.uid) for n in path
        ),
        length=path[-1].position + 1 if path else 0,
        replies=replies + (earlier + 1) // 2,
        greeting=_greeting(asked.chat_uid) if asks_greeting else None,
        char_name=parts.name,
        char_tags=asked.spoken.tags,
        user_icon=persona.name if persona else "",
        trigger=asked.trigger,
        sources={
            "persona_description": persona.description if persona else "",
            "character_description": parts.description,
            "character_personality": parts.personality,
            "character_depth_prompt": parts.depth_prompt,
            "scenario": parts.scenario,
            "creator_notes": parts.creator_notes,
        },
        notes=(asked.note,) if asked.note else (),
        expand=expand,
        seed=f"{asked.chat_uid}:{asked.reply_uid}",
    )


def _greeting(chat_uid: str) -> int | None:
    """Which of its greetings a chat began with, from 0, or None if with none."""
    first = Message.objects.filter(chat_id=chat_uid, position=0, trashed_at=None).order_by("uid")
    shown = list(first.values_list("role", "chosen"))
    if not shown or shown[0][0] != Message.Role.ASSISTANT:
        return None
    return next((index for index, (_, chosen) in enumerate(shown) if chosen), 0)


def parts_of(found: Activation | None) -> LoreParts:
    """What was called up, as the prompt takes it."""
    if found is None:
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
