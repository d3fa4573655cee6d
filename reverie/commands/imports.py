"""Import character cards: `reverie import PATH… --owner U`."""

import argparse
from pathlib import Path

from characters.services import import_paths
from reverie.commands.output import add_json, find_user, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, help="PNG or JSON cards, or folders of them")
    parser.add_argument("--owner", required=True)
    parser.add_argument("--dry-run", action="store_true", help="read and report, store nothing")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    reports = import_paths(options.paths, owner=find_user(options.owner), dry_run=options.dry_run)
    failed = [report for report in reports if not report.succeeded]
    if options.json:
        say_json(
            [
                {
                    "path": report.path,
                    "character": report.character.uid if report.character else None,
                    "name": report.character.name if report.character else None,
                    "error": report.message or None,
                    "notes": report.notes,
                }
                for report in reports
            ]
        )
        return 1 if failed else 0
    for report in reports:
        made = f"imported as {report.character.label}" if report.character else ""
        say(f"{report.path}: {report.message or made or 'readable'}")
        for note in report.notes:
            say(f"    {note}")
    say(f"{len(reports) - len(failed)} of {len(reports)} files read.")
    return 1 if failed or not reports else 0
