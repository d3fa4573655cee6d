"""Give credits: `reverie credits grant --user U --amount N --note WHY`."""

import argparse

from billing import ledger
from billing.models import MICRO
from core.ids import new_uid
from reverie.commands.output import add_json, find_user, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    grant = verbs.add_parser("grant", help="add credits to a balance")
    grant.add_argument("--user", required=True)
    grant.add_argument("--amount", type=int, required=True, help="whole credits")
    grant.add_argument("--note", default="", help="shown in the person's statement")
    grant.add_argument("--key", help="the same key twice grants once")
    add_json(grant)


def run(options: argparse.Namespace) -> int:
    user = find_user(options.user)
    entry = ledger.grant(
        user_id=user.pk,
        amount_micro=options.amount * MICRO,
        key=options.key or new_uid(),
        note=options.note,
        actor="command line",
    )
    balance = ledger.get_account(user.pk).balance_micro
    if options.json:
        say_json({"entry": entry.key, "balance_micro": balance})
    else:
        say(f"{user.handle} has {balance // MICRO:,} credits now.")
    return 0
