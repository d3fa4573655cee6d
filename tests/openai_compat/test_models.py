"""`GET models` behind each prefix, and what the wire says to nonsense."""

import httpx
import pytest

from accounts.keys import issue_key
from openai_compat import handler
from tests.factories import CharacterFactory, ChatFactory, ScenarioFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
async def at(secret):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=handler.handle),
        base_url="http://testserver",
        headers={"Authorization": f"Bearer {secret}"},
    ) as client:
        yield client


async def ids(client, path, **options) -> list[str]:
    response = await client.request(options.pop("method", "GET"), path, **options)
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()["data"]]


async def test_entry_has_the_shape_of_the_seed(at, luna):
    row = (await at.get("/api/device/v1/models")).json()["data"][0]

    assert row == {
        "id": f"Luna [{luna.uid[-8:]}]",
        "object": "model",
        "created": int(luna.created_at.timestamp()),
        "owned_by": "character",
        "root": luna.uid,
        "parent": None,
    }


async def test_characters_come_by_the_latest_chat(at, owner, luna):
    other = CharacterFactory(owner=owner, name="Max")
    CharacterFactory(owner=owner, name="Never talked to")
    ChatFactory(character=luna)
    ChatFactory(character=other)

    assert await ids(at, "/api/device/v1/models") == [other.label, luna.label]


async def test_key_with_a_default_lists_that_characters_scenarios(at, owner, luna):
    scenario = ScenarioFactory(character=luna, title="Cozy Evening")
    secret = issue_key(user=owner, name="d", default_character=luna.uid)[1]

    response = await at.get("/api/device/v1/models", headers={"Authorization": f"Bearer {secret}"})

    rows = [(r["id"], r["owned_by"], r["root"], r["parent"]) for r in response.json()["data"]]
    assert rows == [(scenario.label, "scenario", scenario.uid, luna.uid)]


async def test_prefixes_differ_in_what_they_list(at, luna, model):
    assert await ids(at, "/api/device/v1/models") == [luna.label]
    assert await ids(at, "/v1/models") == [luna.label, "test/model"]
    assert await ids(at, "/api/openai/v1/models") == ["test/model"]
    assert await ids(at, "/api/openai/v1/models", method="POST") == ["test/model"]
    assert await ids(at, "/api/openai/v1/models/list") == ["test/model"]


@pytest.mark.parametrize("path", ["Luna%20%5B{short}%5D", "{uid}", "Luna", "test%2Fmodel"])
async def test_every_form_of_a_name_can_be_looked_up(at, luna, model, path):
    address = path.format(short=luna.short_id, uid=luna.uid)

    response = await at.get(f"/v1/models/{address}")

    assert response.json()["id"] == ("test/model" if "model" in path else luna.label)


async def test_unknown_name_is_404(at, luna):
    response = await at.get("/v1/models/gpt-4o")

    assert (response.status_code, response.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/responses", b"{}", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", b"", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions", b"", 400, "invalid_value"),
        ("POST", "/v1/chat/completions", b"null", 400, "invalid_value"),
        ("POST", "/v1/chat/completions", b"[]", 400, "invalid_value"),
        ("POST", "/v1/chat/completions", b"{", 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b'{"messages": NaN}', 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b'{"messages": "\\ud83d"}', 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b"[" * 100_000, 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b'{"messages": 1}', 400, "invalid_value"),
        ("POST", "/v1/chat/completions", b" " * (32 * 2**20 + 1), 413, "body_too_large"),
    ],
)
async def test_nonsense_gets_an_envelope(at, method, path, body, status, code):
    response = await at.request(
        method, path, content=body, headers={"Content-Type": "application/json"}
    )

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert sorted(error) == ["code", "message", "param", "type"]
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty. Send a JSON object with `messages`."),
        (
            b'{"model": ',
            "The body is not valid JSON: unexpected end of data: line 1 column 11 (char 10)",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_why(at, body, message):
    response = await at.post("/v1/chat/completions", content=body)

    assert response.json()["error"]["message"] == message


async def test_browsers_may_call_from_anywhere(at):
    preflight = await at.options("/v1/chat/completions")
    plain = await at.get("/v1/models")

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "*, Authorization"
    assert plain.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("header", ["Authorization", "CH-API-KEY", "x-api-key", "samwise"])
async def test_every_place_for_a_key_is_checked_alike(at, luna, secret, header):
    value = f"Bearer {secret}" if header == "Authorization" else secret
    bare = {"Authorization": ""}

    good = await at.get("/v1/models", headers={**bare, header: value})
    bad = await at.get("/v1/models", headers={**bare, header: value[:-1] + "!"})

    assert (good.status_code, bad.status_code) == (200, 401)
