"""The settings of one chat on its page: saved together, refused whole."""

import pytest

from characters.models import CharacterPreference, CharacterVersion
from chats import bindings, settings
from lore.services import create_lorebook
from personas.services import create_persona, lock

pytestmark = pytest.mark.django_db

FIELDS = {
    "persona": "",
    "note_text": "",
    "note_position": "1",
    "note_depth": "4",
    "note_interval": "1",
    "note_role": "0",
    "scenario_text": "",
    "custom_prompt": "",
    "character_number": "0",
    "model": "",
    "nsfw_intensity": "",
    "narration_style": "",
    "response_length": "",
}
NEW_NOTE = {"text": "Rain.", "position": 0, "depth": 2, "interval": 3, "role": 1}


@pytest.fixture
def path(chat):
    return f"/app/chats/{chat.uid}/settings"


@pytest.fixture
def ana(owner):
    return create_persona(owner=owner, name="Ana")


def held(chat):
    chat.refresh_from_db()
    return settings.held_by(chat)


def books_of(chat):
    return [book.name for book in bindings.bound(chat.user, "chat", chat.uid)]


def test_chat_page_leads_there_and_says_who_one_is(browser, chat, path, owner, ana):
    lock(user=owner, persona=ana, character_uid=chat.character.uid)

    body = browser.get(f"/app/chats/{chat.uid}").content.decode()

    assert f'href="{path}"' in body
    assert f'as <a href="{path}#you">Ana</a>' in body


def test_everything_is_saved_at_once(browser, chat, path, owner, ana, model):
    book = create_lorebook(owner=owner, name="Skies")
    CharacterVersion.objects.create(character=chat.character, number=1, card={})
    fields = {
        "persona": ana.uid,
        **{f"note_{name}": str(value) for name, value in NEW_NOTE.items()},
        "scenario_text": "A raft.\r\nAt sea.",
        "custom_prompt": "{{original}} Brief.",
        "character_number": "1",
        "lorebooks": [book.uid],
        "model": model.slug,
        "nsfw_intensity": "mild",
        "narration_style": "third_person",
        "response_length": "short",
    }

    response = browser.post(path, fields)

    wishes = CharacterPreference.objects.get(user=owner, character=chat.character)
    assert (response.status_code, response["Location"]) == (302, path)
    assert held(chat) == {
        "persona_id": ana.uid,
        "note": NEW_NOTE,
        "scenario_text": "A raft.\nAt sea.",
        "custom_prompt": "{{original}} Brief.",
        "character_number": 1,
    }
    assert books_of(chat) == ["Skies"]
    assert (wishes.model, wishes.nsfw_intensity) == (model, "mild")
    assert (wishes.narration_style, wishes.response_length) == ("third_person", "short")


def test_page_shows_what_is_held(browser, chat, path, owner, ana):
    settings.change(user=owner, chat_uid=chat.uid, persona=ana.uid, note=NEW_NOTE)

    form = browser.get(path).context["form"]

    assert form["persona"].value() == ana.uid
    assert [form[f"note_{name}"].value() for name in NEW_NOTE] == list(NEW_NOTE.values())


def test_form_that_was_not_touched_changes_nothing(browser, chat, path):
    before = held(chat)
    shown = {**FIELDS, "character_number": chat.character_number}

    assert browser.post(path, shown).status_code == 302

    assert (held(chat), CharacterPreference.objects.count()) == (before, 0)


def test_number_left_empty_is_the_usual_one(browser, chat, path):
    browser.post(path, {**FIELDS, "note_text": "Rain.", "note_depth": "", "note_interval": ""})

    chat.refresh_from_db()
    assert (chat.note["text"], chat.note["depth"], chat.note["interval"]) == ("Rain.", 4, 1)


def test_model_that_went_away_stays_chosen(browser, chat, path, owner, model):
    CharacterPreference.objects.create(user=owner, character=chat.character, model=model)
    model.enabled = False
    model.save()

    response = browser.post(path, {**FIELDS, "model": model.slug, "response_length": "short"})

    wishes = CharacterPreference.objects.get()
    assert response.status_code == 302
    assert (wishes.model, wishes.response_length) == (model, "short")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"persona": "nobody"}, "persona"),
        ({"note_position": "3"}, "note_position"),
        ({"note_depth": "-1"}, "note_depth"),
        ({"note_interval": "often"}, "note_interval"),
        ({"note_text": "t" * 100_001}, "note_text"),
        ({"scenario_text": "t" * 100_001}, "scenario_text"),
        ({"character_number": "7"}, "character_number"),
        ({"lorebooks": ["nowhere"]}, "lorebooks"),
        ({"model": "no/such"}, "model"),
        ({"response_length": "endless"}, "response_length"),
    ],
)
def test_refused_form_keeps_its_text_and_changes_nothing(browser, chat, path, wrong, field):
    before = held(chat)

    response = browser.post(
        path, {**FIELDS, "custom_prompt": "Typed.", "nsfw_intensity": "mild", **wrong}
    )

    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert "Typed." in response.content.decode()
    assert (held(chat), books_of(chat)) == (before, [])
    assert CharacterPreference.objects.count() == 0


def test_moves_up_to_the_newest_version(browser, chat, path, owner):
    for number in (1, 2):
        CharacterVersion.objects.create(character=chat.character, number=number, card={})
    chat.character.number = 2
    chat.character.save()
    settings.change(user=owner, chat_uid=chat.uid, character_number=1)
    assert "Move up to the newest" in browser.get(path).content.decode()

    response = browser.post(f"/app/chats/{chat.uid}/newest")

    assert response["Location"] == path
    assert held(chat)["character_number"] == 2
    assert "Move up to the newest" not in browser.get(path).content.decode()


@pytest.mark.parametrize("page", ["settings", "newest"])
def test_strangers_find_nothing_and_change_nothing(page, elsewhere, chat):
    before = held(chat)

    response = elsewhere.post(f"/app/chats/{chat.uid}/{page}", {**FIELDS, "scenario_text": "Mine."})

    assert response.status_code == 404
    assert held(chat) == before


def test_guests_are_sent_to_sign_in(client, path):
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
