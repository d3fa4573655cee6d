"""Personas: the list, the page of one, files in and out, and with whom each is worn."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.models import Project
from core.pictures import avatar_path
from lore.models import Binding
from lore.services import bind, create_lorebook
from personas.models import Persona, PersonaLock
from personas.queries import locked_to
from personas.services import create_persona, lock
from tests.characters.build import picture
from tests.factories import CharacterFactory, ChatFactory

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "Ana",
    "title": "at work",
    "description": "line one\r\nline two",
    "position": "4",
    "depth": "3",
    "role": "1",
}
BACKUP = {
    "personas": {"a.png": "Ana"},
    "persona_descriptions": {"a.png": {"description": "A pilot.", "lorebook": "Skies"}},
}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def ana(owner):
    return create_persona(owner=owner, name="Ana", description="A pilot.")


def uploaded(name, data):
    return SimpleUploadedFile(name, data, content_type="application/octet-stream")


def test_empty_list_says_who_one_is_and_offers_two_ways(browser):
    body = browser.get("/app/personas").content.decode()

    assert "You are “owner” until you make one." in body
    assert 'href="/app/personas/new"' in body
    assert 'href="/app/personas/import"' in body


def test_list_shows_ones_own_the_default_first(browser, owner, stranger, ana):
    usual = create_persona(owner=owner, name="Zoe", is_default=True)
    create_persona(owner=stranger, name="Theirs")
    ChatFactory(user=owner, persona=ana)

    response = browser.get("/app/personas")

    assert list(response.context["personas"]) == [usual, ana]
    assert "3 tokens · chosen in 1 chat<" in response.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(count, browser, owner, django_assert_num_queries):
    for _ in range(count):
        create_persona(owner=owner, name="Ana")
    browser.get("/app/personas")

    with django_assert_num_queries(6):
        browser.get("/app/personas")


def test_creating_saves_every_field(browser, owner):
    book = create_lorebook(owner=owner, name="Skies")
    fields = {**FIELDS, "is_default": "on", "lorebooks": [book.uid]}

    response = browser.post(
        "/app/personas/new", {**fields, "picture": uploaded("a.png", picture((40, 60)))}
    )

    ana = Persona.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/app/personas")
    assert (ana.owner, ana.name, ana.title) == (owner, "Ana", "at work")
    assert ana.description == "line one\nline two"
    assert (ana.position, ana.depth, ana.role, ana.is_default) == (4, 3, 1, True)
    assert avatar_path(f"{ana.avatar}.webp").is_file()
    bound = Binding.objects.get()
    assert (bound.lorebook, bound.scope, bound.target) == (book, "persona", ana.uid)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"position": "5"}, "position"),
        ({"depth": "-1"}, "depth"),
        ({"role": "7"}, "role"),
        ({"lorebooks": ["nowhere"]}, "lorebooks"),
        ({"description": "d" * 100_001}, "description"),
    ],
)
def test_refused_form_keeps_its_text_and_changes_nothing(browser, ana, wrong, field):
    fields = {**FIELDS, "name": "Changed", "title": "kept", **wrong}

    made = browser.post("/app/personas/new", fields)
    edited = browser.post(f"/app/personas/{ana.uid}", fields)

    ana.refresh_from_db()
    assert (made.status_code, edited.status_code) == (400, 400)
    assert list(made.context["form"].errors) == list(edited.context["form"].errors) == [field]
    assert "Your text is still here" in edited.content.decode()
    assert 'value="kept"' in edited.content.decode()
    assert (Persona.objects.count(), ana.name, ana.title) == (1, "Ana", "")


def test_broken_picture_is_refused_on_its_field_and_changes_nothing(browser, ana):
    broken = uploaded("x.png", b"not a picture")

    response = browser.post(f"/app/personas/{ana.uid}", {**FIELDS, "name": "X", "picture": broken})

    ana.refresh_from_db()
    assert response.status_code == 400
    assert list(response.context["form"].errors) == ["picture"]
    assert (ana.name, ana.avatar) == ("Ana", "")


def test_editing_changes_and_unbinds(browser, owner, ana):
    book = create_lorebook(owner=owner, name="Skies")
    bind(user=owner, lorebook=book, scope="persona", target=ana.uid)
    shown = browser.get(f"/app/personas/{ana.uid}").content.decode()

    response = browser.post(f"/app/personas/{ana.uid}", {**FIELDS, "name": "Ana B", "depth": ""})

    ana.refresh_from_db()
    assert "A pilot." in shown
    assert f'value="{book.uid}" id="id_lorebooks_0" checked' in shown
    assert response["Location"] == f"/app/personas/{ana.uid}"
    assert (ana.name, ana.title, ana.depth) == ("Ana B", "at work", 2)
    assert Binding.objects.count() == 0


def test_picture_can_be_taken_away(browser, owner):
    ana = create_persona(owner=owner, name="Ana", picture=picture())

    browser.post(f"/app/personas/{ana.uid}", {**FIELDS, "no_picture": "on"})

    ana.refresh_from_db()
    assert ana.avatar == ""


def test_default_is_given_and_taken_by_the_form(browser, ana):
    browser.post(f"/app/personas/{ana.uid}", {**FIELDS, "is_default": "on"})
    ana.refresh_from_db()
    assert ana.is_default

    browser.post(f"/app/personas/{ana.uid}", FIELDS)
    ana.refresh_from_db()
    assert not ana.is_default


def test_delete_takes_its_lore_along_and_leaves_the_chats(browser, owner, ana):
    chat = ChatFactory(user=owner, persona=ana)
    book = create_lorebook(owner=owner, name="Skies")
    bind(user=owner, lorebook=book, scope="persona", target=ana.uid)

    response = browser.post(f"/app/personas/{ana.uid}/delete")

    chat.refresh_from_db()
    assert response["Location"] == "/app/personas"
    assert (Persona.objects.count(), Binding.objects.count()) == (0, 0)
    assert chat.persona is None


def test_tokens_are_counted(browser):
    counts = browser.post("/app/personas/tokens", {"description": "one two three"}).json()

    assert counts == {"description": 3}


def test_worn_with_a_character_from_its_page(browser, owner, ana):
    luna = CharacterFactory(owner=owner, name="Luna")
    path = f"/app/personas/{ana.uid}/wear"

    response = browser.post(path, {"character": luna.uid})
    page = browser.get(f"/app/personas/{ana.uid}")
    assert response["Location"] == f"/app/personas/{ana.uid}#worn"
    assert locked_to(owner, luna.uid) == ana
    assert (page.context["worn_with"], page.context["others"]) == ([luna], [])

    browser.post(path, {"off": luna.uid})
    assert locked_to(owner, luna.uid) is None


def test_taking_off_leaves_another_persona_on(browser, owner, ana, luna):
    bo = create_persona(owner=owner, name="Bo")
    lock(user=owner, persona=bo, character_uid=luna.uid)

    browser.post(f"/app/personas/{ana.uid}/wear", {"off": luna.uid})

    assert locked_to(owner, luna.uid) == bo


def test_worn_from_the_page_of_a_character(browser, owner, ana, luna):
    assert "As usual: owner" in browser.get(f"/app/characters/{luna.uid}").content.decode()

    browser.post(f"/app/characters/{luna.uid}/persona", {"persona": ana.uid})
    assert locked_to(owner, luna.uid) == ana
    assert browser.get(f"/app/characters/{luna.uid}").context["locked"] == ana.uid

    browser.post(f"/app/characters/{luna.uid}/persona", {"persona": ""})
    assert locked_to(owner, luna.uid) is None


def test_page_of_a_character_asks_nothing_of_people_without_personas(browser, client, owner):
    luna = CharacterFactory(owner=owner, visibility=Project.Visibility.PUBLIC)

    for one in (browser, client):
        assert "You, here" not in one.get(f"/app/characters/{luna.uid}").content.decode()


def test_unknown_persona_or_character_locks_nothing(browser, stranger, ana, luna):
    theirs = create_persona(owner=stranger, name="Theirs")
    hidden = CharacterFactory(owner=stranger)

    answers = [
        browser.post(f"/app/characters/{luna.uid}/persona", {"persona": theirs.uid}),
        browser.post(f"/app/characters/{hidden.uid}/persona", {"persona": ana.uid}),
        browser.post(f"/app/personas/{ana.uid}/wear", {"character": hidden.uid}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert PersonaLock.objects.count() == 0


@pytest.mark.parametrize("path", ["", "/delete", "/wear"])
def test_strangers_find_nothing_and_change_nothing(path, elsewhere, ana, luna):
    answer = elsewhere.post(f"/app/personas/{ana.uid}{path}", {**FIELDS, "character": luna.uid})

    ana.refresh_from_db()
    assert answer.status_code == 404
    assert (ana.title, PersonaLock.objects.count()) == ("", 0)
    assert elsewhere.get(f"/app/personas/{ana.uid}").status_code == 404


def test_guests_are_sent_to_sign_in(client, ana):
    assert client.get("/app/personas")["Location"] == "/accounts/login/?next=/app/personas"
    assert client.post(f"/app/personas/{ana.uid}/delete").status_code == 302
    assert Persona.objects.count() == 1


def test_import_reports_each_file(browser, owner):
    good = uploaded("b.json", json.dumps(BACKUP).encode())
    bad = uploaded("x.json", b"{}")

    response = browser.post("/app/personas/import", {"backups": [good, bad]})
    body = response.content.decode()

    ana = Persona.objects.get()
    assert (ana.owner, ana.name, ana.description) == (owner, "Ana", "A pilot.")
    assert "1 new persona " in body
    assert "Ana goes with the lorebook “Skies”" in body
    assert "This JSON file holds no personas." in body


def test_import_without_a_file_says_so(browser):
    response = browser.post("/app/personas/import", {})

    assert response.status_code == 400
    assert "Choose at least one" in response.content.decode()


def test_export_is_a_file_with_ones_own_personas(browser, owner, stranger, ana):
    book = create_lorebook(owner=owner, name="Seas")
    bind(user=owner, lorebook=book, scope="persona", target=ana.uid)
    create_persona(owner=stranger, name="Theirs")

    response = browser.get("/app/personas/export")

    written = json.loads(response.content)
    assert response["Content-Disposition"] == 'attachment; filename="personas.json"'
    assert list(written["personas"].values()) == ["Ana"]
    assert written["persona_descriptions"][f"{ana.uid}.png"]["lorebook"] == "Seas"


def test_hostile_names_are_drawn_as_text(browser, owner):
    create_persona(owner=owner, name="<script>x</script>", description="<img src=x>")

    body = browser.get("/app/personas").content.decode()

    assert "<script>x" not in body
    assert "<img src=x" not in body
