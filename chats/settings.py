"""What one chat holds of its own: persona, author's note, texts, version, lorebooks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from django.db import transaction

from accounts.models import User
from characters.models import CharacterVersion
from chats import bindings
from chats.models import Chat
from core.errors import Invalid, NotFound
from core.text import clean
from engine.parts import Note
from lore.models import Binding
from personas import queries as personas

TEXT_CHARS_MOST: Final = 100_000
NUMBER_MOST: Final = 10_000
_BOUNDS: Final = {
    "position": range(3),
    "depth": range(NUMBER_MOST + 1),
    "interval": range(NUMBER_MOST + 1),
    "role": range(3),
}


def note_of(chat: Chat) -> Note:
    """The chat's author's note; the usual, empty one where the row says none that makes sense."""
    try:
        return msgspec.convert(chat.note, Note)
    except msgspec.ValidationError:
        return Note()


def change(
    *, user: User, chat_uid: str, lorebooks: Iterable[str] | None = None, **given: Any
) -> Chat:
    """Change the given settings of one's chat and no others; also while a reply is written.

    `persona`: a persona's uid, or "" to follow whoever is worn. `note`: the fields of the
    author's note that change. `custom_prompt`, `scenario_text`: texts. `character_number`: the
    version to hold to, or 0 to follow. `lorebooks`: the uids of all that apply to this chat.
    Raises NotFound, Invalid; then nothing changed.
    """
    with transaction.atomic():
        rows = Chat.objects.select_for_update().filter(uid=chat_uid, user=user, trashed_at=None)
        chat = rows.first()
        if chat is None:
            raise NotFound("There is no such chat.", code="chat_not_found")
        for field, value in given.items():
            if field not in _CHECKS:
                raise Invalid(f"A chat has no setting {field}.", param=field)
            setattr(chat, field, _CHECKS[field](chat, value))
        if given:
            chat.save(update_fields=list(given))
        if lorebooks is not None:
            scope = Binding.Scope.CHAT
            bindings.bind_only(user=user, scope=scope, target=chat_uid, uids=lorebooks)
    return chat


def held_by(chat: Chat) -> dict[str, Any]:
    """A chat's settings as fields, to begin another chat with the same character with."""
    return {
        "persona_id": chat.persona_id,
        "note": chat.note,
        "custom_prompt": chat.custom_prompt,
        "scenario_text": chat.scenario_text,
        "character_number": chat.character_number,
    }


def copy_lorebooks(*, user: User, source: str, target: str) -> None:
    """Let what applies to one chat apply to another."""
    scope = Binding.Scope.CHAT
    uids = [book.uid for book in bindings.bound(user, scope, source)]
    bindings.bind_only(user=user, scope=scope, target=target, uids=uids)


def _persona(chat: Chat, uid: str) -> Any:
    return personas.get_owned(chat.user, uid) if uid else None


def _note(chat: Chat, changed: Mapping[str, Any]) -> dict[str, Any]:
    note: dict[str, Any] = msgspec.to_builtins(note_of(chat))
    for field, value in changed.items():
        if field == "text":
            note[field] = _text("note_text", value)
        elif field not in _BOUNDS:
            raise Invalid(f"A note has no field {field}.", param="note")
        elif type(value) is not int or value not in _BOUNDS[field]:
            most = _BOUNDS[field][-1]
            raise Invalid(
                f"The note's {field} is a number from 0 to {most}.", param=f"note_{field}"
            )
        else:
            note[field] = value
    return note


def _text(field: str, value: str) -> str:
    text = clean(value)
    if len(text) > TEXT_CHARS_MOST:
        raise Invalid(
            f"The text has {len(text)} characters; {TEXT_CHARS_MOST} is the most.", param=field
        )
    return text


def _number(chat: Chat, number: int) -> int:
    kept = CharacterVersion.objects.filter(character=chat.character_id, number=number)
    if number not in (0, chat.character.number) and not kept.exists():
        raise Invalid("There is no such version of the character.", param="character_number")
    return number


_CHECKS: Final[dict[str, Callable[[Chat, Any], Any]]] = {
    "persona": _persona,
    "note": _note,
    "custom_prompt": lambda _, value: _text("custom_prompt", value),
    "scenario_text": lambda _, value: _text("scenario_text", value),
    "character_number": _number,
}
