"""Taking in one thing at a time, each in one transaction with the note that it was."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from django.db import transaction

from accounts.models import User
from catalog.imported import find_target, note_import
from catalog.models import ImportedFile
from characters.cards import Card, Note, read_card
from characters.models import Character
from characters.queries import owned_by as characters_of
from characters.services import store_card
from chats.importing import Given, ImportedChat, store_chats
from chats.intake.outcomes import Outcome, Status
from chats.intake.sources import Source
from lore import formats
from lore.models import Binding, Lorebook
from lore.queries import owned_by as lorebooks_of
from lore.services import bind, book_of, import_lorebook
from lore.values import Book


class Taker:
    """Takes things in for one person. A dry run reads everything and stores nothing.

    `books` and `people` are lorebooks and characters by what other files call them: the stem of
    their file, or a character's name. None stands for one that a dry run would have made.
    """

    def __init__(self, owner: User, *, dry_run: bool = False) -> None:
        self.owner = owner
        self.dry_run = dry_run
        self.books: dict[str, Lorebook | None] = {}
        self.people: dict[str, Character | None] = {}

    def take_card(self, source: Source, data: bytes, *, tags: Iterable[str] = ()) -> Outcome:
        """A character, with `tags` beside its card's own. Raises Invalid."""
        digest = sha256(data).hexdigest()
        here = characters_of(self.owner).filter(original__sha256=digest).first()
        if here is not None:
            return self._of_character(source, Status.HERE, here, ())
        card = read_card(data, source.name)
        _add_tags(card, tags)
        if self.dry_run:
            self._call(source, card.name, None)
            return Outcome(
                path=source.path, kind="character", status=Status.READABLE, name=card.name,
                notes=tuple(map(str, card.notes)),
            )  # fmt: skip
        with transaction.atomic():
            made = store_card(owner=self.owner, card=card, data=data, filename=source.name)
            notes = self._bind_world(made, card)
        return self._of_character(source, Status.MADE, made, (*map(str, card.notes), *notes))

    def take_book(
        self, source: Source, data: bytes, *, tags: Mapping[str, str] | None = None
    ) -> Outcome:
        """A lorebook, whose entries may name tags by the ids in `tags`. Raises Invalid."""
        digest = sha256(data).hexdigest()
        uid = find_target(self.owner, ImportedFile.Kind.LOREBOOK, digest)
        here = lorebooks_of(self.owner).filter(uid=uid).first() if uid else None
        if here is not None:
            return self._of_book(source, Status.HERE, here, ())
        if self.dry_run:
            read = formats.read_book(data, source.name)
            self.books[source.stem] = None
            return Outcome(
                path=source.path, kind="lorebook", status=Status.READABLE, name=read.book.name,
                notes=tuple(read.notes),
            )  # fmt: skip
        with transaction.atomic():
            made = import_lorebook(
                owner=self.owner, data=data, filename=source.name, tag_names=tags
            )
            self.note(ImportedFile.Kind.LOREBOOK, digest, made.lorebook.uid)
        return self._of_book(source, Status.MADE, made.lorebook, made.notes)

    def take_chats(
        self, character: Character | None, brought: Sequence[tuple[Source, Given]]
    ) -> list[Outcome]:
        """Chats with one character, branches among them put together: an outcome for each.

        The character is None where a dry run would have made it.
        """
        filled = [one for _, one in brought if one.file.messages]
        made: dict[str, ImportedChat] = {}
        if filled and character is not None and not self.dry_run:
            books = {name: book for name, book in self.books.items() if book is not None}
            stored = store_chats(owner=self.owner, character=character, given=filled, books=books)
            made = {digest: chat for chat in stored for digest in chat.digests}
        return [self._of_chat(source, one, made.get(one.digest)) for source, one in brought]

    def find_book(self, name: str) -> Lorebook | None:
        """The lorebook that files call `name`: one brought with them, or one that is here."""
        if name in self.books:
            return self.books[name]
        return lorebooks_of(self.owner).filter(name=name).order_by("-pk").first()

    def note(self, kind: str, digest: str, target: str = "") -> None:
        note_import(owner=self.owner, kind=kind, digest=digest, target=target)

    def is_noted(self, kind: str, digest: str) -> bool:
        return find_target(self.owner, kind, digest) is not None

    def _bind_world(self, character: Character, card: Card) -> tuple[str, ...]:
        """Let the lorebook that a card names apply to it, unless the card holds the same one."""
        name = card.extensions.get("world")
        if not isinstance(name, str) or not name:
            return ()
        book = self.find_book(name)
        if book is None:
            return (f"The lorebook “{name}” that it names is not here.",)
        own = card.character_book
        if own and _texts(formats.book_from_character_book(own, [])) == _texts(book_of(book)):
            return ()
        scope = Binding.Scope.CHARACTER
        bind(user=self.owner, lorebook=book, scope=scope, target=character.uid)
        return ()

    def _call(self, source: Source, name: str, character: Character | None) -> None:
        self.people.setdefault(name, character)
        self.people[source.stem] = character

    def _of_character(
        self, source: Source, status: Status, character: Character, notes: tuple[str, ...]
    ) -> Outcome:
        self._call(source, character.name, character)
        return Outcome(
            path=source.path, kind="character", status=status, name=character.name,
            uid=character.uid, notes=notes,
        )  # fmt: skip

    def _of_book(
        self, source: Source, status: Status, book: Lorebook, notes: tuple[str, ...]
    ) -> Outcome:
        self.books[source.stem] = book
        return Outcome(
            path=source.path, kind="lorebook", status=status, name=book.name, uid=book.uid,
            notes=notes,
        )  # fmt: skip

    def _of_chat(self, source: Source, one: Given, made: ImportedChat | None) -> Outcome:
        status = Status.READABLE
        if made is not None:
            status = Status.MADE if made.is_new else Status.HERE
        is_empty = not one.file.messages
        return Outcome(
            path=source.path,
            kind="chat",
            status=Status.SKIPPED if is_empty else status,
            name=one.file.title,
            uid=made.chat.uid if made is not None else "",
            message="The chat holds no messages." if is_empty else "",
            notes=one.file.notes,
        )


def _add_tags(card: Card, tags: Iterable[str]) -> None:
    """Give a card the tags that it had in the other program beside its own."""
    own = {tag.lower() for tag in card.tags}
    new = [tag for tag in tags if tag.lower() not in own]
    if new:
        card.tags = [*card.tags, *new]
        card.notes.append(Note("read", f"Tagged as it was there: {', '.join(new)}."))


def _texts(book: Book) -> set[tuple[tuple[str, ...], str]]:
    """What tells two lorebooks apart: keys and text of each entry."""
    return {(entry.keys, entry.content) for entry in book.entries}
