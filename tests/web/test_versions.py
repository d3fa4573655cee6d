"""The pages of a character's versions."""

import pytest

from characters import services
from chats.models import Chat
from chats.services import start_chat
from tests.characters.build import as_json, v2

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def ada(owner):
    """With two versions, and a chat that holds to the first."""
    character = services.import_card(owner=owner, data=as_json(v2()))
    start_chat(user=owner, character=character)
    services.update_character(
        character=character, description="Counts <stars>.\nSlowly.", alternate_greetings=[]
    )
    return character


def test_list_says_what_changed_and_which_chats_hold(browser, ada):
    response = browser.get(f"/app/characters/{ada.uid}/versions")

    newest, first = response.context["rows"]
    assert (newest["is_current"], newest["changed"]) == (True, ["Description", "Other greetings"])
    assert (first["is_current"], first["before"], first["chats"]) == (False, None, 1)
    page = response.content.decode()
    assert "1 of your chats holds to it" in page
    assert page.count("Restore this version") == 1


def test_chats_of_others_are_not_counted(browser, ada, stranger):
    Chat.objects.update(user=stranger)

    rows = browser.get(f"/app/characters/{ada.uid}/versions").context["rows"]

    assert [row["chats"] for row in rows] == [0, 0]


def test_pages_of_the_character_lead_to_its_versions(browser, ada):
    for page in (f"/app/characters/{ada.uid}", f"/app/characters/{ada.uid}/edit"):
        assert f'href="/app/characters/{ada.uid}/versions"' in browser.get(page).content.decode()


def test_compare_shows_fields_line_by_line(browser, ada):
    response = browser.get(f"/app/characters/{ada.uid}/versions/compare?older=1&newer=2")

    page = response.content.decode()
    assert [change.name for change in response.context["changes"]] == [
        "description",
        "alternate_greetings",
    ]
    assert "<del>Counts things.</del>" in page
    assert "<ins>Counts &lt;stars&gt;.</ins>" in page


def test_compare_of_equal_versions_says_so(browser, ada):
    page = browser.get(f"/app/characters/{ada.uid}/versions/compare?older=2&newer=2")

    assert "Both versions say the same." in page.content.decode()


@pytest.mark.parametrize("query", ["", "?older=1", "?older=1&newer=9", "?older=a&newer=²"])
def test_compare_of_no_version_is_not_found(browser, ada, query):
    response = browser.get(f"/app/characters/{ada.uid}/versions/compare{query}")

    assert response.status_code == 404


def test_restore_makes_a_new_version(browser, ada):
    response = browser.post(f"/app/characters/{ada.uid}/versions/1/restore", follow=True)

    ada.refresh_from_db()
    assert (ada.number, ada.description) == (3, "Counts things.")
    assert "That is version 3." in response.content.decode()
    assert Chat.objects.get().character_number == 1


@pytest.mark.parametrize(("number", "status"), [(2, 400), (9, 404), (10**30, 404)])
def test_restore_is_refused(browser, ada, number, status):
    response = browser.post(f"/app/characters/{ada.uid}/versions/{number}/restore")

    ada.refresh_from_db()
    assert (response.status_code, ada.number) == (status, 2)


@pytest.mark.parametrize("end", ["", "/compare?older=1&newer=2"])
def test_stranger_finds_nothing_even_of_a_public_character(elsewhere, ada, end):
    services.update_character(character=ada, visibility="public")

    assert elsewhere.get(f"/app/characters/{ada.uid}/versions{end}").status_code == 404


def test_stranger_restores_nothing(elsewhere, ada):
    response = elsewhere.post(f"/app/characters/{ada.uid}/versions/1/restore")

    ada.refresh_from_db()
    assert (response.status_code, ada.number) == (404, 2)


def test_restore_needs_a_post(browser, ada):
    assert browser.get(f"/app/characters/{ada.uid}/versions/1/restore").status_code == 405


@pytest.mark.parametrize("count", [1, 5])
def test_list_asks_as_much_for_many_as_for_few(browser, ada, count, django_assert_num_queries):
    for number in range(count):
        services.update_character(character=ada, description=f"{number}")

    browser.get("/app")  # a first visit has its own

    with django_assert_num_queries(10):
        browser.get(f"/app/characters/{ada.uid}/versions")
