"""The limits of the resource API: the same windows and headers as on the wire."""

import pytest

from billing.limits.admission import Admission
from billing.models import Plan
from core.errors import BudgetExceeded

pytestmark = pytest.mark.django_db
ADDRESS = "/api/user/credits"
NAMES = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
)


@pytest.fixture
def ask(client, secret):
    def get(address=ADDRESS):
        return client.get(address, headers={"Authorization": f"Bearer {secret}"})

    return get


def told(response) -> list[str | None]:
    return [response.headers.get(name) for name in NAMES]


def plan(limit: int) -> None:
    Plan.objects.create(slug="d", name="D", is_default=True, requests_per_minute=limit)


def test_every_answer_tells_what_is_left(ask):
    plan(3)

    answers = [ask(), ask("/api/user/purchases/nothing"), ask()]

    assert [answer.status_code for answer in answers] == [200, 404, 200]
    assert [told(answer) for answer in answers] == [
        ["3", str(left), "3", str(left), "1m0s"] for left in (2, 1, 0)
    ]
    assert all(int(answer["X-RateLimit-Reset"]) > 1_000_000_000 for answer in answers)


def test_too_many_are_refused_in_the_shape_of_this_api(ask):
    plan(1)
    ask()

    response = ask()

    seconds = int(response["Retry-After"])
    assert (response.status_code, 58 <= seconds <= 60) == (429, True)
    assert response.json() == {
        "error": {
            "type": "user_error",
            "message": f"Your plan allows 1 request a minute. Try again in {seconds} seconds.",
            "code": "rate_limit_exceeded",
            "param": None,
        }
    }
    assert told(response)[:2] == ["1", "0"]


def test_the_browsers_session_counts_in_the_same_window(client, owner, ask):
    plan(2)
    client.force_login(owner)

    assert client.get(ADDRESS)["X-RateLimit-Remaining"] == "1"
    assert ask()["X-RateLimit-Remaining"] == "0"
    assert client.get(ADDRESS).status_code == 429


def test_to_strangers_nothing_is_told(client):
    response = client.get(ADDRESS)

    assert (response.status_code, told(response)) == (401, [None] * 5)


def test_out_of_credits_says_not_to_try_again(ask, monkeypatch):
    def broke(*_, **__):
        raise BudgetExceeded("No.", code="insufficient_quota", retry_after=9)

    monkeypatch.setattr(Admission, "enter", broke)

    response = ask()

    assert (response.status_code, response["x-should-retry"]) == (429, "false")
    assert response["Retry-After"] == "9"


async def test_a_turns_events_tell_it_too(async_client, owner, secret):
    plan(1)
    headers = {"Authorization": f"Bearer {secret}"}

    first = await async_client.get("/api/chat/turns/nothing/events", headers=headers)
    second = await async_client.get("/api/chat/turns/nothing/events", headers=headers)

    assert (first.status_code, told(first)[:2]) == (404, ["1", "0"])
    assert (second.status_code, second.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 58 <= int(second["Retry-After"]) <= 60
