"""Files of any kind, without a folder that says what belongs to whom."""

from collections.abc import Iterator, Sequence
from typing import Final

from characters.models import Character
from characters.queries import owned_by as characters_of
from chats.intake.lineages import Brought, lineages, noted, open_line
from chats.intake.outcomes import Outcome, Status
from chats.intake.personas import take_backup
from chats.intake.sorting import Kind, kind_of
from chats.intake.sources import Source
from chats.intake.taking import Taker
from core.errors import Invalid, ReverieError

_SEVERAL: Final = "Several of your characters are called {}; this chat went to the newest one."


def take_files(
    taker: Taker, sources: Sequence[Source], *, character: Character | None = None
) -> Iterator[Outcome]:
    """Take in what some files hold, chats last. An outcome for each thing found.

    Chats are with `character`, or without it with whom they name.
    """
    chats: list[Source] = []
    for source in sources:
        try:
            data = source.read()
            kind = kind_of(data, source.name)
            if kind == Kind.CHAT:
                chats.append(source)
            else:
                yield from _take(taker, source, data, kind)
        except ReverieError as error:
            yield Outcome(
                path=source.path, kind="file", status=Status.FAILED, message=error.message
            )
        data = b""
    for line, note in lineages(chats):
        yield from noted(_take_line(taker, line, character), note)


def _take(taker: Taker, source: Source, data: bytes, kind: Kind) -> Iterator[Outcome]:
    if kind == Kind.PERSONAS:
        yield from take_backup(taker, source, data)
    elif kind == Kind.BOOK:
        yield taker.take_book(source, data)
    else:
        yield taker.take_card(source, data)


def _take_line(taker: Taker, line: list[Source], character: Character | None) -> Iterator[Outcome]:
    brought, outcomes = open_line(line)
    by_name: dict[str, Brought] = {}
    for source, one in brought:
        name = "" if character is not None else one.file.character_name
        by_name.setdefault(name, []).append((source, one))
    for name, some in by_name.items():
        try:
            whose, note = (character, "") if character is not None else _named(taker, name)
            made = taker.take_chats(whose, some)
        except ReverieError as error:
            made = [
                Outcome(path=source.path, kind="chat", status=Status.FAILED, message=error.message)
                for source, _ in some
            ]
            note = ""
        outcomes += noted(made, note)
    yield from outcomes


def _named(taker: Taker, name: str) -> tuple[Character | None, str]:
    """The character that a chat names, and what to say of the choice. Raises Invalid."""
    if name in taker.people:
        return taker.people[name], ""
    found = list(characters_of(taker.owner).filter(name=name).order_by("-pk")[:2]) if name else []
    if not found:
        who = f"called “{name}”" if name else "that this chat names"
        raise Invalid(
            f"You have no character {who}. Import the card first, or say whom the chat is with.",
            code="character_not_found",
            param="character",
        )
    return found[0], _SEVERAL.format(f"“{name}”") if len(found) > 1 else ""
