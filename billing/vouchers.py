"""Vouchers: codes that operators hand out and people turn into credits.

A code is 16 characters (80 bits) of an alphabet without letters that look alike. Only a keyed
digest is stored.
"""

import secrets
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.keys import digest_of
from billing import ledger
from billing.models import AMOUNT_MOST, MICRO, LedgerEntry, Voucher
from billing.throttle import count_try
from core.errors import Conflict, Invalid, NotFound
from core.ids import ALPHABET

_CHARS: Final = 16
_GROUP: Final = 4
_TRIES: Final = 10
_USES_MOST: Final = 1_000_000
_LOOK_ALIKE: Final = str.maketrans("oil", "011")


def make_voucher(
    *,
    amount_micro: int,
    actor: str,
    uses_most: int = 1,
    expires_at: datetime | None = None,
    note: str = "",
) -> tuple[Voucher, str]:
    """A new voucher and its code, which cannot be had again. Raises Invalid."""
    if not 0 < amount_micro <= AMOUNT_MOST:
        raise Invalid(f"1 to {AMOUNT_MOST // MICRO:,} credits, please.", param="credits")
    if not 0 < uses_most <= _USES_MOST:
        raise Invalid(f"1 to {_USES_MOST:,} uses, please.", param="uses")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The expiry lies in the past.", param="expires_at")
    code = "".join(secrets.choice(ALPHABET) for _ in range(_CHARS))
    with transaction.atomic():
        voucher = Voucher.objects.create(
            prefix=code[:_GROUP].upper(),
            digest=_digest(code),
            amount_micro=amount_micro,
            uses_most=uses_most,
            expires_at=expires_at,
            note=note[:200],
            actor=actor[:80],
        )
        after = {"amount_micro": amount_micro, "uses_most": uses_most}
        _note("voucher.make", voucher, actor, note, after=after)
    return voucher, _shown(code)


def disable_voucher(*, voucher: Voucher, actor: str, reason: str = "") -> bool:
    """Stop a voucher for good. What it gave stays. Returns False if it was stopped before."""
    with transaction.atomic():
        live = Voucher.objects.filter(pk=voucher.pk, disabled_at=None)
        if not live.update(disabled_at=timezone.now()):
            return False
        voucher.refresh_from_db()
        _note("voucher.disable", voucher, actor, reason, after={"uses": voucher.uses})
    return True


def redeem(*, user_id: int, code: str) -> LedgerEntry:
    """Turn a code into credits, once for each person.

    Raises NotFound for a code that never was, Conflict for one that no longer gives anything,
    RateLimited after too many tries.
    """
    count_try("voucher", user_id, most=_TRIES)
    voucher = Voucher.objects.filter(digest=_digest(_plain(code))).first()
    if voucher is None:
        raise NotFound("There is no such voucher. Check the code.", code="voucher_not_found")
    account = ledger.get_account(user_id)
    entry = LedgerEntry(
        account=account,
        key=f"voucher:{voucher.pk}:{account.pk}",
        kind=LedgerEntry.Kind.VOUCHER,
        amount_micro=voucher.amount_micro,
        voucher=voucher,
        note=f"Code {voucher}",
    )
    with transaction.atomic():
        entry, is_new = ledger.book(entry)
        if not is_new:
            raise Conflict("You have redeemed this voucher before.", code="voucher_redeemed")
        _use_up(voucher)
    return entry


def _use_up(voucher: Voucher) -> None:
    """Count one use, or raise Conflict with what stands against it."""
    now = timezone.now()
    used = Voucher.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        pk=voucher.pk,
        disabled_at=None,
        uses__lt=F("uses_most"),
    ).update(uses=F("uses") + 1)
    if used:
        return
    voucher.refresh_from_db()
    if voucher.disabled_at is not None:
        raise Conflict("This voucher is no longer valid.", code="voucher_disabled")
    if voucher.expires_at is not None and voucher.expires_at <= now:
        raise Conflict("This voucher has expired.", code="voucher_expired")
    raise Conflict("This voucher has been used up.", code="voucher_used_up")


def _plain(code: str) -> str:
    """A code as people type it, without dashes and with look-alike letters put right."""
    kept = "".join(char for char in code.lower() if char.isalnum())
    return kept.translate(_LOOK_ALIKE)


def _shown(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, _CHARS, _GROUP)).upper()


def _digest(code: str) -> str:
    return digest_of(f"voucher {code}")


def _note(action: str, voucher: Voucher, actor: str, reason: str, *, after: dict[str, int]) -> None:
    audit.record(
        actor=actor, action=action, target=f"voucher {voucher.pk}", reason=reason, after=after
    )
