"""Which chat files belong together: a chat and what branched off it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from chats.files import ChatFile, merge_branches
from chats.files.reading import title_of
from chats.importing import Given, given_in
from chats.intake.outcomes import Outcome, Status
from chats.intake.sources import Source
from core.errors import Invalid

TOGETHER_BYTES_MOST: Final = 64 * 1024 * 1024
"""More than this is not put together, for all of it must be in memory at once."""
TOO_LARGE: Final = "Its branches are too large to be put together; each is a chat of its own."
Brought = list[tuple[Source, Given]]


def lineages(sources: Sequence[Source]) -> Iterator[tuple[list[Source], str]]:
    """The sources, those together that go back to the same chat, and what to say of them.

    Reads only their first lines.
    """
    stubs = [ChatFile(title=title_of(source.name), parent=_parent(source)) for source in sources]
    places = {id(stub): place for place, stub in enumerate(stubs)}
    for tree in merge_branches(stubs):
        line = [sources[places[id(stub)]] for stub in tree.files]
        if sum(source.size for source in line) <= TOGETHER_BYTES_MOST:
            yield line, ""
        else:
            yield from (([source], TOO_LARGE if len(line) > 1 else "") for source in line)


def open_line(line: Sequence[Source]) -> tuple[Brought, list[Outcome]]:
    """The chats in some files, and for each that cannot be read why."""
    brought: Brought = []
    failed: list[Outcome] = []
    for source in line:
        try:
            brought += [(source, one) for one in given_in(source.read(), source.name)]
        except Invalid as error:
            failed.append(
                Outcome(path=source.path, kind="chat", status=Status.FAILED, message=error.message)
            )
    return brought, failed


def noted(outcomes: Iterable[Outcome], *notes: str) -> Iterator[Outcome]:
    """The same, with further notes; "" is none."""
    added = tuple(note for note in notes if note)
    return (replace(one, notes=(*one.notes, *added)) for one in outcomes)


def _parent(source: Source) -> str:
    try:
        return source.parent()
    except Invalid:
        return ""  # reading all of it will say why
