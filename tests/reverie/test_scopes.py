"""Every address of every API, walked with keys that must not open it.

What is walked comes from the OpenAPI document, and that the document leaves nothing out from the
addresses themselves.
"""

import json
import re
from datetime import timedelta

import httpx
import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncRequestFactory, Client
from django.urls import URLResolver
from django.utils import timezone
from rest_framework.views import APIView

from accounts import samwise
from accounts.api.permissions import HasScope
from accounts.keys import authenticate, issue_key, revoke_key, rotate_key
from accounts.models import ApiKey, Scope
from billing.ledger import get_account
from billing.models import Purchase, Usage
from chats.api.events import turn_events
from chats.models import Message, Turn
from core.ids import new_uid
from lore.services import create_lorebook
from memory.models import Summary
from memory.services import default_notebook, remember
from openai_compat import handler
from openai_compat.urls import PREFIXES
from personas.services import create_persona
from reverie import urls
from tests.factories import ChatFactory
from tests.journeys.house import ROOT

pytestmark = pytest.mark.django_db

DOCUMENT = json.loads((ROOT / "docs/api/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
WIRE = [walked for walked in OPERATIONS if walked[1].startswith(PREFIXES)]
RESOURCES = [walked for walked in OPERATIONS if not walked[1].startswith(PREFIXES)]
# Outside the document, for a reason each: a stream, a caller with a signature of its own, and
# the document itself.
UNLISTED = {
    "api/chat/turns/{turn_id}/events": "tests of its own below",
    "api/payments/stripe": "signed by Stripe",
    "api/openapi.json": "open to all",
    "api/docs": "open to all",
}
ALL = frozenset(Scope.values)


def needed(operation) -> set[str]:
    """The scopes of which one will do."""
    return {s for way in operation["security"] for s in way.get("apiKey", [])}


def address(path: str) -> str:
    return re.sub(r"\{\w+\}", "1", path)


def ask(secret: str, method: str, path: str, **environ) -> tuple[int, dict]:
    """One request to the resource API; a body that would be refused anyway."""
    response = Client().generic(
        method,
        address(path),
        b"{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"} if secret else {},
        **environ,
    )
    is_json = response["Content-Type"].startswith("application/json")
    return response.status_code, response.json() if is_json else {}


async def ask_wire(secret: str, method: str, path: str, ip: str = "127.0.0.1"):
    transport = httpx.ASGITransport(app=handler.handle, client=(ip, 1))
    body = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        response = await client.request(
            method,
            address(path),
            json=body if method == "POST" else None,
            headers={"Authorization": f"Bearer {secret}"} if secret else {},
        )
    return response.status_code, response.json()


def routes(patterns, before=""):
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif path.startswith("api/"):
            yield re.sub(r"<\w+:(\w+)>", r"{\1}", path), pattern.callback


def test_the_document_lists_every_address_and_method():
    listed = {(method, path.lstrip("/")) for method, path, _ in RESOURCES}
    found, unlisted = set(), set()
    for path, view in routes(urls.urlpatterns):
        kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
        if kind is None or not issubclass(kind, APIView) or path in UNLISTED:
            unlisted.add(path)
        else:
            methods = (name for name in kind.http_method_names if hasattr(kind, name))
            found |= {(name.upper(), path) for name in methods if name != "options"}
            assert HasScope in kind.permission_classes, path

    assert found == listed
    assert unlisted == set(UNLISTED)


def test_every_operation_says_what_it_needs():
    silent = [(m, p) for m, p, operation in OPERATIONS if "security" not in operation]
    free = [(m, p) for m, p, operation in OPERATIONS if not needed(operation)]

    assert silent == []
    assert free == [("POST", "/api/user/samwise")]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda m, p: p.startswith(PREFIXES), {"chat"}),
        (lambda m, p: p.startswith("/api/user/") and p != "/api/user/samwise", {"manage"}),
        (lambda m, p: p.startswith("/api/chat/turns/"), {"chat", "read", "write"}),
        (lambda m, p: p.startswith(("/api/memory", "/api/persona")) and m == "GET", {"read"}),
        (lambda m, p: p.startswith(("/api/memory", "/api/persona")) and m != "GET", {"write"}),
        (lambda m, p: p.startswith("/api/lorebook") and p.endswith("/test"), {"read"}),
    ],
)
def test_the_table_of_scopes(rule, expected):
    walked = [operation for m, p, operation in OPERATIONS if rule(m, p)]

    assert walked
    assert set().union(*map(needed, walked)) == expected


