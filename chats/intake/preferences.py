"""Taking in settings that mean something here: which lore applies, and how it is found."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec
from django.db import transaction

from catalog.models import ImportedFile
from chats.files.settings import Settings, WorldSettings
from chats.intake.outcomes import Outcome, Status
from chats.intake.taking import Taker
from lore.models import Binding
from lore.queries import SETTINGS
from lore.scene import RANGES
from lore.services import bind, change_settings

_KIND: Final = ImportedFile.Kind.SETTINGS
_SCAN: Final = {
    "scan_depth": "scan_depth",
    "budget_percent": "budget_percent",
    "budget_cap": "budget_cap",
    "strategy": "insertion_strategy",
    "min_activations": "min_activations",
    "min_activations_depth_max": "min_activations_depth_max",
    "max_recursion_steps": "max_recursion_steps",
    "include_names": "include_names",
    "recursive": "recursive",
    "case_sensitive": "case_sensitive",
    "match_whole_words": "match_whole_words",
    "use_group_scoring": "use_group_scoring",
}
_NO_BOOK: Final = "The lorebook “{}” that is switched on is not here."
_LEFT_OUT: Final = {
    "main_prompt": "the main prompt",
    "auxiliary_prompt": "the auxiliary prompt",
    "post_history": "the prompt after the history",
    "system_prompt": "the system prompt",
    "note": "the author's note of new chats",
}


def take_settings(taker: Taker, path: str, settings: Settings) -> Outcome:
    """The settings. Taken in once: what was changed here since is not changed back."""
    digest = sha256(msgspec.json.encode(settings)).hexdigest()
    if taker.is_noted(_KIND, digest):
        return Outcome(path=path, kind="settings", status=Status.HERE)
    left_out = tuple(_left_out(settings))
    if taker.dry_run:
        notes = (*_missing(taker, settings.world), *left_out)
        return Outcome(path=path, kind="settings", status=Status.READABLE, notes=notes)
    with transaction.atomic():
        notes = tuple(_bind(taker, settings.world))
        _change_scan(taker, settings.world)
        taker.note(_KIND, digest)
    return Outcome(path=path, kind="settings", status=Status.MADE, notes=(*notes, *left_out))


def _missing(taker: Taker, world: WorldSettings) -> Iterator[str]:
    """What a dry run can tell: the lorebooks that are neither here nor would come along."""
    names = (*world.global_books, *(n for names in world.character_books.values() for n in names))
    for name in dict.fromkeys(names):
        if name not in taker.books and taker.find_book(name) is None:
            yield _NO_BOOK.format(name)


def _bind(taker: Taker, world: WorldSettings) -> Iterator[str]:
    for name in world.global_books:
        yield from _bind_one(taker, name, Binding.Scope.GLOBAL, "")
    for stem, names in world.character_books.items():
        character = taker.people.get(stem)
        if character is None:
            yield f"The character “{stem}” that has lorebooks of its own is not here."
            continue
        for name in names:
            yield from _bind_one(taker, name, Binding.Scope.CHARACTER, character.uid)


def _bind_one(taker: Taker, name: str, scope: Binding.Scope, target: str) -> Iterator[str]:
    book = taker.find_book(name)
    if book is None:
        yield _NO_BOOK.format(name)
    else:
        bind(user=taker.owner, lorebook=book, scope=scope, target=target)


def _change_scan(taker: Taker, world: WorldSettings) -> None:
    """Change what the file says of scans and leave the rest. Raises Invalid."""
    said: dict[str, Any] = {
        ours: _within(ours, value)
        for theirs, ours in _SCAN.items()
        if (value := getattr(world, theirs)) is not None
    }
    if said:
        changed = taker.owner.preferences.get(SETTINGS, {})
        change_settings(user=taker.owner, values={**changed, **said})


def _within(name: str, value: Any) -> Any:
    """A number that no setting may be becomes the nearest that it may be."""
    least, most = RANGES.get(name, (value, value))
    return max(least, min(value, most))


def _left_out(settings: Settings) -> Iterator[str]:
    found = [words for field, words in _LEFT_OUT.items() if _says(getattr(settings, field))]
    if found:
        yield f"Not taken over: {', '.join(found)}."


def _says(value: Any) -> bool:
    return bool(value if isinstance(value, str) else value is not None and value.prompt)
