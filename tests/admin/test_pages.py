"""Every page of the admin: it loads, it refuses, and it keeps what is private to itself."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.keys import issue_key
from billing import ledger
from billing.models import LedgerEntry
from chats.models import Chat, Message, Turn
from tests.factories import CharacterFactory, ChatFactory, ModelFactory, ProviderFactory

pytestmark = pytest.mark.django_db

MODELS = sorted(
    (m for m in admin.site._registry if m._meta.app_label != "account"),
    key=lambda m: m._meta.label,
)
CANARY = "canary-7f3a"


@pytest.fixture
def house(owner, staff):
    """Rows of every kind, holding secrets that must not be shown."""
    character = CharacterFactory(owner=owner, name="Luna")
    chat = ChatFactory(character=character, user=owner, last_line=CANARY, draft=CANARY)
    message = Message.objects.create(chat=chat, position=0, role="user", content=CANARY)
    key, secret = issue_key(user=owner, name="a key")
    Turn.objects.create(
        chat=chat,
        user=owner,
        surface="web",
        parent=message,
        reply="x",
        model="m",
        node="n",
        partial=CANARY,
        manifest={"text": CANARY},
        lease_expires_at=chat.created_at,
    )
    ModelFactory(provider=ProviderFactory(api_key=CANARY))
    ledger.get_account(owner.pk)
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=5, seconds=60)
    return {"secret": secret, "digest": key.digest}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_lists_and_rows_load_and_show_nothing_private(client, staff, house, model):
    client.force_login(staff)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"

    pages = [client.get(reverse(f"{name}_changelist"))]
    pages += [client.get(reverse(f"{name}_change", args=[row.pk])) for row in model.objects.all()]

    assert {page.status_code for page in pages} == {200}
    for page in pages:
        text = page.content.decode()
        assert CANARY not in text
        assert house["secret"] not in text
        assert house["digest"] not in text


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_lists_refuse_people_who_are_no_operators(client, owner, house, model):
    client.force_login(owner)

    response = client.get(
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    )

    assert response.status_code == 302
    assert "/admin/login/" in response.headers["Location"]


@pytest.mark.parametrize("url", ["billing_ledgerentry", "billing_hold", "chats_turn", "chats_chat"])
def test_what_services_write_cannot_be_added_or_deleted(client, staff, house, url):
    client.force_login(staff)

    assert client.get(reverse(f"admin:{url}_add")).status_code == 403


def test_giving_credits_writes_one_entry_with_the_operators_name(client, staff, owner):
    account = ledger.get_account(owner.pk)
    client.force_login(staff)
    form = {
        "action": "give_credits",
        "_selected_action": [account.pk],
        "credits": "500",
        "reason": "sorry",
        "key": "k1",
    }

    for _ in range(2):
        client.post(reverse("admin:billing_account_changelist"), form)

    entries = LedgerEntry.objects.filter(note="sorry")
    assert [(e.amount_micro, e.actor) for e in entries] == [(500_000_000, "staff")]


@pytest.mark.parametrize("rows", [1, 3])
def test_chat_list_costs_the_same_for_any_number_of_rows(
    client, staff, django_assert_num_queries, rows
):
    ChatFactory.create_batch(rows)
    client.force_login(staff)

    with django_assert_num_queries(4):
        client.get(reverse("admin:chats_chat_changelist"))
    assert Chat.objects.count() == rows
