"""Make API keys: `reverie key create --user U --name N` prints only the key."""

import argparse
import re
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import DEFAULT_SCOPES
from billing.models import MICRO
from characters.queries import get_visible
from core.errors import Invalid
from reverie.commands.output import add_json, find_user, say, say_json

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a key and print it")
    create.add_argument("--user", required=True)
    create.add_argument("--name", required=True, help="which program will use it")
    create.add_argument("--character", default="", help="id of its default character")
    create.add_argument("--expires", help="for example 12h, 30d or 8w")
    create.add_argument(
        "--scopes",
        default=DEFAULT_SCOPES.replace(" ", ","),
        help="of chat, read, write, manage, with commas between (default: %(default)s)",
    )
    create.add_argument("--addresses", default="", help="from where, for example 203.0.113.0/24")
    create.add_argument("--budget-day", help="credits it may spend in a day")
    create.add_argument("--budget-month", help="credits it may spend in a month")
    create.add_argument("--requests-per-minute", type=int)
    add_json(create)


def parse_duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([mhdw])", text)
    if match is None:
        raise Invalid(f"{text!r} is no duration; write 12h, 30d or 8w.", param="expires")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_credits(text: str | None) -> int | None:
    """An amount as people write it, in micro-credits."""
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
        raise Invalid(f"{text!r} is no amount of credits; write 5 or 2.5.", param="budget")
    return int(Decimal(text) * MICRO)


def run(options: argparse.Namespace) -> int:
    user = find_user(options.user)
    if options.character:
        get_visible(user, options.character)
    expires_at = timezone.now() + parse_duration(options.expires) if options.expires else None
    key, secret = issue_key(
        user=user,
        name=options.name,
        default_character=options.character,
        expires_at=expires_at,
        scopes=options.scopes.replace(",", " ").split(),
        allowed_addresses=options.addresses,
        budget_day_micro=parse_credits(options.budget_day),
        budget_month_micro=parse_credits(options.budget_month),
        requests_per_minute=options.requests_per_minute,
    )
    if options.json:
        say_json({"id": key.uid, "key": secret, "expires_at": key.expires_at})
    else:
        say(secret)
    return 0
