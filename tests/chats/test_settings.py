"""The settings of one chat: changed one by one, refused whole, and copied by a branch."""

from datetime import timedelta

import pytest
from django.utils import timezone

from characters.models import CharacterVersion
from chats import bindings, services, settings
from chats.models import Message
from core.errors import Invalid, NotFound
from engine.parts import Note
from lore.models import Binding
from lore.services import create_lorebook
from personas.services import create_persona, delete_persona
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna):
    return services.start_chat(user=owner, character=luna)


@pytest.fixture
def ana(owner):
    return create_persona(owner=owner, name="Ana")


def change(chat, **given):
    return settings.change(user=chat.user, chat_uid=chat.uid, **given)


def held(chat):
    chat.refresh_from_db()
    return settings.held_by(chat)


def books_of(chat):
    return [book.name for book in bindings.bound(chat.user, "chat", chat.uid)]


def test_persona_is_chosen_and_taken_away(chat, ana):
    change(chat, persona=ana.uid)
    assert held(chat)["persona_id"] == ana.uid

    change(chat, persona="")
    assert held(chat)["persona_id"] is None


def test_deleted_persona_is_worn_no_longer(chat, ana):
    change(chat, persona=ana.uid)

    delete_persona(persona=ana)

    assert held(chat)["persona_id"] is None


def test_note_changes_field_by_field(chat):
    change(chat, note={"text": "Rain.\x00", "depth": 0, "role": 2})
    change(chat, note={"interval": 3, "position": 2})

    chat.refresh_from_db()
    assert chat.note == {"text": "Rain.", "position": 2, "depth": 0, "interval": 3, "role": 2}
    assert settings.note_of(chat) == Note(text="Rain.", position=2, depth=0, interval=3, role=2)


@pytest.mark.parametrize("stored", [{}, {"depth": "deep"}, {"text": 1}, {"made_up": 1}])
def test_note_that_makes_no_sense_is_the_usual_one(chat, stored):
    chat.note = stored

    assert settings.note_of(chat) == Note()


def test_texts_are_cleaned(chat):
    change(chat, custom_prompt="{{original}}\x00 Brief.", scenario_text="A raft.")

    assert held(chat)["custom_prompt"] == "{{original}} Brief."
    assert held(chat)["scenario_text"] == "A raft."


def test_version_is_held_and_followed_again(chat):
    CharacterVersion.objects.create(character=chat.character, number=2, card={})

    change(chat, character_number=2)
    assert held(chat)["character_number"] == 2

    change(chat, character_number=0)
    assert held(chat)["character_number"] == 0


def test_lorebooks_are_exactly_those_named(chat, owner, stranger):
    skies, ships = (create_lorebook(owner=owner, name=name) for name in ("Skies", "Ships"))
    public = create_lorebook(owner=stranger, name="Seas", visibility="public")

    change(chat, lorebooks=[skies.uid, public.uid, skies.uid])
    assert books_of(chat) == ["Skies", "Seas"]

    change(chat, lorebooks=[ships.uid])
    assert books_of(chat) == ["Ships"]

    change(chat, scenario_text="A raft.")
    assert books_of(chat) == ["Ships"]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"note": {"depth": -1}}, "note_depth"),
        ({"note": {"depth": 10_001}}, "note_depth"),
        ({"note": {"interval": True}}, "note_interval"),
        ({"note": {"position": 3}}, "note_position"),
        ({"note": {"role": "1"}}, "note_role"),
        ({"note": {"text": "t" * 100_001}}, "note_text"),
        ({"note": {"made_up": 1}}, "note"),
        ({"custom_prompt": "t" * 100_001}, "custom_prompt"),
        ({"character_number": 7}, "character_number"),
        ({"character_number": -1}, "character_number"),
        ({"title": "x"}, "title"),
        ({"lorebooks": [str(number) for number in range(101)]}, "lorebooks"),
    ],
)
def test_refused_setting_changes_nothing(chat, ana, given, param):
    before = held(chat)

    with pytest.raises(Invalid) as raised:
        change(chat, persona=ana.uid, scenario_text="A raft.", **given)

    assert raised.value.param == param
    assert (held(chat), books_of(chat)) == (before, [])


def test_what_belongs_to_others_is_not_found(chat, stranger):
    theirs = create_persona(owner=stranger, name="Ana")
    private = create_lorebook(owner=stranger, name="Seas")
    before = held(chat)

    for given, code in (
        ({"persona": theirs.uid}, "persona_not_found"),
        ({"lorebooks": [private.uid]}, "lorebook_not_found"),
    ):
        with pytest.raises(NotFound) as raised:
            change(chat, scenario_text="A raft.", **given)
        assert raised.value.code == code
    assert (held(chat), books_of(chat)) == (before, [])


def test_chats_of_others_and_from_the_trash_are_not_found(chat, owner, stranger):
    with pytest.raises(NotFound):
        settings.change(user=stranger, chat_uid=chat.uid, scenario_text="Mine.")
    services.trash_chat(user=owner, chat_uid=chat.uid)
    with pytest.raises(NotFound):
        change(chat, scenario_text="A raft.")

    assert held(chat)["scenario_text"] == ""


def test_settings_change_while_a_reply_is_written(chat, ana):
    chat.turn, chat.lease_expires_at = "t" * 24, timezone.now() + timedelta(seconds=30)
    chat.save()

    change(chat, persona=ana.uid, note={"text": "Rain."})

    assert held(chat)["persona_id"] == ana.uid
    assert (chat.turn, chat.note["text"]) == ("t" * 24, "Rain.")


def test_branch_takes_the_settings_along(chat, owner, ana):
    book = create_lorebook(owner=owner, name="Skies")
    CharacterVersion.objects.create(character=chat.character, number=2, card={})
    change(
        chat,
        persona=ana.uid,
        note={"text": "Rain."},
        custom_prompt="Brief.",
        scenario_text="A raft.",
        character_number=2,
        lorebooks=[book.uid],
    )

    greeting = Message.objects.get(chat=chat)
    branch = services.fork_chat(user=owner, message_uid=greeting.uid)

    assert held(branch) == held(chat)
    assert (books_of(branch), books_of(chat)) == (["Skies"], ["Skies"])


def test_choices_are_ones_own_and_what_is_bound_here(owner, stranger):
    chat = ChatFactory(user=owner)
    create_lorebook(owner=owner, name="ships")
    create_lorebook(owner=owner, name="Skies")
    public = create_lorebook(owner=stranger, name="Seas", visibility="public")
    change(chat, lorebooks=[public.uid])

    def names(target):
        return [book.name for book in bindings.choices(owner, Binding.Scope.CHAT, target)]

    assert names(chat.uid) == ["Seas", "ships", "Skies"]
    assert names("") == ["ships", "Skies"]


def test_book_that_was_made_private_applies_no_longer(owner, stranger):
    chat = ChatFactory(user=owner)
    public = create_lorebook(owner=stranger, name="Seas", visibility="public")
    change(chat, lorebooks=[public.uid])

    public.visibility = "private"
    public.save()

    assert books_of(chat) == []
