"""What operators do with credits: give, adjust, refund. Each deed is in the audit log."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from accounts import audit
from billing import ledger
from billing.models import MICRO, Account, Charge, LedgerEntry
from core.errors import Conflict, Invalid, NotFound


class Adjusted(NamedTuple):
    """An adjustment. Less was taken than `asked_micro` where less was there."""

    entry: LedgerEntry
    asked_micro: int

    @property
    def missing_micro(self) -> int:
        """What was to be taken and was not there."""
        return self.entry.amount_micro - self.asked_micro


def give(*, user_id: int, amount_micro: int, key: str, reason: str = "", actor: str) -> LedgerEntry:
    """A grant by an operator. The same `key` a second time gives nothing."""
    with transaction.atomic():
        before = ledger.lock_account(user_id).balance_micro
        entry = ledger.grant(
            user_id=user_id, amount_micro=amount_micro, key=key, note=reason, actor=actor
        )
        _note("credits.grant", entry, user_id, before, reason)
    return entry


def adjust(*, user_id: int, amount_micro: int, key: str, reason: str, actor: str) -> Adjusted:
    """Add credits, or take some back (a negative amount), once for `key`.

    What is held for work under way or already spent cannot be taken: then less is, and the
    answer says how much. Raises Conflict if there is nothing to take.
    """
    if amount_micro == 0:
        raise Invalid("An adjustment must be more or less than nothing.", param="amount")
    with transaction.atomic():
        account = ledger.lock_account(user_id)
        first = LedgerEntry.objects.filter(key=f"adjust:{key}", account=account).first()
        if first is not None:
            return Adjusted(first, amount_micro)
        entry = LedgerEntry(
            account=account,
            key=f"adjust:{key}",
            kind=LedgerEntry.Kind.ADJUSTMENT,
            amount_micro=max(amount_micro, -account.available_micro),
            note=_given(reason)[:200],
            actor=actor[:80],
        )
        if entry.amount_micro == 0:
            raise Conflict("There are no credits to take back.", code="nothing_to_take")
        ledger.book(entry)
        _note("credits.adjust", entry, user_id, account.balance_micro, reason)
    return Adjusted(entry, amount_micro)


def refund(
    *, charge_key: str, key: str, reason: str, actor: str, amount_micro: int | None = None
) -> LedgerEntry:
    """Give back what a charge took, once for `key`: `amount_micro` of it, or all that is left.

    All refunds of a charge together never exceed it; what would raises Conflict.
    """
    with transaction.atomic():
        charge = (
            Charge.objects.select_for_update(of=("self",))
            .select_related("account")
            .filter(key=charge_key)
            .first()
        )
        if charge is None:
            raise NotFound("There is no such charge.", code="charge_not_found")
        first = LedgerEntry.objects.filter(key=f"refund:{key}", charge=charge).first()
        if first is not None:
            return first
        entry = LedgerEntry(
            account=charge.account,
            key=f"refund:{key}",
            kind=LedgerEntry.Kind.REFUND,
            amount_micro=_refundable(charge, amount_micro),
            charge=charge,
            note=_given(reason)[:200],
            actor=actor[:80],
        )
        user_id = charge.account.user_id
        before = ledger.lock_account(user_id).balance_micro
        Charge.objects.filter(pk=charge.pk).update(
            refunded_micro=F("refunded_micro") + entry.amount_micro
        )
        ledger.book(entry)
        _note("credits.refund", entry, user_id, before, reason)
    return entry


def _refundable(charge: Charge, asked: int | None) -> int:
    left = charge.amount_micro - charge.refunded_micro
    if left == 0:
        raise Conflict("Nothing of this charge is left to refund.", code="refund_exceeds_charge")
    amount = left if asked is None else asked
    if amount <= 0:
        raise Invalid("A refund must be more than nothing.", param="amount")
    if amount > left:
        raise Conflict(
            f"Only {left / MICRO:,.6g} credits of this charge are left to refund.",
            code="refund_exceeds_charge",
        )
    return amount


def _given(reason: str) -> str:
    if not reason.strip():
        raise Invalid("Say why, please.", param="reason")
    return reason.strip()


def _note(action: str, entry: LedgerEntry, user_id: int, before: int, reason: str) -> None:
    """One audit entry for one ledger entry: a repetition changed nothing and leaves no trace."""
    after = Account.objects.values_list("balance_micro", flat=True).get(pk=entry.account_id)
    if after == before:
        return
    audit.record(
        actor=entry.actor,
        action=action,
        user_id=user_id,
        target=entry.key,
        reason=reason,
        before={"balance_micro": before},
        after={"balance_micro": after},
    )
