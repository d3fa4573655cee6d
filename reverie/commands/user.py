"""Create people: `reverie user create HANDLE`."""

import argparse
import getpass
import sys

from accounts.services import create_user
from reverie.commands.output import add_json, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="create a person")
    create.add_argument("handle")
    create.add_argument("--email")
    create.add_argument("--name", default="", help="what characters call this person")
    create.add_argument("--staff", action="store_true", help="may use the admin")
    create.add_argument(
        "--password", action="store_true", help="ask for a password, or read it from a pipe"
    )
    add_json(create)


def run(options: argparse.Namespace) -> int:
    password = None
    if options.password:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    user = create_user(
        handle=options.handle,
        password=password,
        email=options.email,
        display_name=options.name,
        staff=options.staff,
    )
    if options.json:
        say_json({"id": user.pk, "handle": user.handle})
    else:
        say(f"Created {user.handle}.")
    return 0
