"""The database itself keeps the ledger's entries as they are."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from billing import ledger
from billing.models import Account, LedgerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(owner, django_db_setup):
    """An entry, under the guard that the suite takes away where it stands in its way."""
    ledger.get_account(owner.pk)
    if django_db_setup:
        with connection.cursor() as cursor:
            cursor.execute(django_db_setup["billing_ledgerentry"])
    return LedgerEntry.objects.get()


def test_an_entry_is_never_changed(entry):
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        LedgerEntry.objects.update(amount_micro=1)

    assert LedgerEntry.objects.get().amount_micro == entry.amount_micro


def test_an_entry_is_never_deleted(entry):
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        entry.delete()

    assert LedgerEntry.objects.count() == 1


def test_people_with_credits_are_not_deleted(owner, entry):
    with pytest.raises(ProtectedError):
        owner.delete()

    assert Account.objects.get().user == owner
