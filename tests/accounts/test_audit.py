"""The audit log is written with the deed."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from accounts import audit
from accounts.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_a_deed_is_noted_with_who_whom_and_why(owner):
    audit.record(
        actor="op",
        action="key.revoke",
        user_id=owner.pk,
        target="key 1",
        reason="leaked",
        before={"live": True},
        after={"live": False},
    )

    entry = AuditEntry.objects.values().get()
    del entry["id"], entry["created_at"]
    assert entry == {
        "actor": "op",
        "action": "key.revoke",
        "user_id": owner.pk,
        "target": "key 1",
        "reason": "leaked",
        "before": {"live": True},
        "after": {"live": False},
    }


def test_long_words_are_cut():
    entry = audit.record(actor="a" * 99, action="x", target="t" * 999, reason="r" * 999)

    assert (len(entry.actor), len(entry.target), len(entry.reason)) == (80, 200, 500)


def test_a_deed_that_is_undone_leaves_no_note():
    with transaction.atomic():
        audit.record(actor="op", action="x")
        transaction.set_rollback(True)

    assert AuditEntry.objects.count() == 0


@pytest.fixture
def guarded(owner, django_db_setup):
    """An entry, under the guard that the suite takes away where it stands in its way."""
    if django_db_setup:
        with connection.cursor() as cursor:
            cursor.execute(django_db_setup["accounts_auditentry"])
    return audit.record(actor="op", action="x", user_id=owner.pk)


def test_the_database_refuses_to_change_an_entry(guarded):
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        AuditEntry.objects.update(reason="nothing happened")

    assert AuditEntry.objects.get().reason == ""


def test_the_database_refuses_to_delete_an_entry(guarded):
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        guarded.delete()

    assert AuditEntry.objects.get() == guarded


def test_people_with_entries_are_not_deleted(owner, guarded):
    with pytest.raises(ProtectedError):
        owner.delete()