@pytest.mark.parametrize("as_token", [False, True])
def test_a_key_without_the_scope_opens_no_resource(owner, as_token):
    opened = []
    for method, path, operation in RESOURCES:
        if scopes := needed(operation):
            _, secret = issue_key(user=owner, name="bot", scopes=ALL - scopes)
            if as_token:
                whole = authenticate(issue_key(user=owner, name="whole", scopes=ALL)[1])
                secret = samwise.mint(whole, scopes=tuple(ALL - scopes)).token
            status, body = ask(secret, method, path)
            error = body.get("error", {})
            is_named = all(f"`{scope}`" in error.get("message", "") for scope in scopes)
            told = (status, error.get("type"), error.get("code"), is_named)
            if told != (403, "user_error", "insufficient_scope", True):
                opened.append((method, path, told))

    assert opened == []


async def test_a_key_without_the_scope_opens_nothing_on_the_wire(owner, luna, provider):
    opened = []
    for method, path, _ in WIRE:
        _, secret = issue_key(user=owner, name="bot", scopes=ALL - {"chat"})
        status, body = await ask_wire(secret, method, path)
        error = body["error"]
        told = (status, error["type"], error["code"], "`chat`" in error["message"])
        if told != (403, "invalid_request_error", "insufficient_scope", True):
            opened.append((method, path, told))

    assert opened == []
    assert (provider.requests, Turn.objects.count()) == ([], 0)


def test_a_key_with_just_the_scope_is_let_through(owner):
    """Past the door, whatever is said behind it: no 401 and no 403."""
    refused = []
    for method, path, operation in RESOURCES:
        for scope in needed(operation):
            _, secret = issue_key(user=owner, name="bot", scopes=[scope])
            status, _ = ask(secret, method, path)
            if status in (401, 403):
                refused.append((method, path, scope, status))

    assert refused == []


def _revoked(owner) -> str:
    key, secret = issue_key(user=owner, name="bot", scopes=ALL)
    revoke_key(key=key)
    return secret


def _expired(owner) -> str:
    key, secret = issue_key(user=owner, name="bot", scopes=ALL)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return secret


def _rotated(owner) -> str:
    key, secret = issue_key(user=owner, name="bot", scopes=ALL)
    rotate_key(key=key, overlap=timedelta(0))
    return secret


def _elsewhere(owner) -> str:
    return issue_key(user=owner, name="bot", scopes=ALL, allowed_addresses="203.0.113.9")[1]


def _token_of_revoked(owner) -> str:
    key, secret = issue_key(user=owner, name="bot", scopes=ALL)
    token = samwise.mint(authenticate(secret)).token
    revoke_key(key=key)
    return token


