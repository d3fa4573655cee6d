"""Prove that the ledger adds up: `reverie ledger check` prints one line for each violation."""

import argparse

from billing.invariants import find
from reverie.commands.output import add_json, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    add_json(verbs.add_parser("check", help="look at every balance, hold, charge and refund"))


def run(options: argparse.Namespace) -> int:
    """Returns 1 if anything is wrong. May run while credits move."""
    if options.json:
        found = list(find())
        say_json({"ok": not found, "violations": found})
        return 1 if found else 0
    count = 0
    for line in find():
        count += 1
        say(line)
    if not count:
        say("The ledger adds up.")
    return 1 if count else 0
