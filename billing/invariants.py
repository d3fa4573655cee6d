"""What must be true of the ledger at any instant."""

from django.db.models import Sum

from billing.models import Account, Charge, Hold, LedgerEntry


def check() -> list[str]:
    """Every violation found, in words; an empty list for a sound ledger."""
    entries = dict(
        LedgerEntry.objects.values("account")
        .annotate(total=Sum("amount_micro"))
        .values_list("account", "total")
    )
    held = dict(
        Hold.objects.filter(state=Hold.State.OPEN)
        .values("account")
        .annotate(total=Sum("amount_micro"))
        .values_list("account", "total")
    )
    found = []
    for account in Account.objects.iterator():
        if account.balance_micro != entries.get(account.pk, 0):
            found.append(f"account {account.pk}: the balance is not the sum of its entries")
        if account.held_micro != held.get(account.pk, 0):
            found.append(f"account {account.pk}: held credits are not the sum of open holds")
    charged = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE).aggregate(
        total=Sum("amount_micro")
    )
    charges = Charge.objects.aggregate(total=Sum("amount_micro"))
    if -(charged["total"] or 0) != (charges["total"] or 0):
        found.append("the charges do not add up to the ledger's charge entries")
    return found
