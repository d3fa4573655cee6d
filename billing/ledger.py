"""The ledger: every change of a balance goes through here, once per cause.

Balances change by one conditional update each, and the database refuses what would go below
zero. At any instant an account's balance is the sum of its entries and its held credits are
the sum of its open holds. All functions are synchronous and may run inside a transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from billing.models import MICRO, Account, Charge, Hold, LedgerEntry, Usage
from billing.pricing import price
from core import metrics
from core.errors import InsufficientCredits, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What a piece of work used, where, and at which prices."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated: bool
    input_multiplier_micro: int
    output_multiplier_micro: int
    surface: str
    api_key: str = ""
    character: str = ""

    @property
    def price_micro(self) -> int:
        return price(
            self.prompt_tokens,
            self.completion_tokens,
            input_multiplier_micro=self.input_multiplier_micro,
            output_multiplier_micro=self.output_multiplier_micro,
        )


def get_account(user_id: int) -> Account:
    """The person's account. The first look opens it with the starting grant, once."""
    account = Account.objects.filter(user_id=user_id).first()
    if account is not None:
        return account
    with transaction.atomic():
        account, is_new = Account.objects.get_or_create(user_id=user_id)
        if is_new and settings.STARTING_GRANT_CREDITS:
            _book(
                account,
                key=f"start:{user_id}",
                kind=LedgerEntry.Kind.GRANT,
                amount_micro=settings.STARTING_GRANT_CREDITS * MICRO,
                note="Starting grant",
            )
    account.refresh_from_db()
    return account


def _book(
    account: Account, *, key: str, kind: str, amount_micro: int, note: str = "", actor: str = ""
) -> LedgerEntry:
    """Write an entry and move the balance with it. The caller holds a transaction."""
    entry = LedgerEntry.objects.create(
        account=account, key=key, kind=kind, amount_micro=amount_micro, note=note, actor=actor
    )
    Account.objects.filter(pk=account.pk).update(balance_micro=F("balance_micro") + amount_micro)
    return entry


def grant(
    *, user_id: int, amount_micro: int, key: str, note: str = "", actor: str = ""
) -> LedgerEntry:
    """Give credits. The same `key` a second time gives nothing and returns the first entry."""
    if amount_micro <= 0:
        raise Invalid("A grant must be more than nothing.", param="amount")
    account = get_account(user_id)
    try:
        with transaction.atomic():
            return _book(
                account,
                key=f"grant:{key}",
                kind=LedgerEntry.Kind.GRANT,
                amount_micro=amount_micro,
                note=note,
                actor=actor,
            )
    except IntegrityError:
        return LedgerEntry.objects.get(key=f"grant:{key}")


def reserve(*, user_id: int, key: str, amount_micro: int, seconds: int) -> None:
    """Set credits aside for work that begins. Raises InsufficientCredits; then nothing changed.

    Work that costs nothing holds nothing.
    """
    if amount_micro == 0:
        return
    with transaction.atomic(savepoint=False):
        account_id = _take(user_id, amount_micro)
        if account_id is None:
            get_account(user_id)
            account_id = _take(user_id, amount_micro)
        if account_id is not None:
            Hold.objects.create(
                key=key,
                account_id=account_id,
                amount_micro=amount_micro,
                expires_at=timezone.now() + timedelta(seconds=seconds),
            )
            return
    raise InsufficientCredits(
        "You are out of credits for this reply. Add credits, or choose a free model.",
        code="insufficient_quota",
    )


def _take(user_id: int, amount_micro: int) -> int | None:
    """Move available credits to held ones if there are enough. Returns the account's id."""
    rows = Account.objects.filter(
        user_id=user_id, balance_micro__gte=F("held_micro") + amount_micro
    )
    if not rows.update(held_micro=F("held_micro") + amount_micro):
        return None
    return int(Account.objects.values_list("pk", flat=True).get(user_id=user_id))


def settle(*, key: str, user_id: int, usage: Metered) -> int:
    """Charge what a hold's work used, release the rest and return the micro-credits charged.

    A second call changes nothing and returns the same amount. The charge never exceeds the
    hold: what an upstream counts beyond our reserve is the house's loss, and measured.
    """
    with transaction.atomic():
        hold = Hold.objects.filter(key=key).first()
        if hold is None:
            return _settle_free(key, user_id, usage)
        if not _resolve(hold, Hold.State.SETTLED):
            charged = Charge.objects.filter(key=key).values_list("amount_micro", flat=True).first()
            return charged or 0
        amount = min(usage.price_micro, hold.amount_micro)
        if usage.price_micro > amount:
            metrics.hold_exceeded(usage.price_micro - amount)
        if amount:
            LedgerEntry.objects.create(
                account_id=hold.account_id,
                key=f"charge:{key}",
                kind=LedgerEntry.Kind.CHARGE,
                amount_micro=-amount,
                note=usage.model,
            )
        Account.objects.filter(pk=hold.account_id).update(
            balance_micro=F("balance_micro") - amount,
            held_micro=F("held_micro") - hold.amount_micro,
        )
        _record_charge(key, hold.account_id, usage, amount)
        _record_usage(key, user_id, usage, amount)
    return amount


def _resolve(hold: Hold, state: str) -> bool:
    """Close an open hold; False if somebody did already."""
    return bool(Hold.objects.filter(pk=hold.pk, state=Hold.State.OPEN).update(state=state))


def _settle_free(key: str, user_id: int, usage: Metered) -> int:
    """Work that held nothing cost nothing, but is counted."""
    _record_usage(key, user_id, usage, 0)
    return 0


def _record_charge(key: str, account_id: int, usage: Metered, amount: int) -> None:
    Charge.objects.create(
        key=key,
        account_id=account_id,
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        input_multiplier_micro=usage.input_multiplier_micro,
        output_multiplier_micro=usage.output_multiplier_micro,
        amount_micro=amount,
        estimated=usage.estimated,
    )


def _record_usage(key: str, user_id: int, usage: Metered, amount: int) -> None:
    """One row for each key: the database drops a second one, also when two come at once."""
    row = Usage(
        key=key,
        user_id=user_id,
        api_key=usage.api_key,
        surface=usage.surface,
        character=usage.character,
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        amount_micro=amount,
        estimated=usage.estimated,
    )
    Usage.objects.bulk_create([row], ignore_conflicts=True)


def void(*, key: str) -> None:
    """Release a hold whose work came to nothing. Voiding twice, or nothing, changes nothing."""
    with transaction.atomic():
        hold = Hold.objects.filter(key=key).first()
        if hold is not None and _resolve(hold, Hold.State.VOIDED):
            Account.objects.filter(pk=hold.account_id).update(
                held_micro=F("held_micro") - hold.amount_micro
            )


def void_expired(now: datetime) -> int:
    """Release every hold that outlived its deadline. Returns how many were due."""
    due = list(
        Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=now).values_list("key", flat=True)
    )
    for key in due:
        void(key=key)
    return len(due)
