"""Export a character: `reverie export ID --owner U [--format FORM] [--to FILE]`."""

import argparse
import sys
from pathlib import Path

from characters.export import FORMATS, export_character
from characters.queries import get_owned
from reverie.commands.output import find_user, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("character", help="full id of the character")
    parser.add_argument("--owner", required=True)
    parser.add_argument("--format", choices=FORMATS, default="v3")
    parser.add_argument("--to", type=Path, help="file to write; standard output without it")


def run(options: argparse.Namespace) -> int:
    character = get_owned(find_user(options.owner), options.character)
    data = export_character(character, options.format)
    if options.to is None:
        sys.stdout.buffer.write(data)
    else:
        options.to.write_bytes(data)
        say(f"Wrote {options.to} ({len(data)} bytes).")
    return 0
