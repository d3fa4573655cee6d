"""The filters and tags of the templates."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import CharacterFactory
from web.templatetags.reverie_web import ago, avatar, credits_of, hue, multiplier, preview, until


@pytest.mark.parametrize(
    ("micro", "words"),
    [
        (0, "0"),
        (1, "0"),
        (1_000, "0.001"),
        (250_000, "0.25"),
        (1_500_000, "1.5"),
        (9_999_999, "9.999"),
        (552_000_000, "552"),
        (12_345_678_000_000, "12,345,678"),
        (-1_500_000, "-1.5"),
    ],
)
def test_credits_are_short(micro, words):
    assert credits_of(micro) == words


@pytest.mark.parametrize(("micro", "words"), [(0, "×0"), (1_000_000, "×1"), (2_500_000, "×2.5")])
def test_multiplier(micro, words):
    assert multiplier(micro) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "just now"),
        (30, "30 seconds ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400 * 3, "3 days ago"),
    ],
)
def test_ago(seconds, words):
    assert ago(timezone.now() - timedelta(seconds=seconds, milliseconds=100)) == words


def test_ago_long_past_is_a_date_and_never_is_never():
    assert ago(timezone.now().replace(year=2020, month=3, day=7)) == "7 Mar 2020"
    assert ago(None) == "never"
    assert until(None) == "never"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("degrees", "name"), [(0, "hue-2"), (120, "hue-9"), (240, "hue-18"), (359, "hue-2")]
)
def test_hue_is_the_nearest_of_24(degrees, name):
    assert hue(CharacterFactory(hue=degrees)) == name


@pytest.mark.django_db
def test_avatar_without_picture_is_the_initial_and_silent():
    assert avatar(CharacterFactory(name="“Ada”", hue=0)) == (
        '<span class="avatar avatar-small avatar-letter hue-2" aria-hidden="true">A</span>'
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("*waves* Hello _you_", "waves Hello you"),
        ("Whole" + " x" * 90, "Whole" + " x" * 90),
        ("Whole" + " x" * 97 + " cu", "Whole" + " x" * 96 + " x…"),
    ],
)
def test_preview_has_no_marks_and_no_half_words(line, shown):
    assert preview(line) == shown
