"""The desk: who finds whom, who sees what, and that looking costs the same for any number."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import audit
from accounts.keys import issue_key
from billing import ledger
from billing.limits.admission import Admission
from billing.models import Hold, Usage
from chats.models import Message, Turn
from llm import switches
from llm.models import Model
from tests.factories import ChatFactory, ModelFactory, UserFactory

pytestmark = pytest.mark.django_db
CANARY = "canary-7f3a"
PAGES = ["index", "desk_people", "desk_spend", "desk_free", "desk_switches"]


@pytest.fixture
def clerk(client):
    """An operator who is no superuser, signed in. Calling it grants permissions."""
    user = UserFactory(handle="clerk", is_staff=True)
    client.force_login(user)

    def may(*names: str):
        user.user_permissions.add(*Permission.objects.filter(codename__in=names))

    return may


def live_of(user, number: int = 1) -> str:
    """A key, a hold, a turn, a use and an audit entry of somebody. Returns the key's secret."""
    _, secret = issue_key(user=user, name=f"key of {user}")
    ledger.get_account(user.pk)
    ledger.reserve(user_id=user.pk, key=f"turn:{user}{number}", amount_micro=5_000_000, seconds=60)
    chat = ChatFactory(character__owner=user, draft=CANARY, last_line=CANARY)
    said = Message.objects.create(chat=chat, position=0, role="user", content=CANARY)
    Turn.objects.create(
        chat=chat, user=user, surface="web", parent=said, reply="x", model="m/odel", node="n",
        partial=CANARY, manifest={"text": CANARY}, error_code="upstream_timeout",
        error_message=CANARY, lease_expires_at=chat.created_at,
    )  # fmt: skip
    Usage.objects.create(
        key=f"{user}{number}", user=user, surface="web", model="m/odel", prompt_tokens=10,
        completion_tokens=2, amount_micro=7_000_000,
    )  # fmt: skip
    audit.record(actor="op", action="plan.set", user_id=user.pk, target="t", reason="as agreed")
    return secret


