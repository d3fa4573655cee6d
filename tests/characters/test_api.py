"""How one likes a character to answer, over the resource API."""

import pytest
from django.test import Client

from billing.models import Plan
from characters.models import CharacterPreference
from llm import registry
from llm.models import Model
from tests.factories import CharacterFactory, ModelFactory

pytestmark = pytest.mark.django_db
USUAL = {
    "model": "",
    "model_problem": "",
    "nsfw_intensity": "",
    "narration_style": "",
    "response_length": "",
}


@pytest.fixture
def api(secret):
    return Client(headers={"authorization": f"Bearer {secret}"})


def path(character) -> str:
    return f"/api/character/{character.uid}/preferences"


def put(api, address, **wishes):
    return api.put(address, wishes, content_type="application/json")


def test_wishes_are_the_usual_until_somebody_says_otherwise(api, luna):
    assert api.get(path(luna)).json() == USUAL
    assert CharacterPreference.objects.count() == 0


def test_wishes_change_one_by_one(api, luna, model):
    put(api, path(luna), response_length="short")
    answer = put(api, path(luna), model=model.slug)

    assert answer.status_code == 200
    assert answer.json() == {**USUAL, "model": "test/model", "response_length": "short"}
    assert put(api, path(luna), model="").json() == {**USUAL, "response_length": "short"}


@pytest.mark.parametrize("form", ["{uid}", "character_{uid}", "{pk}", "character_{pk}"])
def test_every_form_of_an_id_works(api, luna, form):
    name = form.format(uid=luna.uid, pk=luna.pk)

    assert api.get(f"/api/character/{name}/preferences").json() == USUAL


def test_a_model_that_does_not_answer_now_says_why(api, luna, model):
    put(api, path(luna), model=model.slug)
    Plan.objects.create(slug="author", name="Author", rank=2)

    for values, problem in (
        ({"min_plan_rank": 2}, "plan_required"),
        ({"enabled": False}, "model_off"),
    ):
        Model.objects.update(**values)
        registry.forget()
        assert api.get(path(luna)).json()["model_problem"] == problem


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"model": "no/such"}, 404, "model_not_found"),
        ({"model": "shop/off"}, 404, "model_not_found"),
        ({"model": "shop/gated"}, 403, "plan_required"),
        ({"response_length": "endless"}, 422, None),
        ({"model": 7}, 404, "model_not_found"),
    ],
)
def test_a_refused_wish_changes_nothing(api, luna, model, wish, status, code):
    ModelFactory(slug="shop/off", enabled=False)
    ModelFactory(slug="shop/gated", min_plan_rank=1)

    answer = put(api, path(luna), narration_style="first_person", **wish)

    assert answer.status_code == status
    assert code is None or answer.json()["error"]["code"] == code
    assert CharacterPreference.objects.count() == 0


def test_somebody_elses_private_character_is_not_found(api, stranger, model):
    theirs = CharacterFactory(owner=stranger)

    assert api.get(path(theirs)).status_code == 404
    assert put(api, path(theirs), model=model.slug).status_code == 404
    assert api.get("/api/character/99999999999999999999999/preferences").status_code == 404
    assert CharacterPreference.objects.count() == 0


def test_without_a_key_nothing_is_told(luna):
    assert Client().get(path(luna)).status_code == 401
