"""What load balancers and Prometheus are told."""

import pytest

from reverie import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_one_machine(settings):
    settings.REDIS_URL = ""


def test_healthz_answers_without_looking_at_anything(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_ready_on_a_migrated_database(client):
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_not_ready_while_the_process_stops(client, monkeypatch):
    monkeypatch.setattr("chats.turns._drain_until", 0.0)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "problems": ["shutting down"]}


def test_readyz_is_not_ready_with_migrations_to_run(client, monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health, "pending_migrations", lambda: 2)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["problems"] == ["migrations are missing"]


def test_readyz_is_not_ready_without_its_redis(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = client.get("/readyz")

    assert response.json() == {"status": "unavailable", "problems": ["Redis does not answer"]}


def test_metrics_are_for_this_machine(client):
    response = client.get("/metrics", REMOTE_ADDR="127.0.0.1")

    assert response.status_code == 200
    assert b"reverie_turns_running" in response.content


@pytest.mark.parametrize(
    "caller",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
    ],
)
def test_metrics_are_not_for_others(client, caller):
    assert client.get("/metrics", **caller).status_code == 404


def test_metrics_token_decides_alone(client, settings):
    settings.METRICS_TOKEN = "sesame"
    given = {"HTTP_AUTHORIZATION": "Bearer sesame", "REMOTE_ADDR": "203.0.113.9"}

    assert client.get("/metrics", **given).status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404
