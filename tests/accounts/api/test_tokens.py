"""Minting samwise tokens over the resource API, and where they work."""

import logging

import httpx
import pytest

from accounts.keys import authenticate, issue_key
from openai_compat import handler

pytestmark = pytest.mark.django_db
PATH = "/api/user/samwise"


@pytest.fixture
def secret(owner):
    return issue_key(user=owner, name="bot", scopes=["chat", "read"])[1]


def mint(client, secret, body=None):
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return client.post(PATH, body or {}, content_type="application/json", headers=headers)


def test_a_key_mints_a_token_of_itself(client, secret):
    response = mint(client, secret, {"scopes": ["read"], "expires_in": 60})

    body = response.json()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert sorted(body) == ["expires_at", "scopes", "token"]
    assert body["scopes"] == ["read"]
    assert authenticate(body["token"]).granted == {"read"}


def test_without_a_wish_a_token_has_what_its_key_has(client, secret):
    assert mint(client, secret).json()["scopes"] == ["chat", "read"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scopes": ["chat", "write"]}, 403, "insufficient_scope"),
        ({"scopes": ["manage"]}, 403, "insufficient_scope"),
        ({"scopes": ["root"]}, 422, None),
        ({"scopes": []}, 422, None),
        ({"scopes": "chat"}, 422, None),
        ({"expires_in": 86_401}, 422, None),
        ({"expires_in": 0}, 422, None),
        ({"expires_in": -5}, 422, None),
    ],
)
def test_a_token_of_more_than_its_key_is_refused(client, secret, body, status, code):
    response = mint(client, secret, body)

    assert response.status_code == status
    assert response.json().get("error", {}).get("code") == code
    assert "token" not in response.json()


def test_a_day_is_allowed(client, secret):
    assert mint(client, secret, {"expires_in": 86_400}).status_code == 200


def test_a_token_and_a_session_mint_nothing(client, owner, secret):
    token = mint(client, secret).json()["token"]
    by_token = mint(client, token, {"scopes": ["chat"]})
    client.force_login(owner)
    by_session = mint(client, "")

    told = [(r.status_code, r.json()["error"]["code"]) for r in (by_token, by_session)]
    assert told == [(403, "token_cannot_mint"), (403, "key_required")]


@pytest.mark.parametrize("header", ["Authorization", "CH-API-KEY", "x-api-key", "samwise"])
async def test_a_token_works_wherever_a_key_works(client, luna, secret, header):
    token = mint(client, secret).json()["token"]
    headers = {header: f"Bearer {token}" if header == "Authorization" else token}
    transport = httpx.ASGITransport(app=handler.handle)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as wire:
        on_wire = await wire.get("/v1/models", headers=headers)
    of_resources = client.get("/api/persona", headers=headers)

    assert (on_wire.status_code, of_resources.status_code) == (200, 200)


async def test_a_turn_by_token_is_one_of_its_key(client, luna, provider, secret):
    from chats.models import Turn
    from tests.conftest import settled

    token = mint(client, secret, {"scopes": ["chat"]}).json()["token"]
    transport = httpx.ASGITransport(app=handler.handle)
    said = {"model": "Luna", "stream": False, "messages": [{"role": "user", "content": "Hi"}]}
    chats = []
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as wire:
        for presented in (secret, token):
            response = await wire.post(
                "/v1/chat/completions", json=said, headers={"samwise": presented}
            )
            chats.append((response.status_code, response.headers["x-reverie-chat"]))
            await settled()

    assert chats[0] == chats[1]
    assert set(Turn.objects.values_list("api_key", flat=True)) == {authenticate(secret).pk}


async def test_secrets_and_tokens_are_never_logged(client, luna, provider, secret, caplog, capsys):
    """Whatever is said of a request, whether it works, is refused or crashes."""
    caplog.set_level(logging.DEBUG)
    token = mint(client, secret).json()["token"]
    provider.says([RuntimeError("crash")])
    transport = httpx.ASGITransport(app=handler.handle, raise_app_exceptions=False)
    said = {"model": "Luna", "stream": False, "messages": [{"role": "user", "content": "Hi"}]}
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as wire:
        for presented in (secret, token, secret[:-1] + "!", token[:-1] + "!"):
            for header in ("CH-API-KEY", "samwise"):
                await wire.post("/v1/chat/completions", json=said, headers={header: presented})
                client.get("/api/user/credits", headers={header: presented})

    written = caplog.text + "".join(capsys.readouterr())
    assert "crash" in written
    assert secret[3:20] not in written
    assert token[3:40] not in written


def test_a_request_does_not_show_its_secret(secret):
    from chats.inbound import Inbound

    inbound = Inbound(secret=secret, ip=None, model="Luna", lines=[], messages=())

    assert secret not in repr(inbound)
