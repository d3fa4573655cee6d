"""The ledger: every change of a balance goes through here, once per cause.

Balances change by one conditional update each, and the database refuses what would go below
zero. At any instant an account's balance is the sum of its entries and its held credits are
the sum of its open holds. All functions are synchronous and may run inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from billing.limits import budgets
from billing.limits.budgets import NO_KEY, KeyTerms
from billing.models import (
    AMOUNT_MOST,
    BALANCE_MOST,
    MICRO,
    Account,
    Charge,
    Hold,
    LedgerEntry,
    Usage,
)
from billing.pricing import price
from core import metrics
from core.errors import Conflict, InsufficientCredits, Invalid
from core.prepared import Insert, Select, Update
from core.transactions import whole
from core.trips import Write, read_together, write_later

PLENTY: Final = 16
"""An account that has so many times what is to be set aside need not be asked for it first."""


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
        Account.objects.filter(
            user_id=user_id,
            balance_micro__gte=F("held_micro") + amount,
            budget_day_micro=None,
            budget_month_micro=None,
        ),
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
_move = Update(
    lambda account, charged, released: (
        Account.objects.filter(pk=account),
        {"balance_micro": F("balance_micro") - charged, "held_micro": F("held_micro") - released},
    ),
    account=int,
    charged=int,
    released=int,
)
"""Of an account. The database refuses what would leave less than is held."""


def get_account(user_id: int) -> Account:
    """The person's account. The first look opens it with the starting grant, once."""
    account = Account.objects.filter(user_id=user_id).first()
    if account is not None:
        return account
    with transaction.atomic():
        account, is_new = Account.objects.get_or_create(user_id=user_id)
        if is_new and settings.STARTING_GRANT_CREDITS:
            entry = LedgerEntry(
                account=account,
                key=f"start:{user_id}",
                kind=LedgerEntry.Kind.GRANT,
                amount_micro=settings.STARTING_GRANT_CREDITS * MICRO,
                note="Starting grant",
            )
            book(entry)
    account.refresh_from_db()
    return account


def lock_account(user_id: int) -> Account:
    """The person's account, locked until the transaction ends that the caller has begun."""
    opened = get_account(user_id)
    return Account.objects.select_for_update(of=("self",)).get(pk=opened.pk)


def book(entry: LedgerEntry) -> tuple[LedgerEntry, bool]:
    """Write an entry and move its account's balance, once for its key.

    Returns the entry of that key and whether it is new. Raises Conflict if the key has booked
    something else, or the balance would leave what it may be.
    """
    amount = entry.amount_micro
    if abs(amount) > AMOUNT_MOST:
        raise Invalid(f"{AMOUNT_MOST // MICRO:,} credits is the most.", param="amount")
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
            moved = Account.objects.filter(
                pk=entry.account_id,
                balance_micro__gte=F("held_micro") - amount,
                balance_micro__lte=BALANCE_MOST - amount,
            ).update(balance_micro=F("balance_micro") + amount)
            if not moved:
                raise Conflict("The balance cannot take this amount.", code="balance_out_of_range")
    except IntegrityError:
        first = LedgerEntry.objects.filter(key=entry.key).first()
        if first is None:
            raise
        return _same(first, entry), False
    return entry, True


def _same(first: LedgerEntry, entry: LedgerEntry) -> LedgerEntry:
    same = ("account_id", "amount_micro", "charge_id")
    if any(getattr(first, name) != getattr(entry, name) for name in same):
        raise Conflict("This key has booked something else before.", code="key_reused", param="key")
    return first


def grant(
    *, user_id: int, amount_micro: int, key: str, note: str = "", actor: str = ""
) -> LedgerEntry:
    """Give credits. The same `key` a second time gives nothing and returns the first entry."""
    if amount_micro <= 0:
        raise Invalid("A grant must be more than nothing.", param="amount")
    entry = LedgerEntry(
        account=get_account(user_id),
        key=f"grant:{key}",
        kind=LedgerEntry.Kind.GRANT,
        amount_micro=amount_micro,
        note=note[:200],
        actor=actor[:80],
    )
    return book(entry)[0]


