"""Operators and credits: forms with a reason, shown before they count, counted once."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import AuditEntry
from billing import ledger, vouchers
from billing.models import (
    MICRO,
    Account,
    Charge,
    LedgerEntry,
    Pack,
    Plan,
    Purchase,
    Subscription,
    Voucher,
)
from tests.billing.test_ledger import credits_of, hold, settle
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


@pytest.fixture
def desk(client, staff):
    """Send one of the deeds' forms and return the page that answers."""
    client.force_login(staff)

    def send(model, action, thing, **fields):
        url = reverse(f"admin:billing_{model}_changelist")
        form = {"action": action, "_selected_action": [thing.pk], **fields}
        return client.post(url, form, follow=True).content.decode()

    return send


def test_taking_back_is_shown_first_and_then_done_once(desk, owner):
    account = ledger.get_account(owner.pk)
    hold(owner, amount=400)
    form = {"credits": "-700.5", "reason": "abuse", "key": "k1"}

    asked = desk("account", "adjust_credits", account)
    shown = desk("account", "adjust_credits", account, **form, preview="Preview")
    before = credits_of(owner)
    done = [desk("account", "adjust_credits", account, **form) for _ in range(2)]

    assert "fill in and preview" in asked
    assert "<td>1,000</td><td>400</td>" in shown
    assert (before, credits_of(owner)) == ((1000, 400), (400, 400))
    assert all("600 credits taken back of 700.5: no more was there" in page for page in done)
    noted = AuditEntry.objects.get()
    assert (noted.actor, noted.action, noted.user, noted.reason) == (
        "staff",
        "credits.adjust",
        owner,
        "abuse",
    )


def test_taking_from_nothing_says_so(desk, owner):
    account = ledger.get_account(owner.pk)
    hold(owner, amount=1000)

    page = desk("account", "adjust_credits", account, credits="-1", reason="r", key="k")

    assert ": There are no credits to take back." in page


@pytest.mark.parametrize("fields", [{"credits": "0"}, {"credits": "5", "reason": ""}, {}])
def test_a_deed_needs_an_amount_and_a_reason(desk, owner, fields):
    account = ledger.get_account(owner.pk)

    page = desk("account", "adjust_credits", account, **{"reason": "r", "key": "k", **fields})

    assert "errorlist" in page
    assert (credits_of(owner), AuditEntry.objects.count()) == ((1000, 0), 0)


def test_a_charge_is_refunded_in_part_then_whole(desk, owner):
    hold(owner)
    settle(owner)
    charge = Charge.objects.get()

    shown = desk("charge", "refund", charge, credits="40", reason="r", key="a", preview="1")
    part = desk("charge", "refund", charge, credits="40", reason="r", key="a")
    over = desk("charge", "refund", charge, credits="101", reason="r", key="b")
    rest = desk("charge", "refund", charge, credits="", reason="r", key="c")

    assert "<td>0 of 140 refunded</td><td>40 of 140 refunded</td>" in shown
    assert "urn:1: 40 credits refunded." in part
    assert "Only 100 credits of this charge are left to refund." in over
    assert "urn:1: 100 credits refunded." in rest
    assert credits_of(owner) == (1000, 0)


def test_a_plan_is_set(desk, owner):
    plan = Plan.objects.create(slug="large", name="Large")
    account = ledger.get_account(owner.pk)

    page = desk(
        "account", "set_plan", account, plan=plan.pk, until_0="", until_1="", reason="r", key="k"
    )

    account.refresh_from_db()
    assert (account.plan, "wner: Large." in page) == (plan, True)
    assert AuditEntry.objects.get().action == "plan.set"


def test_budgets_are_set_and_taken_away(desk, owner):
    account = ledger.get_account(owner.pk)
    form = {"day": "10.5", "month": "", "reason": "r", "key": "k"}

    shown = desk("account", "set_budgets", account, **form, preview="Preview")
    before = Account.objects.values_list("budget_day_micro", "budget_month_micro").get()
    done = desk("account", "set_budgets", account, **form)
    after = Account.objects.values_list("budget_day_micro", "budget_month_micro").get()
    gone = desk("account", "set_budgets", account, **{**form, "day": ""})

    assert "<td>no budget</td><td>10.5 a day</td>" in shown
    assert (before, after) == ((None, None), (10_500_000, None))
    assert "wner: 10.5 a day." in done
    assert "wner: no budget." in gone
    assert [entry.action for entry in AuditEntry.objects.all()] == ["budgets.set"] * 2


