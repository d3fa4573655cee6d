"""Tags: one row for each word, whoever uses it."""

import pytest

from catalog.models import Tag
from catalog.services import TAG_CHARS, TAGS_MOST, set_tags
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db


def names_of(project):
    return [tag.name for tag in project.tags.order_by("id")]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (["Sea  Side", "sea side", " SEA SIDE "], ["sea side"]),
        (["", "  ", "\x00"], []),
        (["a\x00b"], ["ab"]),
        (["É"], ["é"]),
        (["x" * 200], ["x" * TAG_CHARS]),
        ([str(n) for n in range(TAGS_MOST + 5)], [str(n) for n in range(TAGS_MOST)]),
    ],
    ids=["doubles", "blank", "nul", "accent", "long", "many"],
)
def test_tags_are_tidied(owner, given, stored):
    project = CharacterFactory(owner=owner)

    set_tags(project, given)

    assert names_of(project) == stored


def test_set_replaces_and_leaves_others_alone(owner, stranger):
    mine, theirs = CharacterFactory(owner=owner), CharacterFactory(owner=stranger)
    set_tags(mine, ["a", "b"])
    set_tags(theirs, ["b"])

    set_tags(mine, ["c"])

    assert (names_of(mine), names_of(theirs)) == (["c"], ["b"])


def test_projects_share_the_row_of_a_tag(owner):
    one, two = CharacterFactory(owner=owner), CharacterFactory(owner=owner)

    set_tags(one, ["Night"])
    set_tags(two, ["night"])

    assert Tag.objects.filter(name="night").count() == 1
