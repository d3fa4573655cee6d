"""Lorebooks: `reverie lore replay FILE` scans recorded cases, `reverie lore test FILE` one text."""

import argparse
from pathlib import Path
from typing import Any, Final

import orjson

from core.errors import ReverieError
from lore import dryrun, formats
from lore.books import compile_book
from lore.replay import replay
from lore.scene import Settings, settings_with
from reverie.commands.output import add_json, complain, say, say_json

FILE_BYTES_MOST: Final = 256 * 1024 * 1024
_WRONG_FILE: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    cases = verbs.add_parser("replay", help="scan recorded cases and print the outcome as JSON")
    cases.add_argument("file", type=Path, help="a JSON file of cases")
    test = verbs.add_parser("test", help="say what a text calls up in a lorebook file")
    test.add_argument("file", type=Path, help="a lorebook in any format")
    test.add_argument("--text", required=True, help='words, or lines "Name: words"')
    test.add_argument("--scan-depth", type=int, default=Settings().scan_depth)
    test.add_argument("--budget", type=int, default=Settings().budget_tokens, help="in tokens")
    add_json(test)


def run(options: argparse.Namespace) -> int:
    verbs = {"replay": _replay, "test": _test}
    try:
        return verbs[options.verb](options)
    except OSError as error:
        return _refuse(options.file, error.strerror or str(error))
    except ReverieError as error:
        return _refuse(options.file, error.message)


def _refuse(path: Path, reason: str) -> int:
    complain(f"reverie: {path}: {reason}")
    return _WRONG_FILE


def _bytes_of(path: Path) -> bytes:
    if path.stat().st_size > FILE_BYTES_MOST:
        raise OSError(0, f"The file is larger than {FILE_BYTES_MOST // 2**20} MB.")
    return path.read_bytes()


def _replay(options: argparse.Namespace) -> int:
    try:
        recorded = orjson.loads(_bytes_of(options.file))
    except orjson.JSONDecodeError as error:
        return _refuse(options.file, f"This is no JSON: {error}.")
    if not isinstance(recorded, dict) or not isinstance(recorded.get("cases"), list):
        return _refuse(options.file, "A file of cases is an object with a list `cases`.")
    try:
        outcome = replay(recorded)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _refuse(options.file, f"A case is not of the expected form: {_said(error)}.")
    say(orjson.dumps(outcome).decode())
    return 0


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _test(options: argparse.Namespace) -> int:
    book = compile_book(formats.read_book(_bytes_of(options.file), options.file.name).book, "file")
    given = {"scan_depth": options.scan_depth, "budget_tokens": options.budget}
    settings = settings_with(Settings(), given)
    messages = dryrun.said_in(options.text)
    found = dryrun.dry_run(book, settings, messages, dryrun.Cast(), seed="")
    told = dryrun.told(found, book)
    if options.json:
        say_json(
            {
                "entries": [_row(one) for one in told],
                "tokens": found.tokens,
                "is_over_budget": found.is_over_budget,
                "is_cut_short": found.is_cut_short,
            }
        )
        return 0
    for one in told:
        say(f"{'+' if one.verdict.activated else '-'} {one.title}: {one.reason}")
    say(f"{len(found.activated)} of {len(told)} entries fire, {found.tokens} tokens.")
    if found.is_cut_short:
        complain("The scan took too long and was ended: what it had not reached is missing.")
    return 0


def _row(one: dryrun.Told) -> dict[str, Any]:
    return {
        "uid": one.entry.uid,
        "title": one.title,
        "activated": one.verdict.activated,
        "rule": one.verdict.rule,
        "reason": one.reason,
        "tokens": one.verdict.tokens,
    }
