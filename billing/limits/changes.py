"""What operators change of one person's limits, with a reason, in the audit log."""

from django.db import transaction

from accounts import audit
from billing import ledger
from billing.models import BALANCE_MOST, Account
from core.errors import Invalid


def set_budgets(
    *, user_id: int, day_micro: int | None, month_micro: int | None, reason: str, actor: str
) -> None:
    """Set a person's budgets; None takes one away. In force from the next reply on."""
    if any(not 0 <= (amount or 0) <= BALANCE_MOST for amount in (day_micro, month_micro)):
        raise Invalid("A budget is 0 or more credits.", param="budget")
    with transaction.atomic():
        account = ledger.lock_account(user_id)
        before = _told(account)
        account.budget_day_micro, account.budget_month_micro = day_micro, month_micro
        account.save(update_fields=["budget_day_micro", "budget_month_micro"])
        audit.record(
            actor=actor,
            action="budgets.set",
            user_id=user_id,
            target=str(account),
            reason=reason,
            before=before,
            after=_told(account),
        )


def _told(account: Account) -> dict[str, int | None]:
    return {"day_micro": account.budget_day_micro, "month_micro": account.budget_month_micro}
