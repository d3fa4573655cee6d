"""How commands speak: plain lines for people, one JSON object with `--json`."""

import argparse
import json
import sys
from typing import Any

from accounts.models import User
from core.errors import NotFound


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def say_json(value: Any) -> None:
    say(json.dumps(value, ensure_ascii=False, default=str))


def find_user(handle: str) -> User:
    """The person with this handle or e-mail address. Raises NotFound."""
    users = User.objects.filter(handle__iexact=handle) | User.objects.filter(email__iexact=handle)
    user = users.first()
    if user is None:
        raise NotFound(f"There is no user {handle}.")
    return user
