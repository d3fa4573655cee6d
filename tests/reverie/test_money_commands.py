"""`reverie ledger`, `reverie credits` and `reverie voucher`."""

import pytest
from django.db.models import F

from accounts.models import AuditEntry
from billing import ledger, vouchers
from billing.models import MICRO, Account, Voucher
from tests.billing.test_ledger import credits_of, hold, settle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


def test_a_sound_ledger_adds_up(run, owner):
    ledger.get_account(owner.pk)

    ran = run("ledger", "check")
    asked = run("ledger", "check", "--json")

    assert (ran.code, ran.out) == (0, "The ledger adds up.\n")
    assert (asked.code, asked.json) == (0, {"ok": True, "violations": []})


def test_each_violation_is_a_line_and_the_code_is_one(run, owner, stranger):
    accounts = [ledger.get_account(user.pk) for user in (owner, stranger)]
    Account.objects.update(balance_micro=F("balance_micro") + 1)
    lines = [f"account {a.pk}: the balance is not the sum of its entries" for a in accounts]

    ran = run("ledger", "check")
    asked = run("ledger", "check", "--json")

    assert (ran.code, ran.out.splitlines()) == (1, lines)
    assert (asked.code, asked.json) == (1, {"ok": False, "violations": lines})


def test_credits_are_taken_back_as_far_as_they_are_there(run, owner):
    hold(owner, amount=400)

    ran = run("credits", "take", "--user", "owner", "--amount", "700", "--reason", "abuse")

    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["Only 600 of 700 credits were there to take.", "owner has 400 credits now."],
    )
    noted = AuditEntry.objects.get()
    assert (noted.action, noted.reason) == ("credits.adjust", "abuse")
    assert noted.actor.startswith("command line")


def test_taking_from_nothing_fails(run, owner):
    hold(owner, amount=1000)

    ran = run("credits", "take", "--user", "owner", "--amount", "1", "--reason", "r")

    assert (ran.code, ran.err) == (1, "reverie: There are no credits to take back.\n")


def test_a_charge_is_refunded(run, owner):
    hold(owner)
    settle(owner)

    part = run(
        "credits", "refund", "--charge", "turn:1", "--amount", "40", "--reason", "r", "--json"
    )
    rest = run("credits", "refund", "--charge", "turn:1", "--reason", "r", "--json")
    more = run("credits", "refund", "--charge", "turn:1", "--reason", "r")

    told = [part.json["refunded_micro"], rest.json["refunded_micro"]]
    assert told == [40 * MICRO, 100 * MICRO]
    assert (more.code, more.err) == (1, "reverie: Nothing of this charge is left to refund.\n")
    assert credits_of(owner) == (1000, 0)


def test_credits_are_shown_oldest_first(run, owner):
    hold(owner)
    settle(owner)

    ran = run("credits", "show", "--user", "owner")
    asked = run("credits", "show", "--user", "owner", "--json").json

    rows = [line.split()[2:] for line in ran.out.splitlines()[:-1]]
    assert rows == [["grant", "1000", "1000"], ["charge", "-140", "860"]]
    assert (asked["balance_micro"], asked["held_micro"]) == (860 * MICRO, 0)
    assert [row["key"] for row in asked["entries"]] == ["charge:turn:1", f"start:{owner.pk}"]


def test_vouchers_are_made_listed_and_disabled(run, owner):
    made = run(
        "voucher", "make", "--credits", "50", "--uses", "2", "--count", "2", "--expires", "30d",
        "--note", "fair",
    )  # fmt: skip
    codes = made.out.split()
    vouchers.redeem(user_id=owner.pk, code=codes[0])
    [first, second] = Voucher.objects.order_by("id")

    disabled = run("voucher", "disable", "--id", str(second.pk), "--reason", "leaked")
    again = run("voucher", "disable", "--id", str(second.pk), "--json")
    rows = run("voucher", "list", "--json").json["vouchers"]

    assert len(codes) == 2
    assert credits_of(owner) == (1050, 0)
    assert (disabled.out, again.json) == (
        f"{second} is disabled.\n",
        {"id": second.pk, "changed": False},
    )
    assert [(row["id"], row["uses"], row["state"]) for row in rows] == [
        (second.pk, 0, "disabled"),
        (first.pk, 1, "live"),
    ]
    assert codes[0] not in run("voucher", "list").out
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["voucher.make", "voucher.make", "voucher.disable"]


@pytest.mark.parametrize(
    "wrong",
    [["--credits", "0"], ["--credits", "5", "--count", "0"], ["--credits", "5", "--uses", "0"]],
)
def test_impossible_vouchers_are_refused(run, wrong):
    ran = run("voucher", "make", *wrong)

    assert (ran.code, ran.out, Voucher.objects.count()) == (1, "", 0)


def test_disabling_what_is_not_there_fails(run):
    ran = run("voucher", "disable", "--id", "7")

    assert (ran.code, ran.err) == (1, "reverie: There is no voucher 7.\n")
