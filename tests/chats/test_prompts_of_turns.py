"""What turns put into prompts: lore, notes, personas, macros; and what lasts along a branch."""

import orjson
import pytest

from characters.models import Scenario
from characters.services import import_card, update_character
from characters.spoken import spoken
from chats import services
from chats import settings as chat_settings
from chats.models import Chat, Message, Turn
from lore.services import bind, create_lorebook, trash_lorebook
from lore.values import Book, CharacterFilter, Entry, Position
from personas.services import create_persona, lock
from tests.chats.talking import closed, opened

pytestmark = pytest.mark.django_db


def sent(turn):
    """Everything that is sent, as (role, text)."""
    return [(message.role, message.content) for message in turn.generation.messages]


def system(turn):
    return turn.generation.messages[0].content


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def book(owner, *entries, name="World"):
    return create_lorebook(owner=owner, name=name, book=Book(name=name, entries=entries))


def entry(uid, key, content, **fields):
    return Entry(uid=uid, keys=(key,), content=content, **fields)


@pytest.mark.parametrize("scope", ["global", "character", "chat", "persona"])
def test_lorebook_speaks_where_it_is_bound(owner, chat, luna, scope):
    persona = create_persona(owner=owner, name="Ana", is_default=True)
    targets = {"global": "", "character": luna.uid, "chat": chat.uid, "persona": persona.uid}
    world = book(owner, entry(0, "lamp", "The lamp burns oil."))
    bind(user=owner, lorebook=world, scope=scope, target=targets[scope])

    assert "The lamp burns oil." in system(opened(owner, chat, "Is the lamp lit?"))


def test_lorebook_is_silent_elsewhere_and_from_the_trash(owner, friend, luna, chat):
    other = services.start_chat(user=owner, character=luna)
    world = book(owner, entry(0, "lamp", "The lamp burns oil."))
    bind(user=owner, lorebook=world, scope="chat", target=other.uid)
    bind(user=friend, lorebook=world, scope="global")
    assert "burns oil" not in str(sent(opened(owner, chat, "Is the lamp lit?")))

    trash_lorebook(lorebook=world)
    assert "burns oil" not in str(sent(opened(owner, other, "Is the lamp lit?")))


def test_strangers_private_lorebook_never_speaks(stranger, owner, chat):
    world = book(stranger, entry(0, "lamp", "A stranger's secret."))
    bind(user=owner, lorebook=world, scope="global")

    assert "secret" not in str(sent(opened(owner, chat, "Is the lamp lit?")))


def test_sticky_lore_follows_the_branch_it_was_called_on(owner, chat):
    world = book(owner, entry(0, "lamp", "The lamp burns oil.", sticky=10, scan_depth=1))
    bind(user=owner, lorebook=world, scope="global")
    plain = closed(opened(owner, chat, "Good evening."))
    closed(opened(owner, chat, "Is the lamp lit?"))

    later = opened(owner, chat, "And otherwise?")
    assert "The lamp burns oil." in system(later)
    closed(later)
    fork = services.fork_chat(user=owner, message_uid=plain.uid)
    assert "The lamp burns oil." not in system(opened(owner, fork, "And otherwise?"))


def test_another_version_starts_from_the_same_past(owner, chat, luna):
    update_character(character=luna, description="Visits: {{incvar::visits}}")
    services.touch(chat)
    chat.character_number = 0
    chat.save()
    first = closed(opened(owner, chat, "One."))
    assert first.state["variables"] == {"visits": "1"}

    again = opened(owner, chat, message=first.uid, kind=Turn.Kind.REGENERATE)

    assert "Visits: 1" in system(again)
    assert "Visits: 2" in system(opened_after(owner, chat, again))


def opened_after(owner, chat, turn):
    closed(turn)
    return opened(owner, chat, "Two.")


def test_no_card_reads_what_another_chat_holds(owner, luna, chat):
    update_character(
        character=luna,
        description="{{setglobalvar::secret::sesame}}",
        post_history_instructions="[{{getglobalvar::secret}}]",
    )
    chat.character_number = 0
    chat.save()
    reply = closed(opened(owner, chat, "One."))
    assert reply.state["shared"] == {"secret": "sesame"}
    update_character(character=luna, description="Nothing.")
    other = services.start_chat(user=owner, character=luna)

    assert sent(opened(owner, other, "Two."))[-1] == ("system", "[]")


def test_typed_macros_stay_as_typed(owner, chat):
    assert sent(opened(owner, chat, "I am {{user}}, {{random::a::b}}."))[-1] == (
        "user",
        "I am {{user}}, {{random::a::b}}.",
    )


