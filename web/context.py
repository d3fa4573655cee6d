"""What templates get: the frame of every page, and a small dataclass per kind of page."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import ApiKey, User
from billing import ledger
from characters.models import Character
from chats import queries
from chats.models import Chat, Message, Turn
from chats.voices import Fallback, Voice
from llm.registry import ModelSpec
from personas.models import Persona
from personas.queries import worn
from web.model_context import chosen_slug, voice_for
from web.notes import Note, notes_of

RECENT = 5
SCHEMES = {"light": "Light", "dark": "Dark"}


def site(request: HttpRequest) -> dict[str, Any]:
    """The frame: balance and recent chats, read only by pages that show them."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) and not (user and user.is_authenticated):
        return {"member": None, "scheme": ""}
    return {
        "member": user,
        "scheme": scheme_of(user),
        "account": SimpleLazyObject(lambda: ledger.get_account(user.pk)),
        "recent_chats": SimpleLazyObject(lambda: queries.recent(user, RECENT)),
    }


def scheme_of(user: User) -> str:
    chosen = user.preferences.get("scheme", "")
    return chosen if chosen in SCHEMES else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message as the page shows it."""

    message: Message
    chat: Chat
    receipt: Turn | None = None
    via: str = ""
    busy: bool = False
    editing: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def is_own(self) -> bool:
        return self.message.role == Message.Role.USER

    @property
    def name(self) -> str:
        """Who said it. Somebody else than the character may have, in a chat that was imported."""
        return "You" if self.is_own else self.message.speaker or self.chat.character.name

    @property
    def fallback(self) -> Fallback | None:
        """Whose place the model took that wrote this."""
        said = self.receipt.fallback if self.receipt else None
        return Fallback(**said) if said else None

    @property
    def has_previous(self) -> bool:
        return self.message.version_index > 1

    @property
    def has_next(self) -> bool:
        return self.message.version_index < self.message.version_count

    @property
    def can_rewrite(self) -> bool:
        """A reply to somebody can be written anew; a greeting answers nobody."""
        return not self.is_own and self.message.parent_id is not None

    @property
    def stamp(self) -> str:
        """Changes whenever the drawn message would; pages compare it to know what to redraw."""
        message = self.message
        edited = message.edited_at.timestamp() if message.edited_at else 0
        return (
            f"{message.version_index}.{message.version_count}.{message.status}."
            f"{edited:.3f}.{len(message.content)}.{'.'.join(note.state for note in self.notes)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A window of a conversation: its lines, whether there are older ones, and what failed."""

    chat: Chat
    lines: list[Line]
    older: int | None = None
    failed: Turn | None = None
    waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPage:
    """The chat page."""

    chat: Chat
    log: Log
    voice: Voice | None
    persona: Persona | None = None
    page: str = "chat"

    @property
    def character(self) -> Character:
        return self.chat.character

    @property
    def model(self) -> ModelSpec | None:
        """The model that would answer the next message, if any."""
        return self.voice.spec if self.voice else None

    @property
    def chosen(self) -> str:
        return chosen_slug(self.voice)

    @property
    def stands_in(self) -> bool:
        """Whether a script answers instead of a language model."""
        return self.model is not None and self.model.is_scripted


def build_log(
    chat: Chat, *, before: int | None = None, editing: str = "", limit: int = queries.WINDOW
) -> Log:
    """Read one window. Five queries, however many messages."""
    messages = queries.window(chat, before=before, limit=limit)
    failed = None
    if before is None:
        failed = failed_turn(chat)
    return Log(
        chat=chat,
        lines=_lines(chat, messages, editing),
        older=messages[0].position if messages and messages[0].position > 0 else None,
        failed=failed,
        waiting=before is None and bool(chat.turn),
    )


def build_line(chat: Chat, message: Message, *, busy: bool = False) -> Line:
    line = _lines(chat, [message], "")[0]
    return replace(line, busy=busy)


def _lines(chat: Chat, messages: list[Message], editing: str) -> list[Line]:
    receipts = queries.receipts(messages)
    ids = {turn.api_key_id for turn in receipts.values() if turn.api_key_id}
    names = dict(ApiKey.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    notes = notes_of(chat, receipts.values())
    lines = []
    for message in messages:
        turn = receipts.get(message.turn)
        lines.append(
            Line(
                message=message,
                chat=chat,
                receipt=turn if message.role == Message.Role.ASSISTANT else None,
                via=names.get(turn.api_key_id, "") if turn and turn.api_key_id else "",
                editing=message.uid == editing,
                notes=notes.get(message.turn, ()) if message.role == Message.Role.ASSISTANT else (),
            )
        )
    return lines


def failed_turn(chat: Chat) -> Turn | None:
    """The latest turn, if it came to nothing and said why."""
    latest = Turn.objects.filter(chat=chat).order_by("-uid").defer("manifest").first()
    if latest is None or latest.state != Turn.State.VOIDED or not latest.error_code:
        return None
    return latest


def build_chat_page(chat: Chat, *, user: User, editing: str = "", before: int | None) -> ChatPage:
    return ChatPage(
        chat=chat,
        log=build_log(chat, before=before, editing=editing),
        voice=voice_for(user, chat.character),
        persona=worn(user_id=user.pk, character=chat.character.uid, chosen=chat.persona_id or ""),
    )
