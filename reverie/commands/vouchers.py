"""Make vouchers, list them and disable them. A code is shown once, when it is made."""

import argparse
from typing import Any

from django.utils import timezone

from billing.models import MICRO, Voucher
from billing.queries import exact_credits
from billing.vouchers import disable_voucher, make_voucher
from core.errors import Invalid, NotFound
from reverie.commands.credits import operator
from reverie.commands.key import parse_duration
from reverie.commands.output import add_json, say, say_json

_COUNT_MOST = 10_000
_LISTED_MOST = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("make", help="make vouchers and print their codes")
    make.add_argument("--credits", type=int, required=True, help="whole credits each gives")
    make.add_argument("--uses", type=int, default=1, help="how many people may redeem each")
    make.add_argument("--count", type=int, default=1, help="how many vouchers")
    make.add_argument("--expires", help="for example 12h, 30d or 8w")
    make.add_argument("--note", default="", help="what they are for")
    disable = verbs.add_parser("disable", help="stop a voucher; what it gave stays")
    disable.add_argument("--id", type=int, required=True)
    disable.add_argument("--reason", default="")
    for verb in (make, disable, verbs.add_parser("list", help="the newest vouchers")):
        add_json(verb)


def run(options: argparse.Namespace) -> int:
    {"make": _make, "disable": _disable, "list": _list}[options.verb](options)
    return 0


def _make(options: argparse.Namespace) -> None:
    if not 0 < options.count <= _COUNT_MOST:
        raise Invalid(f"1 to {_COUNT_MOST:,} vouchers, please.", param="count")
    expires_at = timezone.now() + parse_duration(options.expires) if options.expires else None
    made = []
    for _ in range(options.count):
        voucher, code = make_voucher(
            amount_micro=options.credits * MICRO,
            uses_most=options.uses,
            expires_at=expires_at,
            note=options.note,
            actor=operator(),
        )
        made.append({"id": voucher.pk, "code": code})
        if not options.json:
            say(code)
    if options.json:
        say_json({"vouchers": made})


def _disable(options: argparse.Namespace) -> None:
    voucher = Voucher.objects.filter(pk=options.id).first()
    if voucher is None:
        raise NotFound(f"There is no voucher {options.id}.")
    changed = disable_voucher(voucher=voucher, actor=operator(), reason=options.reason)
    if options.json:
        say_json({"id": voucher.pk, "changed": changed})
    else:
        say(f"{voucher} is disabled{'' if changed else ' already'}.")


def _list(options: argparse.Namespace) -> None:
    rows = [_row(voucher) for voucher in Voucher.objects.all()[:_LISTED_MOST]]
    if options.json:
        say_json({"vouchers": rows})
        return
    for row in rows:
        say("{id:>5}  {prefix}…  {credits:>14} credits  {uses}/{uses_most}  {state}".format(**row))


def _row(voucher: Voucher) -> dict[str, Any]:
    is_over = voucher.expires_at is not None and voucher.expires_at <= timezone.now()
    state = "disabled" if voucher.disabled_at else "expired" if is_over else "live"
    return {
        "id": voucher.pk,
        "prefix": voucher.prefix,
        "credits": exact_credits(voucher.amount_micro),
        "uses": voucher.uses,
        "uses_most": voucher.uses_most,
        "state": state,
        "note": voucher.note,
    }