def test_persona_of_the_chat_goes_before_the_locked_and_the_default_one(owner, luna, chat):
    default = create_persona(owner=owner, name="Dee", description="Default.", is_default=True)
    assert "Default." in system(opened_and_dropped(owner, chat))
    locked = create_persona(owner=owner, name="Lou", description="Locked.")
    lock(user=owner, persona=locked, character_uid=luna.uid)
    assert "Locked." in system(opened_and_dropped(owner, chat))
    own = create_persona(owner=owner, name="Cho", description="The chat's own. {{user}}")
    chat_settings.change(user=owner, chat_uid=chat.uid, persona=own.uid)

    text = system(opened_and_dropped(owner, chat))
    assert "The chat's own. Cho" in text
    assert default.description not in text


def opened_and_dropped(owner, chat):
    turn = opened(owner, chat, "Hello.")
    closed(turn)
    return turn


def test_note_speaks_at_every_nth_message(owner, chat):
    note = {"text": "Rain on {{char}}.", "position": 1, "depth": 0, "interval": 2, "role": 0}
    chat_settings.change(user=owner, chat_uid=chat.uid, note=note)

    spoke = [("system", "Rain on Luna.") in sent(opened_and_dropped(owner, chat)) for _ in range(4)]

    assert spoke == [False, True, False, True]


def test_custom_prompt_and_situation_stand_in_for_the_cards(owner, luna, chat):
    update_character(character=luna, system_prompt="Card says.", scenario="At sea.")
    chat_settings.change(
        user=owner, chat_uid=chat.uid, custom_prompt="Brief. {{original}}",
        scenario_text="On land.",
        character_number=luna.number,
    )  # fmt: skip

    text = system(opened(owner, chat, "Hello."))

    assert text.startswith("Brief. Card says.")
    assert "Scenario: On land." in text
    assert "At sea." not in text


def test_chat_holds_to_the_version_it_began_with_until_it_moves_up(owner, luna, provider):
    update_character(character=luna, description="She is young.")
    chat = services.start_chat(user=owner, character=luna)
    update_character(character=luna, description="She is old.")
    assert "She is young." in system(opened_and_dropped(owner, chat))

    chat_settings.change(user=owner, chat_uid=chat.uid, character_number=luna.number)

    assert "She is old." in system(opened(owner, chat, "Hello."))


def test_hidden_messages_stay_out(owner, chat):
    reply = closed(opened(owner, chat, "One."), "A secret aside about the lamp.")
    Message.objects.filter(uid=reply.uid).update(hidden=True)
    services.touch(chat)
    world = book(owner, entry(0, "aside", "Called by what is hidden."))
    bind(user=owner, lorebook=world, scope="global")

    text = str(sent(opened(owner, chat, "Two.")))

    assert "secret aside" not in text
    assert "Called by what is hidden." not in text


def test_lore_at_a_depth_stands_among_the_messages(owner, chat):
    deep = entry(0, "lamp", "Deep.", position=Position.AT_DEPTH, depth=1)
    bind(user=owner, lorebook=book(owner, deep), scope="global")

    assert sent(opened(owner, chat, "The lamp?"))[1:] == [
        ("assistant", "Hi, I am Luna."),
        ("system", "Deep."),
        ("user", "The lamp?"),
    ]


def test_outlet_goes_where_the_card_asks_for_it(owner, luna, chat):
    update_character(character=luna, description="Door: {{outlet::Door}}.")
    chat.character_number = 0
    chat.save()
    kept = entry(0, "door", "It sticks", position=Position.OUTLET, outlet_name="Door")
    bind(user=owner, lorebook=book(owner, kept), scope="global")

    assert "Door: It sticks." in system(opened(owner, chat, "The door?"))


def test_hostile_pattern_does_not_hold_the_turn_and_is_reported(owner, chat):
    bind(user=owner, lorebook=book(owner, entry(0, "/(a|aa)+$/", "Never.")), scope="global")

    turn = opened(owner, chat, "a" * 60 + "!")

    manifest = Turn.objects.get(uid=turn.uid).manifest
    assert list(manifest["lore"]["slow_keys"]) == ["/(a|aa)+$/"]
    assert "Never." not in str(sent(turn))


def test_greeting_knows_the_persona_and_keeps_its_variables(owner, luna, provider):
    create_persona(owner=owner, name="Ana", is_default=True)
    update_character(character=luna, first_mes="Ah, {{user}}.{{setvar::met::yes}}")
    Scenario.objects.all().delete()

    chat = services.start_chat(user=owner, character=luna)

    greeting = Message.objects.get(chat=chat, active=True)
    assert (greeting.content, greeting.state["variables"]) == ("Ah, Ana.", {"met": "yes"})


