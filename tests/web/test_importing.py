"""The page where cards come in, and its report."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from characters import cards
from characters.models import CardOriginal, Character
from core.errors import Invalid
from tests.characters.build import V2, as_json, in_png, v2
from tests.characters.containers import v3, zipped
from web.views import importing

pytestmark = pytest.mark.django_db
PAGE = "/app/characters/import"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def hub(monkeypatch):
    """Files behind addresses; anything else cannot be reached."""
    found: dict[str, bytes] = {}

    def fetch(url):
        if url not in found:
            raise Invalid("That address cannot be reached.", param="url")
        return url.rpartition("/")[2], found[url]

    monkeypatch.setattr(importing, "fetch_card_file", fetch)
    return found


def upload(name, data):
    return SimpleUploadedFile(name, data)


def test_page_says_what_may_come(browser):
    page = browser.get(PAGE).content.decode()

    for word in (".charx", ".webp", ".byaf", ".yaml", "24 MB", "64 MB", 'name="urls"'):
        assert word in page


def test_every_kind_is_read_and_each_has_its_report(browser, owner):
    charx = zipped({"card.json": v3(name="Cy"), "assets/a.bin": b"a", "theirs.bin": b"t"})
    files = [
        upload("ada.json", as_json(v2(tags="a, b"))),
        upload("bo.png", in_png(v2(name="Bo"))),
        upload("cy.charx", charx),
        upload("empty.png", b""),
    ]

    response = browser.post(PAGE, {"cards": files})

    ada, bo, cy, empty = response.context["reports"]
    assert [one.character.name for one in (ada, bo, cy)] == ["Ada", "Bo", "Cy"]
    assert [told.kind for told in ada.notes] == ["read", "repaired"]
    assert [told.kind for told in cy.notes] == ["read", "ignored"]
    assert (empty.character, empty.error) == (None, "The file is empty.")
    page = response.content.decode()
    assert f'href="/app/characters/{cy.character.uid}"' in page
    assert "Kept unread from the archive: `theirs.bin`." in page
    assert Character.objects.filter(owner=owner).count() == 3


@pytest.mark.parametrize(
    ("data", "link"),
    [
        (as_json({"entries": {}}), "/app/lorebooks/import"),
        (in_png({"name": "I"}, "persona"), "/app/personas/import"),
    ],
    ids=["lorebook", "persona"],
)
def test_files_of_other_kinds_are_shown_their_way(browser, data, link):
    response = browser.post(PAGE, {"cards": [upload("x", data)]})

    assert f'<a href="{link}">Import it as' in response.content.decode()
    assert Character.objects.count() == 0


def test_namesake_is_never_replaced_and_that_is_said(browser):
    browser.post(PAGE, {"cards": [upload("ada.json", as_json(V2))]})

    response = browser.post(PAGE, {"cards": [upload("ada.json", as_json(V2))]})

    assert "You imported this very file before" in response.content.decode()
    assert Character.objects.count() == 2


def test_addresses_are_fetched_each_once(browser, hub):
    hub["https://cards.example/ada.png"] = in_png()
    text = "https://cards.example/ada.png\nhttps://cards.example/ada.png http://10.0.0.1/"

    good, bad = browser.post(PAGE, {"urls": text}).context["reports"]

    assert (good.filename, good.character.name) == ("https://cards.example/ada.png", "Ada")
    assert CardOriginal.objects.get().filename == "ada.png"
    assert (bad.character, bad.error) == (None, "That address cannot be reached.")


def test_address_inside_the_house_is_refused(browser):
    (report,) = browser.post(PAGE, {"urls": "http://127.0.0.1:1/"}).context["reports"]

    assert report.error == "That address cannot be reached."


def test_too_many_are_left_out_and_that_is_said(browser, hub):
    urls = "\n".join(f"https://cards.example/{n}" for n in range(importing.MOST_ADDRESSES + 2))

    response = browser.post(PAGE, {"urls": urls})

    assert len(response.context["reports"]) == importing.MOST_ADDRESSES
    assert "2 more left out" in response.content.decode()


def test_many_notes_of_a_kind_are_counted():
    (told,) = importing._told([cards.Note("repaired", str(n)) for n in range(23)])

    assert (len(told.lines), told.more) == (importing.NOTES_SHOWN, 3)


def test_nothing_chosen_is_said(browser):
    response = browser.post(PAGE, {"urls": "  "})

    assert response.status_code == 400
    assert "Choose at least one file, or give an address." in response.content.decode()
