"""How a person likes a character to answer."""

import pytest

from characters.models import CharacterPreference
from characters.preferences import change_preference, preference_of
from core.errors import Invalid, NotFound

pytestmark = pytest.mark.django_db


def test_usual_wishes_are_not_stored(owner, luna):
    found = preference_of(owner, luna)

    assert (found.model, found.response_length) == (None, "")
    assert CharacterPreference.objects.count() == 0


def test_wishes_change_one_by_one(owner, luna, model):
    change_preference(user=owner, character=luna, response_length="short")
    change_preference(user=owner, character=luna, model=model.slug, nsfw_intensity="mild")
    change_preference(user=owner, character=luna, narration_style="third_person")

    found = preference_of(owner, luna)
    assert (found.model, found.nsfw_intensity) == (model, "mild")
    assert (found.narration_style, found.response_length) == ("third_person", "short")

    change_preference(user=owner, character=luna, model="")
    assert preference_of(owner, luna).model is None


@pytest.mark.parametrize(
    ("given", "error", "param"),
    [
        ({"response_length": "endless"}, Invalid, "response_length"),
        ({"sampling": "x"}, Invalid, "sampling"),
        ({"model": "no/such"}, NotFound, "model"),
    ],
)
def test_refused_wish_changes_nothing(owner, luna, model, given, error, param):
    with pytest.raises(error) as raised:
        change_preference(user=owner, character=luna, narration_style="third_person", **given)

    assert (raised.value.param, CharacterPreference.objects.count()) == (param, 0)


def test_model_that_is_off_is_not_found(owner, luna, model):
    model.enabled = False
    model.save()

    with pytest.raises(NotFound) as raised:
        change_preference(user=owner, character=luna, model=model.slug)

    assert raised.value.code == "model_not_found"