def test_note_counts_once_though_lore_looks_at_it_too(owner, chat):
    world = book(owner, entry(0, "rain", "It is wet.", order=5))
    bind(user=owner, lorebook=world, scope="global")
    note = {"text": "rain {{incvar::drops}}", "position": 1, "depth": 0, "interval": 1, "role": 0}
    chat_settings.change(user=owner, chat_uid=chat.uid, note=note)

    turn = opened(owner, chat, "Hello.")

    assert "It is wet." in system(turn)
    assert closed(turn).state["variables"] == {"drops": "1"}


def test_lore_sees_the_situation_of_the_chat_and_texts_with_their_macros(owner, luna, chat):
    chat_settings.change(user=owner, chat_uid=chat.uid, scenario_text="A {{char}} storm.")
    seen = {"match_scenario": True, "scan_depth": 1}
    world = book(
        owner,
        entry(0, "Luna storm", "The gale has a name.", **seen),
        entry(1, "calm noon", "The sea is flat.", **seen),
    )
    update_character(character=luna, scenario="A calm noon.")
    bind(user=owner, lorebook=world, scope="global")

    text = system(opened(owner, chat, "Hm."))

    assert "The gale has a name." in text
    assert "The sea is flat." not in text


def test_texts_that_lore_looks_at_are_not_carried_out_twice(owner, luna, chat):
    update_character(character=luna, description="Visits: {{incvar::visits}}")
    world = book(owner, entry(0, "Visits: 1", "Once.", match_character_description=True))
    bind(user=owner, lorebook=world, scope="global")
    chat_settings.change(user=owner, chat_uid=chat.uid, character_number=luna.number)

    turn = opened(owner, chat, "Hm.")

    assert "Visits: 1" in system(turn)
    assert "Once." in system(turn)


def test_making_a_reply_anew_calls_up_what_asks_for_either_name_of_it(owner, chat):
    world = book(
        owner,
        entry(0, "lamp", "Swiped.", triggers=("swipe",)),
        entry(1, "lamp", "Regenerated.", triggers=("regenerate",)),
        entry(2, "lamp", "Normal.", triggers=("normal",)),
    )
    bind(user=owner, lorebook=world, scope="global")

    def heard(turn):
        return [word for word in ("Swiped.", "Regenerated.", "Normal.") if word in system(turn)]

    first = opened(owner, chat, "Is the lamp lit?")
    assert heard(first) == ["Normal."]
    again = opened(owner, chat, message=closed(first).uid, kind=Turn.Kind.REGENERATE)
    assert heard(again) == ["Swiped.", "Regenerated."]


def test_filter_of_lore_knows_the_name_of_the_cards_file(owner, provider):
    card = orjson.dumps({"spec": "chara_card_v2", "data": {"name": "Gloria", "tags": ["Sci-Fi"]}})
    gloria = import_card(owner=owner, data=card, filename="contest_Gloria.json")
    here = services.start_chat(user=owner, character=gloria)
    filters = [
        CharacterFilter(names=("contest_Gloria",)),
        CharacterFilter(names=("Gloria",)),
        CharacterFilter(tags=("Sci-Fi",)),
        CharacterFilter(tags=("sci-fi",)),
        CharacterFilter(names=("Luna",)),
        CharacterFilter(is_exclude=True, names=("contest_Gloria",)),
    ]
    world = book(
        owner,
        *(entry(n, "lamp", f"Fact {n}.", character_filter=f) for n, f in enumerate(filters)),
    )
    bind(user=owner, lorebook=world, scope="global")

    text = system(opened(owner, here, "Is the lamp lit?"))

    assert [n for n in range(len(filters)) if f"Fact {n}." in text] == [0, 1, 2, 3]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_entry_sees_as_many_messages_as_it_asks_for(owner, chat, depth):
    world = book(owner, entry(0, "lamp", "The lamp burns oil.", scan_depth=depth))
    bind(user=owner, lorebook=world, scope="global")
    closed(opened(owner, chat, "Is the lamp lit?"))

    turn = opened(owner, chat, "And otherwise?")

    assert ("The lamp burns oil." in system(turn)) is (depth >= 3)


def test_size_of_the_card_counts_from_the_turn_after_it_changed(owner, luna, chat):
    Chat.objects.update(character_number=0)
    before = spoken(luna).tokens
    closed(opened(owner, chat, "Good evening."))

    update_character(character=luna, description="She keeps the lamp. " * 50)

    luna.refresh_from_db()
    assert spoken(luna).tokens > before + 200
    turn = opened(owner, chat, "Again.")
    assert system(turn).count("She keeps the lamp.") == 50
