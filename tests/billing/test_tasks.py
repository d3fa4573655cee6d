"""The jobs of the ledger: what they do, that they run, what they report."""

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from billing import ledger, tasks
from billing.models import MICRO, Account, Plan
from reverie.celery import app

pytestmark = pytest.mark.django_db


def test_the_jobs_are_on_the_clock():
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert {tasks.give_monthly.name, tasks.check_ledger.name} <= scheduled


def test_monthly_credits_are_given_once(owner):
    Plan.objects.create(slug="p", name="P", monthly_credits=5, is_default=True)
    before = ledger.get_account(owner.pk).balance_micro

    assert [tasks.give_monthly(), tasks.give_monthly()] == [1, 0]

    assert ledger.get_account(owner.pk).balance_micro == before + 5 * MICRO


def test_a_sound_ledger_is_reported_as_such(owner):
    ledger.get_account(owner.pk)

    with capture_logs() as logs:
        assert tasks.check_ledger() == 0

    assert (logs, REGISTRY.get_sample_value("reverie_ledger_violations")) == ([], 0)
    assert REGISTRY.get_sample_value("reverie_ledger_checked_timestamp_seconds") > 1_700_000_000


def test_violations_are_logged_and_measured(owner):
    account = ledger.get_account(owner.pk)
    Account.objects.update(balance_micro=5)

    with capture_logs() as logs:
        assert tasks.check_ledger() == 1

    assert logs == [
        {
            "event": "ledger_violation",
            "log_level": "error",
            "violation": f"account {account.pk}: the balance is not the sum of its entries",
        }
    ]
    assert REGISTRY.get_sample_value("reverie_ledger_violations") == 1
