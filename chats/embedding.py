"""Which texts of a chat are embedded: what its turns can recall, from wherever it comes."""

from typing import Final

from characters.spoken import spoken
from chats.models import Chat, Message
from jobs.queue import enqueue
from jobs.work import Work
from lore.books import CompiledBook
from lore.queries import compiled, uses_in
from memory import embedders, embedding
from memory.embedding import Source, pieces_of
from memory.queries import contents
from memory.standing import Standing
from memory.vectors import Kind, Piece, Place
from personas.queries import worn

JOB: Final = "embed"
_BATCHES_AT_ONCE: Final = 16


def embed_later(chat_uid: str, user_id: int) -> None:
    """Ask for the vectors that a chat lacks, where meanings are compared at all."""
    if embedders.in_use().is_on:
        enqueue(JOB, chat_uid, user_id=user_id, is_urgent=False)


def run_job(work: Work) -> bool | str:
    """Make the vectors that the chat named by the job's key lacks. True if there is more to do."""
    rows = Chat.objects.filter(uid=work.key, trashed_at=None).select_related("character")
    chat = rows.first()
    used = embedders.in_use()
    if chat is None or not used.is_on:
        return "nothing to embed"
    return any(
        embedding.bring_up_to_date(source, used, writing=work.writing, batches=_BATCHES_AT_ONCE)
        for source in sources(chat)
    )


def sources(chat: Chat) -> list[Source]:
    """Everything that turns of this chat can recall by meaning."""
    found = [Source(passages(chat), _of_messages(chat), is_all=False)]
    if chat.notebook_id is not None:
        place = Place(chat.user_id, Kind.MEMORY, chat.notebook_id)
        found.append(Source(place, _of_memories(chat.notebook_id), is_all=True))
    return [*found, *(_of_lorebook(chat.user_id, book) for book in _books(chat))]


def _books(chat: Chat) -> list[CompiledBook]:
    """The lorebooks that may apply to turns of this chat, and have entries to find by meaning."""
    persona = worn(user_id=chat.user_id, character=chat.character.uid, chosen=chat.persona_id or "")
    uses = uses_in(
        user_id=chat.user_id,
        character=chat.character.uid,
        persona=persona.uid if persona else "",
        chat=chat.uid,
    )
    books = [spoken(chat.character, chat.character_number).book]
    books += [compiled(use.uid, use.number) for use in uses]
    found = {book.uid: book for book in books if book is not None and book.by_meaning}
    return list(found.values())


def passages(chat: Chat) -> Place:
    """Where the vectors of a chat's messages lie."""
    return Place(chat.user_id, Kind.PASSAGE, chat.uid)


def _of_messages(chat: Chat) -> list[Piece]:
    shown = Message.objects.filter(chat=chat, active=True, hidden=False).order_by("position")
    rows = shown.values_list("uid", "content")
    return [piece for uid, content in rows.iterator() for piece in pieces_of(uid, content)]


def _of_memories(notebook_uid: str) -> list[Piece]:
    facts = contents(notebook_uid).standing_as(Standing.ACTIVE)
    return [piece for fact in facts for piece in pieces_of(fact.uid, fact.text)]


def _of_lorebook(user_id: int, book: CompiledBook) -> Source:
    """Entries by their keys, which are unique in all that is bound."""
    pieces = [piece for item in book.by_meaning for piece in pieces_of(item.key, item.content)]
    return Source(Place(user_id, Kind.LORE, book.uid), pieces, is_all=True)