REFUSED = [
    pytest.param(lambda owner: "", (401, None), id="nothing"),
    pytest.param(lambda owner: "rk_nonsense", (401, "invalid_api_key"), id="nonsense"),
    pytest.param(lambda owner: "sw_a:b:c", (401, "invalid_api_key"), id="forged"),
    pytest.param(_revoked, (401, "invalid_api_key"), id="revoked"),
    pytest.param(_expired, (401, "api_key_expired"), id="expired"),
    pytest.param(_rotated, (401, "api_key_expired"), id="rotated"),
    pytest.param(_elsewhere, (403, "address_not_allowed"), id="elsewhere"),
    pytest.param(_token_of_revoked, (401, "invalid_api_key"), id="token of a revoked key"),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
def test_a_dead_key_opens_no_resource(owner, make, refusal):
    secret = make(owner)
    opened = []
    for method, path, _ in RESOURCES:
        status, body = ask(secret, method, path, REMOTE_ADDR="198.51.100.7")
        code = body["error"]["code"] if refusal[1] else None
        if (status, code) != refusal:
            opened.append((method, path, status, body))

    assert opened == []
    assert ApiKey.objects.filter(last_used_ip="198.51.100.7").count() == 0


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_a_dead_key_opens_nothing_on_the_wire(owner, luna, provider, make, refusal):
    secret = make(owner)
    opened = []
    for method, path, _ in WIRE:
        status, body = await ask_wire(secret, method, path, ip="198.51.100.7")
        if (status, body["error"]["code"]) != (refusal[0], refusal[1] or "invalid_api_key"):
            opened.append((method, path, status, body))

    assert opened == []
    assert (provider.requests, Turn.objects.count()) == ([], 0)


@pytest.fixture
def things(owner, luna) -> dict[str, str]:
    """One of everything that has an address, all of it the owner's."""
    chat = ChatFactory(character=luna)
    message = Message.objects.create(chat=chat, position=0, role="assistant", content="Hi.")
    turn = Turn.objects.create(
        chat=chat,
        user=owner,
        surface="web",
        reply=message.uid,
        model="m",
        node="n",
        state="done",
        lease_expires_at=timezone.now(),
    )
    trash = new_uid()
    Message.objects.create(
        chat=chat,
        position=1,
        role="user",
        content="Gone.",
        active=False,
        trashed_at=timezone.now(),
        trash=trash,
    )
    notebook = default_notebook(user=owner, character=luna.uid)
    summary = Summary.objects.create(
        notebook=notebook, chat=chat.uid, first_position=0, last_position=1, text="A secret."
    )
    purchase = Purchase.objects.create(account=get_account(owner.pk))
    used = Usage.objects.create(
        key=f"turn:{turn.uid}",
        user=owner,
        surface="web",
        model="m",
        prompt_tokens=1,
        completion_tokens=1,
        amount_micro=0,
    )
    return {
        "character_id": luna.uid,
        "reference": used.key,
        "session_id": chat.uid,
        "message_id": message.uid,
        "turn_id": turn.uid,
        "trash_id": trash,
        "summary_id": summary.uid,
        "memory_id": remember(notebook, "A secret.", author="person").uid,
        "lorebook_id": create_lorebook(owner=owner, name="World").uid,
        "persona_id": str(create_persona(owner=owner, name="Me").pk),
        "purchase_id": purchase.uid,
    }


def test_a_strangers_key_finds_nothing_of_the_owners(stranger, things):
    _, secret = issue_key(user=stranger, name="bot", scopes=ALL)
    found, walked = [], set()
    for method, path, _ in RESOURCES:
        names = set(re.findall(r"\{(\w+)\}", path))
        if names:
            walked |= names
            status, _ = ask(secret, method, path.format(**things))
            if status not in (404, 422):
                found.append((method, path, status))

    assert found == []
    assert walked == set(things)


async def events(secret: str, turn_id: str) -> int:
    request = AsyncRequestFactory().get("/", headers={"samwise": secret} if secret else {})
    request.user = AnonymousUser()
    response = await turn_events(request, turn_id)
    return response.status_code


async def test_a_turns_stream_is_as_closed_as_the_turn(owner, stranger, things):
    def key(**fields):
        return issue_key(user=owner, name="bot", **fields)[1]

    turn = things["turn_id"]
    asked = {
        "nobody": await events("", turn),
        "read": await events(key(scopes=["read"]), turn),
        "chat of another key": await events(key(scopes=["chat"]), turn),
        "write": await events(key(scopes=["write", "manage"]), turn),
        "elsewhere": await events(key(allowed_addresses="203.0.113.9"), turn),
        "stranger": await events(issue_key(user=stranger, name="x", scopes=ALL)[1], turn),
    }

    assert asked == {
        "nobody": 401,
        "read": 200,
        "chat of another key": 404,
        "write": 403,
        "elsewhere": 403,
        "stranger": 404,
    }


def test_a_key_that_only_chats_reaches_the_turns_it_began(owner, things):
    key, secret = issue_key(user=owner, name="bot", scopes=["chat"])
    path = f"/api/chat/turns/{things['turn_id']}"
    before = (ask(secret, "GET", path)[0], ask(secret, "POST", path + "/stop")[0])
    Turn.objects.update(api_key=key)
    token = samwise.mint(authenticate(secret)).token

    assert before == (404, 404)
    for presented in (secret, token):
        assert ask(presented, "GET", path)[0] == 200
        assert ask(presented, "POST", path + "/stop")[0] == 200


async def test_a_key_that_only_chats_takes_up_the_streams_it_began(owner, things):
    key, secret = issue_key(user=owner, name="bot", scopes=["chat"])
    Turn.objects.update(api_key=key)

    assert await events(secret, things["turn_id"]) == 200
    assert await events(samwise.mint(authenticate(secret)).token, things["turn_id"]) == 200


def test_the_session_needs_no_scope(client, owner):
    client.force_login(owner)

    assert client.get("/api/user/credits").status_code == 200


def test_a_site_below_a_path_needs_the_same_scopes(owner):
    _, secret = issue_key(user=owner, name="bot", scopes=["read"])

    assert ask(secret, "GET", "/api/user/credits", SCRIPT_NAME="/reverie")[0] == 403
