"""Take in cards, lorebooks, personas and chats, or a whole SillyTavern data folder."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from characters.fetching import fetch_card_file
from characters.models import Character
from characters.queries import get_owned
from chats.files import folder
from chats.intake import Outcome, Source, Status, Taker, source_at, take_files, take_folder
from core.errors import Invalid
from core.text import clean
from reverie.commands.output import add_json, find_user, say, say_json
from reverie.progress import Bar

LINES_MOST: Final = 30
"""More good news than this is only counted; every problem has its line."""
_PLURALS: Final = {"persona": "personas", "settings": "settings"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH|URL",
        help="files (cards: PNG, APNG, WebP, JSON, CHARX, BYAF, YAML; lorebooks, personas, chats), "
        "folders of them, SillyTavern's data folder, or addresses of card files",
    )
    parser.add_argument("--owner", required=True)
    parser.add_argument("--character", help="full id of the character that chats are with")
    parser.add_argument("--dry-run", action="store_true", help="read and report, store nothing")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    owner = find_user(options.owner)
    character = get_owned(owner, options.character) if options.character else None
    taker = Taker(owner, dry_run=options.dry_run)
    items, files, failed = _found(options.paths)
    bar = Bar(len(items) + len(files), shown=sys.stdout.isatty() and not options.json)
    outcomes = [*failed]
    for outcome in _taken(taker, items, files, character):
        outcomes.append(outcome)
        bar.step()
    bar.end()
    _tell(outcomes, as_json=options.json)
    return 1 if not outcomes or not all(one.succeeded for one in outcomes) else 0


def _taken(
    taker: Taker, items: list[folder.Item], files: list[Source], character: Character | None
) -> Iterator[Outcome]:
    yield from take_folder(taker, items)
    yield from take_files(taker, files, character=character)


def _found(paths: Iterable[str]) -> tuple[list[folder.Item], list[Source], list[Outcome]]:
    """What SillyTavern folders hold, single files, and what cannot be opened. Raises Invalid."""
    items: list[folder.Item] = []
    files: list[Source] = []
    failed: list[Outcome] = []
    for given in paths:
        if given.startswith(("http://", "https://")):
            _add(given, partial(_source_behind, given), files, failed)
            continue
        path = Path(given)
        data = _data_folder(path)
        if data is not None:
            items += folder.scan(data)
            continue
        for file in _files(path):
            _add(str(file), partial(source_at, file), files, failed)
    return items, files, failed


def _add(
    called: str, get: Callable[[], Source], files: list[Source], failed: list[Outcome]
) -> None:
    try:
        files.append(get())
    except Invalid as error:
        outcome = Outcome(
            path=clean(called), kind="file", status=Status.FAILED, message=error.message
        )
        failed.append(outcome)


def _source_behind(url: str) -> Source:
    name, data = fetch_card_file(url)
    return Source(clean(url), name, len(data), lambda count: data[:count])


def _data_folder(path: Path) -> Path | None:
    """SillyTavern's data folder at or in a place; None if there is none. Raises Invalid."""
    if not path.is_dir():
        return None
    try:
        found = folder.find_data(path)
    except Invalid:
        return None
    if len(found) > 1:
        names = "".join(f"\n  {one}" for one in found)
        raise Invalid(f"{path} holds the data of several people. Name one of them:{names}")
    return found[0]


def _files(path: Path) -> list[Path]:
    """The file, or those of a folder that may hold something."""
    if not path.is_dir():
        return [path]
    endings = (*folder.CARDS, ".jsonl")
    return sorted(
        file for file in path.iterdir() if file.suffix.lower() in endings and file.is_file()
    )


def _tell(outcomes: list[Outcome], *, as_json: bool) -> None:
    counts = Counter((one.kind, one.status) for one in outcomes)
    if as_json:
        say_json({"counts": _nested(counts), "files": [_row(one) for one in outcomes]})
        return
    for one in outcomes:
        if one.message or one.notes or len(outcomes) <= LINES_MOST:
            _say_one(one)
    for (kind, status), count in sorted(counts.items()):
        say(f"{count} {kind if count == 1 else _PLURALS.get(kind, kind + 's')} {status}.")
    good = sum(one.succeeded for one in outcomes)
    say(f"{good} of {len(outcomes)} files read.")


def _say_one(one: Outcome) -> None:
    what = f"{one.kind} {one.name}".strip()
    say(f"{one.path}: {one.message or f'{what}, {one.status}'}")
    for note in one.notes:
        say(f"    {note}")


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "path": one.path,
        "kind": one.kind,
        "status": one.status.name.lower(),
        "name": one.name or None,
        "id": one.uid or None,
        "error": one.message or None,
        "notes": one.notes,
    }


def _nested(counts: Counter[tuple[str, Status]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (kind, status), count in sorted(counts.items()):
        nested.setdefault(kind, {})[status.name.lower()] = count
    return nested
