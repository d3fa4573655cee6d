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
from core.prepared import Insert, Update, Write, write_together


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


_insert_hold = Insert(Hold)
_insert_entry = Insert(LedgerEntry)
_insert_charge = Insert(Charge)
_insert_usage = Insert(Usage, ignore_conflicts=True)
_hold_credits = Update(
    lambda user_id, amount: (
        Account.objects.filter(user_id=user_id, balance_micro__gte=F("held_micro") + amount),
        {"held_micro": F("held_micro") + amount},
    ),
    returning=("id",),
    user_id=int,
    amount=int,
)
_settle_hold = Update(
    lambda key: (
        Hold.objects.filter(key=key, state=Hold.State.OPEN),
        {"state": str(Hold.State.SETTLED)},
    ),
    returning=("account_id", "amount_micro"),
    key=str,
)
_void_hold = Update(
    lambda key: (
        Hold.objects.filter(key=key, state=Hold.State.OPEN),
        {"state": str(Hold.State.VOIDED)},
    ),
    returning=("account_id", "amount_micro"),
    key=str,
)
_charge_account = Update(
    lambda account, amount, held: (
        Account.objects.filter(pk=account),
        {"balance_micro": F("balance_micro") - amount, "held_micro": F("held_micro") - held},
    ),
    account=int,
    amount=int,
    held=int,
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
            _insert_hold(
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
    row = _hold_credits(user_id=user_id, amount=amount_micro)
    return None if row is None else int(row[0])


def settle(*, key: str, user_id: int, usage: Metered) -> int:
    """Charge what a hold's work used, release the rest and return the micro-credits charged.

    A second call changes nothing and returns the same amount. The charge never exceeds the
    hold: what an upstream counts beyond our reserve is the house's loss, and measured.
    """
    with transaction.atomic(savepoint=False):
        row = _settle_hold(key=key)
        if row is None:
            return _settle_again(key, user_id, usage)
        account_id, held = row
        amount: int = min(usage.price_micro, held)
        if usage.price_micro > amount:
            metrics.hold_exceeded(usage.price_micro - amount)
        write_together(
            *_entry(key, account_id, usage, amount),
            _charge_account.bind(account=account_id, amount=amount, held=held),
            _charge(key, account_id, usage, amount),
            _usage(key, user_id, usage, amount),
        )
    return amount


def _settle_again(key: str, user_id: int, usage: Metered) -> int:
    """No hold was open: it was settled before, or the work was free and is only counted."""
    charged = Charge.objects.filter(key=key).values_list("amount_micro", flat=True).first()
    if charged is None and not Hold.objects.filter(key=key).exists():
        write_together(_usage(key, user_id, usage, 0))
    return charged or 0


def extend(*, key: str, seconds: int) -> None:
    """Let an open hold live on: its work still runs."""
    until = timezone.now() + timedelta(seconds=seconds)
    Hold.objects.filter(key=key, state=Hold.State.OPEN).update(expires_at=until)


def _entry(key: str, account_id: int, usage: Metered, amount: int) -> tuple[Write, ...]:
    if not amount:
        return ()
    entry = _insert_entry.bind(
        account_id=account_id,
        key=f"charge:{key}",
        kind=str(LedgerEntry.Kind.CHARGE),
        amount_micro=-amount,
        note=usage.model,
    )
    return (entry,)


def _charge(key: str, account_id: int, usage: Metered, amount: int) -> Write:
    return _insert_charge.bind(
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


def _usage(key: str, user_id: int, usage: Metered, amount: int) -> Write:
    """One row for each key: the database drops a second one, also when two come at once."""
    return _insert_usage.bind(
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


def void(*, key: str) -> None:
    """Release a hold whose work came to nothing. Voiding twice, or nothing, changes nothing."""
    with transaction.atomic():
        row = _void_hold(key=key)
        if row is not None:
            _charge_account(account=row[0], amount=0, held=row[1])


def void_expired(now: datetime) -> int:
    """Release every hold that outlived its deadline. Returns how many were due."""
    due = list(
        Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=now).values_list("key", flat=True)
    )
    for key in due:
        void(key=key)
    return len(due)
