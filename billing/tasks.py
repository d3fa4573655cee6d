"""Jobs of the ledger. Each may run twice."""

import structlog
from celery import shared_task
from django.utils import timezone

from billing import invariants, plans
from core import metrics

log = structlog.get_logger(__name__)


@shared_task(name="billing.give_monthly")  # type: ignore[untyped-decorator]  # celery is untyped
def give_monthly() -> int:
    """The credits that plans bring each month, to whoever has not had them."""
    return plans.give_all_monthly(timezone.now())


@shared_task(name="billing.check_ledger")  # type: ignore[untyped-decorator]  # celery is untyped
def check_ledger() -> int:
    """Prove the invariants over the whole database. Returns the number of violations."""
    count = 0
    for violation in invariants.find():
        count += 1
        log.error("ledger_violation", violation=violation)
    metrics.ledger_checked(count)
    return count
