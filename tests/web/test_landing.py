"""The front door and Discover."""

import pytest

from catalog.models import Project, Tag
from chats.services import start_chat
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db
PUBLIC = Project.Visibility.PUBLIC


def test_landing_shows_three_public_characters_to_a_guest(client, stranger):
    for name in ("Ada", "Bea", "Cy", "Dot"):
        CharacterFactory(owner=stranger, name=name, visibility=PUBLIC)
    CharacterFactory(owner=stranger, name="Hidden")

    response = client.get("/")

    assert [card.name for card in response.context["cards"]] == ["Ada", "Bea", "Cy"]
    assert b"Hidden" not in response.content


def test_landing_sends_a_member_on(browser):
    response = browser.get("/")

    assert (response.status_code, response["Location"]) == (302, "/app")


def test_discover_shows_own_and_public_but_not_private_or_unlisted_of_others(
    browser, owner, stranger
):
    CharacterFactory(owner=owner, name="Mine")
    CharacterFactory(owner=stranger, name="Shared", visibility=PUBLIC)
    CharacterFactory(owner=stranger, name="Secret")
    CharacterFactory(owner=stranger, name="By link", visibility=Project.Visibility.UNLISTED)

    response = browser.get("/app?sort=name")

    assert [card.name for card in response.context["cards"]] == ["Mine", "Shared"]


def test_discover_is_open_to_guests(client, stranger):
    CharacterFactory(owner=stranger, name="Shared", visibility=PUBLIC)
    CharacterFactory(owner=stranger, name="Secret")

    response = client.get("/app")

    assert [card.name for card in response.context["cards"]] == ["Shared"]
    assert b"Sign in" in response.content


def test_discover_searches_name_line_and_tag(browser, owner):
    CharacterFactory(owner=owner, name="Ada")
    CharacterFactory(owner=owner, name="Bea", tagline="Knows Ada well")
    tagged = CharacterFactory(owner=owner, name="Cy")
    tagged.tags.add(Tag.objects.create(name="adagio"))
    CharacterFactory(owner=owner, name="Dot")

    response = browser.get("/app?q=ada&sort=name")

    assert [card.name for card in response.context["cards"]] == ["Ada", "Bea", "Cy"]


def test_discover_filters_by_tag_and_says_so_when_none_match(browser, owner):
    tagged = CharacterFactory(owner=owner, name="Cy")
    tagged.tags.add(Tag.objects.create(name="noir"))
    CharacterFactory(owner=owner, name="Dot")

    assert [card.name for card in browser.get("/app?tag=Noir").context["cards"]] == ["Cy"]
    assert "Clear it" in browser.get("/app?q=zzz&tag=noir").content.decode()


def test_discover_sorts_by_chats(browser, owner):
    quiet = CharacterFactory(owner=owner, name="Quiet")
    busy = CharacterFactory(owner=owner, name="Busy")
    start_chat(user=owner, character=busy)

    cards = list(browser.get("/app?sort=chatted").context["cards"])

    assert cards == [busy, quiet]


def test_discover_answers_htmx_with_results_only(browser, owner):
    CharacterFactory(owner=owner, name="Ada")

    body = browser.get("/app?q=ada", headers={"hx-request": "true", "hx-target": "results"}).content

    assert b"Ada" in body
    assert b"<html" not in body


def test_discover_pages_by_24(browser, owner):
    for number in range(25):
        CharacterFactory(owner=owner, name=f"N{number:02}")

    first = browser.get("/app?sort=name")
    more = browser.get("/app?sort=name&page=2", headers={"hx-request": "true", "hx-target": "more"})

    assert len(first.context["cards"]) == 24
    assert b'id="more"' in first.content
    assert [card.name for card in more.context["cards"]] == ["N24"]


def test_adult_cards_are_veiled_until_wanted(browser, owner, stranger):
    CharacterFactory(
        owner=stranger, name="Late", tagline="After dark", nsfw=True, visibility=PUBLIC
    )

    veiled = browser.get("/app").content.decode()
    owner.preferences = {"adult": True}
    owner.save()
    shown = browser.get("/app").content.decode()

    assert "card-veiled" in veiled
    assert "After dark" not in veiled
    assert "card-veiled" not in shown
    assert "After dark" in shown


@pytest.mark.parametrize("count", [1, 3])
def test_discover_asks_as_much_for_three_as_for_one(
    count, browser, owner, django_assert_num_queries
):
    for _ in range(count):
        start_chat(user=owner, character=CharacterFactory(owner=owner))
    browser.get("/app")

    with django_assert_num_queries(9):
        browser.get("/app")
