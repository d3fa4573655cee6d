"""Give, take back and refund credits, and show what somebody has."""

import argparse
from getpass import getuser
from typing import Any

from billing import corrections, ledger
from billing.models import MICRO
from billing.queries import exact_credits, statement
from core.ids import new_uid
from reverie.commands.output import add_json, find_user, say, say_json

_LINES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    grant = verbs.add_parser("grant", help="add credits to a balance")
    grant.add_argument("--user", required=True)
    grant.add_argument("--amount", type=int, required=True, help="whole credits")
    grant.add_argument("--note", default="", help="shown in the person's statement")
    take = verbs.add_parser("take", help="take credits back, as far as they are there")
    take.add_argument("--user", required=True)
    take.add_argument("--amount", type=int, required=True, help="whole credits")
    take.add_argument("--reason", required=True, help="shown in the person's statement")
    refund = verbs.add_parser("refund", help="give back what a charge took")
    refund.add_argument("--charge", required=True, help="its key, as turn:UID")
    refund.add_argument("--amount", type=int, help="whole credits; all that is left without it")
    refund.add_argument("--reason", required=True, help="shown in the person's statement")
    for verb in (grant, take, refund):
        verb.add_argument("--key", help="the same key twice counts once")
        add_json(verb)
    show = verbs.add_parser("show", help="balance and newest entries")
    show.add_argument("--user", required=True)
    add_json(show)


def run(options: argparse.Namespace) -> int:
    {"grant": _grant, "take": _take, "refund": _refund, "show": _show}[options.verb](options)
    return 0


def operator() -> str:
    """Who types, for the ledger and the audit log."""
    try:
        return f"command line ({getuser()})"
    except (KeyError, OSError):  # a user without a name
        return "command line"


def _grant(options: argparse.Namespace) -> None:
    user = find_user(options.user)
    entry = corrections.give(
        user_id=user.pk,
        amount_micro=options.amount * MICRO,
        key=options.key or new_uid(),
        reason=options.note,
        actor=operator(),
    )
    _told(options, user, {"entry": entry.key})


def _take(options: argparse.Namespace) -> None:
    user = find_user(options.user)
    done = corrections.adjust(
        user_id=user.pk,
        amount_micro=-abs(options.amount) * MICRO,
        key=options.key or new_uid(),
        reason=options.reason,
        actor=operator(),
    )
    taken = -done.entry.amount_micro
    if done.missing_micro and not options.json:
        say(f"Only {exact_credits(taken)} of {options.amount:,} credits were there to take.")
    _told(options, user, {"entry": done.entry.key, "taken_micro": taken})


def _refund(options: argparse.Namespace) -> None:
    entry = corrections.refund(
        charge_key=options.charge,
        key=options.key or new_uid(),
        amount_micro=None if options.amount is None else options.amount * MICRO,
        reason=options.reason,
        actor=operator(),
    )
    told = {"entry": entry.key, "refunded_micro": entry.amount_micro}
    _told(options, entry.account.user, told)


def _show(options: argparse.Namespace) -> None:
    user = find_user(options.user)
    account = ledger.get_account(user.pk)
    lines = statement(user.pk, limit=_LINES).lines
    if options.json:
        rows = [
            {
                "time": line.entry.created_at,
                "kind": line.entry.kind,
                "amount_micro": line.entry.amount_micro,
                "balance_micro": line.balance_micro,
                "note": line.entry.note,
                "key": line.entry.key,
            }
            for line in lines
        ]
        _told(options, user, {"held_micro": account.held_micro, "entries": rows})
        return
    for line in reversed(lines):
        entry = line.entry
        amount, balance = exact_credits(entry.amount_micro), exact_credits(line.balance_micro)
        say(f"{entry.created_at:%Y-%m-%d %H:%M}  {entry.kind:<10} {amount:>18} {balance:>18}")
    _told(options, user, {})


def _told(options: argparse.Namespace, user: Any, told: dict[str, Any]) -> None:
    balance = ledger.get_account(user.pk).balance_micro
    if options.json:
        say_json({**told, "balance_micro": balance})
    else:
        say(f"{user.handle} has {balance // MICRO:,} credits now.")