def get(client, page, *args, **query) -> str:
    response = client.get(reverse(f"admin:{page}", args=args), query, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("asked", ["own", "OWNER@example", "{prefix}", "{secret}", "Olive"])
def test_a_person_is_found_by_name_address_and_key(client, staff, owner, asked):
    owner.email, owner.display_name = "owner@example.org", "Olive"
    owner.save()
    key, secret = issue_key(user=owner, name="bot")
    UserFactory(handle="somebody")
    client.force_login(staff)

    text = asked.format(prefix=key.prefix, secret=secret)
    response = client.get(reverse("admin:desk_people"), {"q": text})

    assert response.headers["Location"] == reverse("admin:desk_person", args=[owner.pk])


def test_several_are_listed_and_nobody_is_said(client, staff):
    for number in range(3):
        UserFactory(handle=f"mira{number}", is_active=number != 1)
    client.force_login(staff)

    page = get(client, "desk_people", q="mira")

    assert page.count('<th scope="row"><a href="/admin/desk/people/') == 3
    assert page.count("<strong>suspended</strong>") == 1
    assert "Nobody has a handle" in get(client, "desk_people", q="zzz")
    assert "Nobody" not in get(client, "desk_people")


def test_one_screen_shows_a_person(client, staff, owner):
    secret = live_of(owner)
    client.force_login(staff)

    page = get(client, "desk_person", owner.pk)

    for text in ("1,000,000 credits", "5 credits", "turn:owner1", "upstream_timeout", "m/odel",
                 secret[:9], "key of owner", "as agreed", "Suspend…", "Give credits…"):  # fmt: skip
        assert text in page
    for private in (CANARY, secret):
        assert private not in page


def test_each_part_asks_for_its_permission(client, clerk, owner):
    secret = live_of(owner)
    parts = {
        "view_account": "Limits now", "view_hold": "Open holds", "view_turn": "Last turns",
        "view_apikey": secret[:9], "view_auditentry": "What operators did",
        "suspend_user": "Suspend…",
    }  # fmt: skip
    clerk("view_user")
    shown = get(client, "desk_person", owner.pk)
    assert [text for text in parts.values() if text in shown] == []

    for permission, text in parts.items():
        clerk(permission)
        assert text in get(client, "desk_person", owner.pk)
    assert "Set budgets…" not in get(client, "desk_person", owner.pk)
    assert "Give credits…" not in get(client, "desk_person", owner.pk)
    assert "Revoke…" not in get(client, "desk_person", owner.pk)


@pytest.mark.parametrize(
    ("page", "needed"),
    [
        ("desk_people", ["view_user"]),
        ("desk_person", ["view_user"]),
        ("desk_spend", ["view_usage"]),
        ("desk_free", ["view_usage"]),
        ("desk_switches", ["view_provider", "view_model"]),
    ],
)
def test_pages_need_their_permission(client, clerk, owner, page, needed):
    url = reverse(f"admin:{page}", args=[owner.pk] if page == "desk_person" else [])
    clerk("view_chat")
    refused = client.get(url).status_code

    clerk(*needed)

    assert (refused, client.get(url).status_code) == (403, 200)


@pytest.mark.parametrize("page", PAGES)
def test_people_who_are_no_operators_are_sent_away(client, owner, page):
    client.force_login(owner)

    response = client.get(reverse(f"admin:{page}"))

    assert (response.status_code, "/admin/login/" in response.headers["Location"]) == (302, True)


def test_nobody_is_404(client, staff):
    client.force_login(staff)

    assert client.get(reverse("admin:desk_person", args=[999])).status_code == 404


def test_the_start_page_says_what_needs_somebody(client, staff, owner):
    live_of(owner)
    UserFactory(is_active=False)
    client.force_login(staff)

    page = get(client, "index")

    for sign in (
        "<strong>1</strong> Replies running now",
        "<strong>1</strong> Replies failed this hour",
        "<strong>3</strong> Signed up today",
        "<strong>1</strong> Suspended",
        "<strong>7</strong> Credits spent today",
        "<strong>0</strong> Free replies this hour",
    ):
        assert sign in page
    for sign in client.get(reverse("admin:index")).context["desk"].signs:
        assert client.get(sign.url).status_code == 200


def test_the_start_page_shows_a_clerk_what_they_may_see(client, clerk):
    assert "desk-signs" not in get(client, "index")

    clerk("view_usage")

    page = get(client, "index")
    assert ("Credits spent today" in page, "Suspended" in page) == (True, False)


def test_spend_is_shown_by_person_model_and_day(client, staff, owner):
    live_of(owner)
    client.force_login(staff)
    day = str(Usage.objects.get().created_at.date())

    page = get(client, "desk_spend")
    before = get(client, "desk_spend", since="2020-01-01", until="2020-01-02")
    wrong = get(client, "desk_spend", since="tomorrow")

    for text in (">owner</a></th><td>7</td>", ">m/odel</th><td>7</td>", f">{day}</th><td>7</td>"):
        assert text in page
        assert text not in before
        assert text in wrong


def test_the_pressure_of_this_minute_is_shown(client, staff, owner, settings):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 6, 2
    client.force_login(staff)
    calm = get(client, "desk_free")
    for _ in range(4):
        Admission().begin(owner, free=True)

    busy = get(client, "desk_free")
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"
    unknown = get(client, "desk_free")
    settings.FREE_TURNS = 0

    turns, part = "On the whole site in the last minute</dt><dd>", "Each person’s part now</dt><dd>"
    assert f"{turns}0</dd>" in calm
    assert f"{part}6 a minute" in calm
    assert "6 messages a minute to free models while the site has no more than 2" in busy
    assert f"{turns}4</dd>" in busy
    assert f"{part}<strong>3 a minute" in busy
    assert f"{turns}not known now" in unknown
    assert f"{part}not known now" in unknown
    assert "Messages to free models are not limited." in get(client, "desk_free")


def test_a_person_s_limits_are_shown_and_their_budgets_set(client, staff, owner):
    live_of(owner)
    client.force_login(staff)
    account = ledger.get_account(owner.pk)
    form = {"action": "set_budgets", "_selected_action": [account.pk], "key": "k", "reason": "r"}
    back = reverse("admin:desk_person", args=[owner.pk])

    page = client.post(
        reverse("admin:billing_account_changelist"),
        {**form, "day": "40", "month": "", "back": back},
        follow=True,
    ).content.decode()

    assert "Replies at the same time</dt><dd>0 of 64 running" in page
    assert "Budget today</dt><dd>7 of 40 credits spent, 5 held, 28 left" in page
    assert 'value="set_budgets"' in page
    assert "Set budgets…" in page


def test_free_replies_are_shown(client, staff, owner):
    live_of(owner)
    Usage.objects.update(amount_micro=0)
    client.force_login(staff)

    assert ">owner</a></th><td>1</td><td>1</td>" in get(client, "desk_free")


def add_person(number: int) -> None:
    user = UserFactory(handle=f"mira{number}")
    live_of(user, number)
    switches.switch_off(ModelFactory(), actor="op", reason="r")


@pytest.mark.parametrize("page", PAGES)
def test_pages_cost_the_same_for_any_number(client, staff, page):
    client.force_login(staff)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            get(client, page, **({"q": "mira"} if page == "desk_people" else {}))
        return len(queries)

    add_person(1)
    add_person(2)
    cost()
    two = cost()
    add_person(3)

    assert cost() == two


def test_a_person_costs_the_same_for_any_number(client, staff, owner):
    client.force_login(staff)
    live_of(owner, 1)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            get(client, "desk_person", owner.pk)
        return len(queries)

    cost()
    one = cost()
    live_of(owner, 2)
    live_of(owner, 3)

    assert Hold.objects.count() == 3
    assert cost() == one


# The kill switches


def switch(client, page, action, row, **fields):
    form = {"action": action, "_selected_action": [row.pk], "key": "k", "reason": "too dear"}
    back = reverse("admin:desk_switches")
    url = reverse(f"admin:llm_{page}_changelist")
    return client.post(url, {**form, "back": back, **fields}, follow=True).content.decode()


@pytest.mark.parametrize("kind", ["model", "provider"])
def test_a_switch_off_shows_on_the_desk_until_it_is_on_again(client, clerk, kind):
    model = ModelFactory(slug="a/one", provider__slug="shop")
    row = model if kind == "model" else model.provider
    clerk(f"change_{kind}", "view_provider", "view_model")

    off = switch(client, kind, "switch_off", row, ends_running="on")
    desk = get(client, "index")
    row.refresh_from_db()
    on = switch(client, kind, "switch_on", row)

    assert f"{row.slug} is switched off</strong>" in off
    assert f"{row.slug} is switched off</strong>" in desk
    assert "by clerk: too dear" in desk
    assert "is switched off</strong>" not in on
    assert not row.enabled
    assert type(row).objects.get().enabled


def test_who_may_not_change_switches_nothing(client, clerk):
    model = ModelFactory()
    clerk("view_provider", "view_model")

    page = switch(client, "model", "switch_off", model)

    assert Model.objects.get().enabled
    assert "Switch off…" not in page


def test_a_switch_needs_a_reason(client, staff):
    model = ModelFactory()
    client.force_login(staff)

    page = switch(client, "model", "switch_off", model, reason="")

    assert "errorlist" in page
    assert Model.objects.get().enabled
