"""Personas over the resource API: by key and by session, and nobody else's."""

import base64

import pytest
from django.test import Client

from core.pictures import avatar_path
from personas import services
from personas.models import Persona
from tests.characters.build import picture

pytestmark = pytest.mark.django_db

GIVEN = {"name": "Ana", "description": "A pilot.", "attributes": {"age": 40, "tags": ["dry"]}}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def api(secret):
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def ana(owner):
    return services.create_persona(owner=owner, name="Ana", description="A pilot.")


def sent(client, method, path, body):
    return getattr(client, method)(path, body, content_type="application/json")


def test_create_and_read(api, owner):
    answer = sent(api, "post", "/api/persona", GIVEN)
    ana = Persona.objects.get()

    body = dict(answer.json())
    times = (body.pop("created_at"), body.pop("updated_at"))
    assert answer.status_code == 200
    assert body == {
        "id": ana.number,
        "uid": ana.uid,
        "title": "",
        "avatar_uri": "",
        "position": 0,
        "depth": 2,
        "role": 0,
        "is_default": False,
        **GIVEN,
    }
    assert all(times)
    assert ana.owner == owner
    assert api.get(f"/api/persona/{ana.number}").json() == answer.json()


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_avatar_comes_as_base64_and_goes_as_an_address(api, ana, prefix):
    avatar = prefix + base64.b64encode(picture((40, 60))).decode()

    body = sent(api, "put", f"/api/persona/{ana.number}", {"avatar": avatar}).json()

    ana.refresh_from_db()
    assert body["avatar_uri"] == f"http://testserver/media/avatars/{ana.avatar}.webp"
    assert avatar_path(f"{ana.avatar}.webp").is_file()

    body = sent(api, "put", f"/api/persona/{ana.number}", {"avatar": ""}).json()
    assert body["avatar_uri"] == ""


def test_update_changes_only_what_is_sent(api, ana):
    body = sent(api, "put", f"/api/persona/{ana.number}", {"name": "Bo", "is_default": True})

    ana.refresh_from_db()
    assert (ana.name, ana.description, ana.is_default) == ("Bo", "A pilot.", True)
    assert (body.json()["name"], body.json()["is_default"]) == ("Bo", True)


def test_delete(api, ana):
    answer = api.delete(f"/api/persona/{ana.number}")

    assert (answer.status_code, answer.json()) == (200, {"deleted": True})
    assert Persona.objects.count() == 0
    assert api.get(f"/api/persona/{ana.number}").status_code == 404


def test_list_is_ones_own_page_by_page(api, owner, stranger):
    for name in ("Cy", "Ana", "Bo"):
        services.create_persona(owner=owner, name=name)
    services.create_persona(owner=stranger, name="Dee")

    def listed(query=""):
        body = api.get(f"/api/persona{query}").json()
        names = [persona["name"] for persona in body.pop("personas")]
        return names, body

    assert listed() == (["Ana", "Bo", "Cy"], {"count": 3, "page": 1, "pages": 1, "limit": 100})
    assert listed("?page=2&limit=2") == (["Cy"], {"count": 3, "page": 2, "pages": 2, "limit": 2})
    assert listed("?page=9")[0] == []


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(count, api, owner, django_assert_num_queries):
    for _ in range(count):
        services.create_persona(owner=owner, name="Ana")
    api.get("/api/persona")

    with django_assert_num_queries(3):
        api.get("/api/persona")


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({}, 422, ["body", "name"]),
        ({"name": ""}, 422, ["body", "name"]),
        ({**GIVEN, "name": "x" * 201}, 422, ["body", "name"]),
        ({**GIVEN, "description": "d" * 100_001}, 422, ["body", "description"]),
        ({**GIVEN, "attributes": [1]}, 422, ["body", "attributes"]),
        ({**GIVEN, "depth": -1}, 422, ["body", "depth"]),
        ({**GIVEN, "position": 5}, 422, ["body", "position"]),
        ({**GIVEN, "avatar": "abc"}, 422, ["body", "avatar"]),
        ([1], 422, ["body", "non_field_errors"]),
        ({**GIVEN, "attributes": {"a": "x" * 70_000}}, 400, "attributes"),
        ({**GIVEN, "avatar": "aGVsbG8="}, 400, "avatar"),
    ],
)
def test_refused_body_makes_nothing(api, body, status, where):
    answer = sent(api, "post", "/api/persona", body)

    said = answer.json()
    found = said["detail"][0]["loc"] if status == 422 else said["error"]["param"]
    assert (answer.status_code, found, Persona.objects.count()) == (status, where, 0)


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "body_damaged"),
        (b"[" * 100_000, "application/json", 400, "body_damaged"),
        (b'{"attributes":' + b'{"a":' * 200 + b"1" + b"}" * 201, "application/json", 400,
         "body_too_complex"),
        (b"name=Ana", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ],
)  # fmt: skip
def test_body_that_is_no_json_is_refused(api, data, kind, status, code):
    answer = api.post("/api/persona", data, content_type=kind)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert Persona.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_strangers_find_nothing_and_change_nothing(method, stranger, ana):
    client = Client()
    client.force_login(stranger)

    answer = sent(client, method, f"/api/persona/{ana.number}", {"name": "Mine"})

    ana.refresh_from_db()
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "persona_not_found")
    assert ana.name == "Ana"


@pytest.mark.parametrize("number", [0, 2**63, 10**30])
def test_no_such_number(api, number):
    assert api.get(f"/api/persona/{number}").status_code == 404


def test_guests_are_asked_who_they_are(client, ana):
    answer = sent(client, "post", "/api/persona", GIVEN)

    assert (answer.status_code, Persona.objects.count()) == (401, 1)


def test_session_needs_its_token(owner):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)

    assert sent(browser, "post", "/api/persona", GIVEN).status_code == 403
    assert Persona.objects.count() == 0
