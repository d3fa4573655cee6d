"""Lists cost the same for any number of rows; looking is not giving."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.keys import issue_key
from billing import ledger
from billing.models import Charge, Hold, LedgerEntry
from chats.models import Message, Turn
from memory.models import Summary
from memory.services import default_notebook, remember
from tests.billing.test_ledger import WORK
from tests.factories import ChatFactory, ModelFactory, UserFactory

pytestmark = pytest.mark.django_db
LISTS = [
    "accounts_user",
    "accounts_apikey",
    "billing_account",
    "billing_ledgerentry",
    "billing_hold",
    "billing_charge",
    "billing_usage",
    "characters_character",
    "chats_chat",
    "chats_turn",
    "llm_model",
    "llm_provider",
    "memory_memory",
    "memory_notebook",
    "memory_summary",
]


def add_rows(number: int) -> None:
    """One more person with one row of everything that is listed."""
    user = UserFactory()
    issue_key(user=user, name="a key")
    chat = ChatFactory(character__owner=user)
    message = Message.objects.create(chat=chat, position=0, role="user", content="Hi.")
    Turn.objects.create(
        chat=chat,
        user=user,
        surface="web",
        parent=message,
        reply="x",
        model="m",
        node="n",
        state="done",
        lease_expires_at=chat.created_at,
    )
    notebook = default_notebook(user=user, character="c" * 24)
    remember(notebook, "A secret.", author="person")
    Summary.objects.create(
        notebook=notebook, chat=chat.uid, first_position=0, last_position=1, text="A secret."
    )
    ModelFactory()
    key = f"turn:{number}"
    ledger.reserve(user_id=user.pk, key=key, amount_micro=10**9, seconds=60)
    ledger.settle(key=key, user_id=user.pk, usage=WORK)


def queries_of(client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_three_costs_what_a_list_of_one_costs(client, staff, name):
    client.force_login(staff)
    url = reverse(f"admin:{name}_changelist")
    add_rows(1)
    queries_of(client, url)
    one = queries_of(client, url)
    add_rows(2)
    add_rows(3)

    assert queries_of(client, url) == one


@pytest.mark.parametrize("name", LISTS)
def test_a_list_can_be_searched(client, staff, name):
    client.force_login(staff)
    add_rows(1)

    response = client.get(reverse(f"admin:{name}_changelist"), {"q": "nothing like this"})

    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == []


@pytest.mark.parametrize("name", ["memory", "summary"])
def test_operators_do_not_read_what_is_remembered(client, staff, name):
    client.force_login(staff)
    add_rows(1)
    row = apps.get_model("memory", name).objects.get()

    for address, args in (("changelist", ()), ("change", [row.pk])):
        page = client.get(reverse(f"admin:memory_{name}_{address}", args=args)).content.decode()
        assert row.pk in page
        assert "A secret." not in page


def test_who_may_look_at_accounts_may_not_give_credits(client):
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_account"))
    account = ledger.get_account(user.pk)
    client.force_login(user)
    form = {"action": "give_credits", "_selected_action": [account.pk]}
    url = reverse("admin:billing_account_changelist")

    page = client.get(url)
    client.post(url, {**form, "credits": "500", "reason": "me", "key": "k1"})

    assert page.status_code == 200
    account.refresh_from_db()
    assert (account.balance_micro, LedgerEntry.objects.count()) == (10**12, 1)


def test_the_ledgers_rows_cannot_be_changed(client, staff):
    add_rows(1)
    client.force_login(staff)
    for model in (Hold, Charge, LedgerEntry):
        row = model.objects.first()
        url = reverse(f"admin:billing_{model._meta.model_name}_change", args=[row.pk])

        assert client.post(url, {"amount_micro": "1"}).status_code == 403
        assert model.objects.get(pk=row.pk).amount_micro == row.amount_micro


def test_a_providers_key_is_kept_when_the_field_stays_empty(client, staff):
    provider = ModelFactory(provider__api_key="canary-7f3a").provider
    client.force_login(staff)
    url = reverse("admin:llm_provider_change", args=[provider.pk])
    form = {
        "name": "Renamed",
        "slug": provider.slug,
        "kind": provider.kind,
        "options": "{}",
        "enabled": "on",
        "new_key": "",
    }

    assert "canary-7f3a" not in client.get(url).content.decode()
    client.post(url, form)
    provider.refresh_from_db()
    kept = (provider.name, provider.api_key)
    client.post(url, {**form, "new_key": "canary-new"})
    provider.refresh_from_db()

    assert (kept, provider.api_key) == (("Renamed", "canary-7f3a"), "canary-new")


def test_the_admin_wears_our_stylesheet(client, staff):
    client.force_login(staff)

    page = client.get(reverse("admin:index")).content.decode()

    assert "css/admin.css" in page
    assert "Reverie, for operators" in page


def test_a_list_names_the_true_number_of_its_rows(client, staff):
    add_rows(1)
    client.force_login(staff)

    response = client.get(reverse("admin:billing_hold_changelist"))

    assert response.context["cl"].result_count == 1
