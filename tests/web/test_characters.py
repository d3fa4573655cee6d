"""Characters: pages, editor, scenarios, trash; and cards from files."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.models import Project
from characters.models import CardOriginal, Character, Scenario
from chats.models import Chat
from tests.factories import CharacterFactory, ScenarioFactory

pytestmark = pytest.mark.django_db

FIELDS = {
    "name": "Ada",
    "tagline": "Counts the stars",
    "tags": "maths, Night , maths",
    "visibility": "public",
    "description": "line one\r\nline two",
    "personality": "patient",
    "greeting": ["Hello.", "", "Good evening."],
    "system_prompt": "{{original}} Be brief.",
}
CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {"name": "Ada", "first_mes": "Hi.", "alternate_greetings": ["Yo."], "tags": ["maths"]},
}


def card_file(name="ada.json", data=None):
    content = json.dumps(CARD).encode() if data is None else data
    return SimpleUploadedFile(name, content, content_type="application/json")


def test_creating_saves_every_field(browser, owner):
    response = browser.post("/app/characters/new", FIELDS)

    ada = Character.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/app/characters/{ada.uid}")
    assert (ada.owner, ada.name, ada.tagline, ada.visibility) == (
        owner,
        "Ada",
        "Counts the stars",
        "public",
    )
    assert ada.description == "line one\nline two"
    assert (ada.first_mes, ada.alternate_greetings) == ("Hello.", ["Good evening."])
    assert ada.system_prompt == "{{original}} Be brief."
    assert [tag.name for tag in ada.tags.all()] == ["maths", "night"]


def test_refused_form_keeps_its_text_and_makes_nothing(browser):
    response = browser.post("/app/characters/new", {**FIELDS, "name": ""})
    body = response.content.decode()

    assert response.status_code == 400
    assert Character.objects.count() == 0
    assert "Your text is still here" in body
    assert "line one\nline two" in body.replace("\r", "")
    assert "Good evening." in body


def test_editing_changes_the_character(browser, owner):
    ada = CharacterFactory(owner=owner, name="Ada")

    browser.post(f"/app/characters/{ada.uid}/edit", {**FIELDS, "name": "Ada L."})

    ada.refresh_from_db()
    assert (ada.name, ada.personality) == ("Ada L.", "patient")


def test_editor_shows_what_is_there(browser, owner):
    ada = CharacterFactory(
        owner=owner, name="Ada", first_mes="Hello.", alternate_greetings=["Good evening."]
    )

    body = browser.get(f"/app/characters/{ada.uid}/edit").content.decode()

    assert body.count('name="greeting"') == 3
    assert "A lighthouse keeper who collects stories." in body


def test_broken_portrait_is_refused_on_its_field_and_changes_nothing(browser, owner):
    ada = CharacterFactory(owner=owner, name="Ada")
    portrait = SimpleUploadedFile("x.png", b"not a picture", content_type="image/png")

    response = browser.post(
        f"/app/characters/{ada.uid}/edit", {**FIELDS, "name": "Changed", "portrait": portrait}
    )

    ada.refresh_from_db()
    assert response.status_code == 400
    assert list(response.context["form"].errors) == ["portrait"]
    assert ada.name == "Ada"


@pytest.mark.parametrize("path", ["edit", "trash", "scenarios"])
def test_stranger_cannot_change_even_a_public_character(path, elsewhere, owner):
    ada = CharacterFactory(owner=owner, name="Ada", visibility=Project.Visibility.PUBLIC)

    response = elsewhere.post(f"/app/characters/{ada.uid}/{path}", {**FIELDS, "new-title": "X"})

    ada.refresh_from_db()
    assert response.status_code == 404
    assert (ada.name, ada.trashed_at, ada.scenarios.count()) == ("Ada", None, 0)


def test_private_character_is_not_found_by_others(elsewhere, client, owner):
    ada = CharacterFactory(owner=owner)

    assert elsewhere.get(f"/app/characters/{ada.uid}").status_code == 404
    assert client.get(f"/app/characters/{ada.uid}").status_code == 404


def test_public_character_can_be_read_by_a_guest(client, owner):
    ada = CharacterFactory(owner=owner, name="Ada", visibility=Project.Visibility.PUBLIC)

    body = client.get(f"/app/characters/{ada.uid}").content.decode()

    assert "Sign in to chat" in body
    assert "Edit" not in body


def test_page_speaks_with_the_two_names(browser, owner):
    ada = CharacterFactory(
        owner=owner, name="Ada", description="{{char}} likes {{user}}.", first_mes="Hi, {{user}}!"
    )

    body = browser.get(f"/app/characters/{ada.uid}").content.decode()

    assert "Ada likes owner." in body
    assert "Hi, owner!" in body


def test_page_draws_hostile_text_as_text(browser, owner):
    ada = CharacterFactory(
        owner=owner, name="<script>x</script>", description="<img src=x onerror=alert(1)>"
    )

    body = browser.get(f"/app/characters/{ada.uid}").content.decode()

    assert "<script>x" not in body
    assert "<img src=x" not in body


def test_trash_and_undo(browser, owner):
    ada = CharacterFactory(owner=owner, name="Ada")

    gone = browser.post(f"/app/characters/{ada.uid}/trash", follow=True).content.decode()
    assert "Ada is in the trash." in gone
    assert f'action="/app/characters/{ada.uid}/restore"' in gone
    assert browser.get(f"/app/characters/{ada.uid}").status_code == 404

    browser.post(f"/app/characters/{ada.uid}/restore")
    assert browser.get(f"/app/characters/{ada.uid}").status_code == 200


def test_stranger_cannot_restore(elsewhere, browser, owner):
    ada = CharacterFactory(owner=owner)
    browser.post(f"/app/characters/{ada.uid}/trash")

    assert elsewhere.post(f"/app/characters/{ada.uid}/restore").status_code == 404


def test_scenario_is_added_changed_and_deleted(browser, owner):
    ada = CharacterFactory(owner=owner)

    browser.post(
        f"/app/characters/{ada.uid}/scenarios", {"new-title": "Rain", "new-context": "Wet."}
    )
    rain = Scenario.objects.get()
    assert (rain.title, rain.context, rain.character_id) == ("Rain", "Wet.", ada.pk)

    browser.post(f"/app/scenarios/{rain.uid}", {f"{rain.uid}-title": "Snow"})
    rain.refresh_from_db()
    assert (rain.title, rain.context) == ("Snow", "")

    browser.post(f"/app/scenarios/{rain.uid}", {"delete": "1"})
    assert Scenario.objects.count() == 0


def test_refused_scenario_keeps_its_text(browser, owner):
    rain = ScenarioFactory(character__owner=owner, title="Rain")

    response = browser.post(
        f"/app/scenarios/{rain.uid}", {f"{rain.uid}-title": "", f"{rain.uid}-context": "Typed."}
    )

    rain.refresh_from_db()
    assert response.status_code == 400
    assert "Typed." in response.content.decode()
    assert rain.title == "Rain"


def test_stranger_cannot_touch_a_scenario(elsewhere, owner):
    rain = ScenarioFactory(character__owner=owner, title="Rain")

    assert elsewhere.post(f"/app/scenarios/{rain.uid}", {"delete": "1"}).status_code == 404
    assert Scenario.objects.count() == 1


def test_tokens_are_counted_per_field(browser):
    counts = browser.post("/app/characters/tokens", {"description": "one two three"}).json()

    assert counts["description"] == counts["total"] == 3
    assert counts["personality"] == 0


def test_chat_begins_with_the_scenario(browser, owner):
    rain = ScenarioFactory(character__owner=owner, greeting="It pours.")

    response = browser.post(f"/app/characters/{rain.character.uid}/chat", {"scenario": rain.uid})

    chat = Chat.objects.get()
    assert response["Location"] == f"/app/chats/{chat.uid}"
    assert (chat.scenario, chat.messages.get(active=True).content) == (rain, "It pours.")


def test_chat_with_a_private_character_of_somebody_else_is_refused(elsewhere, owner):
    ada = CharacterFactory(owner=owner)

    assert elsewhere.post(f"/app/characters/{ada.uid}/chat").status_code == 404
    assert Chat.objects.count() == 0


def test_scenario_of_another_character_is_refused(browser, owner):
    ada = CharacterFactory(owner=owner)
    rain = ScenarioFactory(character__owner=owner)

    response = browser.post(f"/app/characters/{ada.uid}/chat", {"scenario": rain.uid})

    assert response.status_code == 404
    assert Chat.objects.count() == 0


def test_import_makes_a_character_of_each_file_and_reports(browser, owner):
    response = browser.post(
        "/app/characters/import", {"cards": [card_file(), card_file("broken.json", b"{")]}
    )
    good, bad = response.context["reports"]

    ada = Character.objects.get()
    assert (ada.owner, ada.name, ada.alternate_greetings) == (owner, "Ada", ["Yo."])
    assert CardOriginal.objects.get().filename == "ada.json"
    assert (good.character, good.facts[0]) == (ada, "2 greetings")
    assert (bad.filename, bad.character) == ("broken.json", None)
    assert bad.error


def test_import_without_a_file_says_so(browser):
    response = browser.post("/app/characters/import", {})

    assert response.status_code == 400
    assert "Choose at least one" in response.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_own_list_asks_as_much_for_three_as_for_one(
    count, browser, owner, django_assert_num_queries
):
    CharacterFactory.create_batch(count, owner=owner)
    browser.get("/app/characters")

    with django_assert_num_queries(7):
        browser.get("/app/characters")


def test_empty_list_offers_two_ways(browser):
    body = browser.get("/app/characters").content.decode()

    assert "Make one" in body
    assert "Import a card" in body