def test_a_voucher_is_made_and_its_code_shown_once(desk, client, owner):
    form = {
        "credits": "50.5",
        "uses_most": "3",
        "note": "fair",
        "expires_at_0": "",
        "expires_at_1": "",
    }

    first = client.post(reverse("admin:billing_voucher_add"), form, follow=True).content.decode()
    second = client.get(reverse("admin:billing_voucher_changelist")).content.decode()

    [code] = re.findall(r"shown only now: ([0-9A-Z-]{19})", first)
    assert "shown only now" not in second
    assert vouchers.redeem(user_id=owner.pk, code=code).amount_micro == 50_500_000
    voucher = Voucher.objects.get()
    assert (voucher.uses_most, voucher.note, voucher.actor) == (3, "fair", "staff")
    assert AuditEntry.objects.get().action == "voucher.make"


def test_a_voucher_is_disabled_with_a_reason(desk):
    voucher, _ = vouchers.make_voucher(amount_micro=MICRO, actor="op")

    page = desk("voucher", "disable", voucher, reason="leaked", key="k")

    voucher.refresh_from_db()
    assert voucher.disabled_at is not None
    assert f"{voucher}: disabled." in page
    assert AuditEntry.objects.first().reason == "leaked"


def test_an_impossible_voucher_is_refused(desk, client):
    form = {"credits": "0", "uses_most": "0"}

    page = client.post(reverse("admin:billing_voucher_add"), form).content.decode()

    assert "errorlist" in page
    assert Voucher.objects.count() == 0


@pytest.mark.parametrize(
    ("model", "action"),
    [
        ("account", "adjust_credits"),
        ("account", "set_plan"),
        ("account", "set_budgets"),
        ("charge", "refund"),
    ],
)
def test_who_may_look_may_not_do(client, owner, model, action):
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename=f"view_{model}"))
    hold(owner)
    settle(owner)
    client.force_login(clerk)
    thing = Charge.objects.get() if model == "charge" else ledger.get_account(owner.pk)

    client.post(
        reverse(f"admin:billing_{model}_changelist"),
        {
            "action": action,
            "_selected_action": [thing.pk],
            "credits": "5",
            "reason": "r",
            "key": "k",
        },
    )

    assert (credits_of(owner), AuditEntry.objects.count()) == ((860, 0), 0)


def test_who_may_look_may_not_make_vouchers(client):
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__endswith="_voucher"))
    client.force_login(clerk)

    assert client.get(reverse("admin:billing_voucher_add")).status_code == 403


def test_what_is_sold_is_edited_and_every_change_is_noted(client, staff):
    client.force_login(staff)
    form = {"credits": "300", "price_cents": "500", "currency": "eur", "enabled": "on"}

    client.post(reverse("admin:billing_pack_add"), form)
    pack = Pack.objects.get()
    client.post(
        reverse("admin:billing_pack_change", args=[pack.pk]), {**form, "price_cents": "600"}
    )

    assert (pack.credits, Pack.objects.get().price_cents) == (300, 600)
    noted = AuditEntry.objects.order_by("id").values_list("actor", "action", "before", "after")
    assert list(noted)[1] == ("staff", "pack.change", {"price_cents": 500}, {"price_cents": 600})


@pytest.mark.parametrize("currency", ["EUR", "e", "euro"])
def test_a_pack_needs_a_currency(client, staff, currency):
    client.force_login(staff)
    form = {"credits": "300", "price_cents": "500", "currency": currency}

    client.post(reverse("admin:billing_pack_add"), form)

    assert Pack.objects.count() == 0


def test_purchases_and_subscriptions_are_only_looked_at(client, staff, owner):
    client.force_login(staff)
    account = ledger.get_account(owner.pk)
    rows = [
        Purchase.objects.create(account=account, price_cents=5, currency="usd"),
        Subscription.objects.create(account=account, uid="sub_1", status="active", told_at=1),
    ]
    for row in rows:
        name = f"admin:billing_{row._meta.model_name}"

        assert client.get(reverse(f"{name}_changelist")).status_code == 200
        assert client.get(reverse(f"{name}_add")).status_code == 403
        assert (
            client.post(reverse(f"{name}_change", args=[row.pk]), {"state": "paid"}).status_code
            == 403
        )
        assert client.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
    assert not LedgerEntry.objects.filter(kind="purchase").exists()