def reserve(
    *,
    user_id: int,
    key: str,
    amount_micro: int,
    seconds: int,
    by: KeyTerms = NO_KEY,
    also: Sequence[Write] = (),
    seen: Account | None = None,
) -> None:
    """Set credits aside for work that begins. Raises InsufficientCredits; then nothing changed.

    Work that costs nothing holds nothing. `by` is the key it was asked for with, whose budget
    counts besides the person's. `also` is written along with the hold. `seen` is the account as
    it was read a moment ago: where it has plenty, the hold waits for the commit, which raises
    IntegrityError if the credits are gone by then.
    """
    if amount_micro == 0:
        write_later(*also)
        return
    hold = partial(
        _insert_hold.bind,
        key=key,
        api_key=by.uid,
        amount_micro=amount_micro,
        expires_at=timezone.now() + timedelta(seconds=seconds),
    )
    with whole(savepoint=False):
        if seen is not None and _has_plenty(seen, amount_micro, by):
            moved = _move.bind(account=seen.pk, charged=0, released=-amount_micro)
            write_later(hold(account_id=seen.pk), *also, moved)
            return
        taken = _take(user_id, amount_micro, by)
        if isinstance(taken, int):
            write_later(hold(account_id=taken), *also)
            return
    # After the block: the transaction around it may go on, with less.
    raise taken


def _has_plenty(account: Account, amount_micro: int, by: KeyTerms) -> bool:
    """Whether so much more is available that others can hardly take it at the same moment."""
    is_bounded = account.budget_day_micro is not None or account.budget_month_micro is not None
    return not (is_bounded or by.has_budget) and account.available_micro >= PLENTY * amount_micro


def _take(user_id: int, amount_micro: int, by: KeyTerms) -> int | InsufficientCredits:
    """Move available credits to held ones if there are enough: the account's id, or why not."""
    # What nobody has, the database could not add up.
    if not by.has_budget and amount_micro <= BALANCE_MOST:
        row = _hold_credits(user_id=user_id, amount=amount_micro)
        if row is not None:
            return int(row[0])
    account = lock_account(user_id)
    if account.available_micro < amount_micro:
        return InsufficientCredits(
            "You are out of credits for this reply. Add credits, or choose a free model.",
            code="insufficient_quota",
        )
    refusal = budgets.exceeded(account, by, amount_micro)
    if refusal is not None:
        return refusal
    Account.objects.filter(pk=account.pk).update(held_micro=F("held_micro") + amount_micro)
    return account.pk


def settle(*, key: str, user_id: int, usage: Metered) -> int:
    """Charge what a hold's work used, release the rest and return the micro-credits charged.

    A second call changes nothing and returns the same amount. The charge never exceeds the
    hold: what an upstream counts beyond our reserve is the house's loss, and measured.
    """
    with whole(savepoint=False):
        settled = settlement(key=key, user_id=user_id, usage=usage)
        write_later(*settled.writes)
    return settled.amount_micro


class Settlement(NamedTuple):
    """What is charged, and what is to be written for it before the transaction ends.

    The account comes last: whoever else spends from it waits from there to the commit.
    """

    amount_micro: int
    writes: tuple[Write, ...] = ()


def settlement(*, key: str, user_id: int, usage: Metered) -> Settlement:
    """Settle as `settle` does, inside the caller's transaction, who makes the writes."""
    row = _settle_hold(key=key)
    if row is None:
        return _settlement_again(key, user_id, usage)
    account_id, held = row
    amount: int = min(usage.price_micro, held)
    if usage.price_micro > amount:
        metrics.hold_exceeded(usage.price_micro - amount)
    writes = (
        *_entry(key, account_id, usage, amount),
        _charge(key, account_id, usage, amount),
        _usage(key, user_id, usage, amount),
        _move.bind(account=account_id, charged=amount, released=held),
    )
    return Settlement(amount, writes)


def _settlement_again(key: str, user_id: int, usage: Metered) -> Settlement:
    """No hold was open: it was settled before, or the work was free and is only counted."""
    charges, holds = read_together(_charged.bind(key=key), _held.bind(key=key))
    if charges or holds:
        return Settlement(charges[0][0] if charges else 0)
    return Settlement(0, (_usage(key, user_id, usage, 0),))


_charged: Select[Any] = Select(
    lambda key: Charge.objects.filter(key=key).values_list("amount_micro"), key=str
)
_held: Select[Any] = Select(lambda key: Hold.objects.filter(key=key).values_list("pk"), key=str)


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
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        amount_micro=amount,
        estimated=usage.estimated,
    )


def void(*, key: str) -> None:
    """Release a hold whose work came to nothing. Voiding twice, or nothing, changes nothing."""
    with transaction.atomic():
        row = _void_hold(key=key)
        if row is not None:
            _move(account=row[0], charged=0, released=row[1])


def void_expired(now: datetime) -> int:
    """Release every hold that outlived its deadline. Returns how many were due."""
    due = list(
        Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=now).values_list("key", flat=True)
    )
    for key in due:
        void(key=key)
    return len(due)
