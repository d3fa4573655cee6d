"""Reading what happened to a person's credits."""

from dataclasses import dataclass

from billing.models import Account, LedgerEntry


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a statement, with the balance after it."""

    entry: LedgerEntry
    balance_micro: int


def statement(user_id: int, *, limit: int = 50) -> list[Line]:
    """The newest entries of this person's account, newest first. Two queries."""
    account = Account.objects.filter(user_id=user_id).first()
    if account is None:
        return []
    lines, balance = [], account.balance_micro
    for entry in LedgerEntry.objects.filter(account=account).order_by("-id")[:limit]:
        lines.append(Line(entry, balance))
        balance -= entry.amount_micro
    return lines
