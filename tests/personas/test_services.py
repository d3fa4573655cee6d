"""Personas: made, changed, worn, imported and exported; and who a person is in a chat."""

import base64
import json

import pytest

from core import pictures
from core.errors import Invalid, NotFound
from personas import queries, services
from personas.models import Persona, PersonaLock
from tests.characters.build import picture

pytestmark = pytest.mark.django_db

BACKUP = {
    "personas": {"a.png": "Ana", "b.png": " "},
    "persona_descriptions": {
        "a.png": {
            "description": "A pilot.",
            "position": 4,
            "depth": 3,
            "role": 1,
            "lorebook": "Skies",
            "title": "at work",
            "connections": [{"type": "character", "id": "Luna.png"}],
            "made_up": [1],
        }
    },
    "default_persona": "a.png",
}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def make(owner, name="Ana", **given):
    return services.create_persona(owner=owner, name=name, **given)


def backup(**changed):
    return json.dumps({**BACKUP, **changed}).encode()


def test_create_cleans_and_colours(owner):
    ana = make(owner, "  Ana \x00 B ", description="A\x00 pilot.", attributes={"a": ["\x00b"]})

    ana.refresh_from_db()
    assert (ana.name, ana.description, ana.attributes) == ("Ana B", "A pilot.", {"a": ["b"]})
    assert (ana.hue, ana.avatar) == (pictures.hue_of_name("Ana B"), "")
    assert 0 < ana.number < 2**53


def test_picture_is_stored_and_gives_its_hue(owner):
    ana = make(owner, picture=picture((40, 60)))

    assert pictures.avatar_path(f"{ana.avatar}.webp").is_file()
    assert ana.hue == pictures.hue_of(pictures.read_picture(picture((40, 60))))


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"name": " \x00"}, "name"),
        ({"description": "d" * 100_001}, "description"),
        ({"position": 5}, "position"),
        ({"role": 3}, "role"),
        ({"depth": -1}, "depth"),
        ({"depth": 10_001}, "depth"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"a": "x" * 70_000}}, "attributes"),
        ({"picture": b"no picture"}, "avatar"),
        ({"owner_id": 7}, "owner_id"),
    ],
)
def test_refused_values_change_nothing(owner, given, param):
    ana = make(owner, description="A pilot.")

    with pytest.raises(Invalid) as created:
        make(owner, **{"name": "Bo", **given})
    with pytest.raises(Invalid) as updated:
        services.update_persona(persona=ana, **given)

    row = Persona.objects.get()
    assert (created.value.param, updated.value.param) == (param, param)
    assert (row.name, row.description, row.position, row.role, row.depth) == (
        "Ana", "A pilot.", 0, 0, 2,
    )  # fmt: skip


@pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 9])
def test_every_position_of_the_files_is_taken(owner, position):
    assert make(owner, position=position).position == position


def test_one_default_at_a_time(owner, stranger):
    ana, bo = make(owner, is_default=True), make(owner, "Bo")
    theirs = make(stranger, is_default=True)

    services.update_persona(persona=bo, is_default=True)
    assert list(Persona.objects.filter(is_default=True).order_by("name")) == [theirs, bo]

    services.update_persona(persona=bo, is_default=False)
    services.update_persona(persona=ana, is_default=False)
    assert list(Persona.objects.filter(is_default=True)) == [theirs]


def test_worn_is_the_chosen_then_the_locked_then_the_default(owner, stranger, luna):
    usual, locked, chosen = make(owner, "Usual", is_default=True), make(owner), make(owner)
    services.lock(user=owner, persona=locked, character_uid=luna.uid)

    def worn(character=luna.uid, chosen="", user=owner):
        return queries.worn(user_id=user.pk, character=character, chosen=chosen)

    assert worn(chosen=chosen.uid) == chosen
    assert worn() == locked
    assert worn(character="0" * 24) == usual
    assert worn(user=stranger, chosen=chosen.uid) is None


def test_lock_is_one_per_character_and_can_be_taken_away(owner, luna):
    ana, bo = make(owner), make(owner, "Bo")

    services.lock(user=owner, persona=ana, character_uid=luna.uid)
    services.lock(user=owner, persona=bo, character_uid=luna.uid)
    assert queries.locked_to(owner, luna.uid) == bo

    services.lock(user=owner, persona=None, character_uid=luna.uid)
    assert PersonaLock.objects.count() == 0
    assert queries.locked_to(owner, luna.uid) is None


def test_personas_of_others_are_not_found(owner, stranger):
    ana = make(owner)

    for read, key in ((queries.get_owned, ana.uid), (queries.get_numbered, ana.number)):
        assert read(owner, key) == ana
        with pytest.raises(NotFound) as raised:
            read(stranger, key)
        assert raised.value.code == "persona_not_found"


def test_import_is_whole_or_says_what_it_left_out(owner):
    found = services.import_personas(owner=owner, data=backup())
    ana, unnamed = found.personas

    assert (ana.name, ana.title, ana.description) == ("Ana", "at work", "A pilot.")
    assert (ana.position, ana.depth, ana.role, ana.is_default) == (4, 3, 1, True)
    assert (unnamed.name, found.known) == ("Unnamed", 0)
    assert found.notes == (
        "A backup holds no pictures. Each persona's page takes one.",
        "Ana goes with the lorebook “Skies”: choose it on their page.",
        "Ana was worn with a character or group: choose them on their page.",
    )


def test_import_leaves_those_that_are_here_alone(owner):
    services.import_personas(owner=owner, data=backup())

    again = services.import_personas(owner=owner, data=backup())

    assert (again.personas, again.known, again.notes) == ((), 2, ())
    assert Persona.objects.count() == 2


def test_import_keeps_ones_own_default(owner):
    mine = make(owner, "Mine", is_default=True)

    services.import_personas(owner=owner, data=backup())

    assert list(Persona.objects.filter(is_default=True)) == [mine]


def test_import_refuses_the_whole_file_for_one_that_is_too_long(owner):
    about = {"a.png": {"description": "A"}, "b.png": {"description": "d" * 100_001}}

    with pytest.raises(Invalid) as raised:
        services.import_personas(owner=owner, data=backup(persona_descriptions=about))

    assert raised.value.message == "The description of Unnamed has more than 100000 characters."
    assert Persona.objects.count() == 0


def risu(data):
    from core.png import with_texts

    text = base64.b64encode(json.dumps({"name": "Ana", "personaPrompt": "A pilot."}).encode())
    return with_texts(data, {"persona": text})


def test_persona_picture_brings_its_picture(owner):
    found = services.import_personas(owner=owner, data=risu(picture((40, 60))))

    (ana,) = found.personas
    assert (ana.name, ana.description, found.notes) == ("Ana", "A pilot.", ())
    assert pictures.avatar_path(f"{ana.avatar}.webp").is_file()


def test_export_says_what_was_imported_and_the_lorebook_of_today(owner):
    services.import_personas(owner=owner, data=backup())
    ana = Persona.objects.get(name="Ana")

    whole = json.loads(services.export_personas(owner=owner))
    bound = json.loads(services.export_personas(owner=owner, lorebooks={ana.uid: "Seas"}))

    assert whole["personas"] == {"a.png": "Ana", "b.png": "Unnamed"}
    assert whole["persona_descriptions"]["a.png"] == BACKUP["persona_descriptions"]["a.png"]
    assert whole["default_persona"] == "a.png"
    assert bound["persona_descriptions"]["a.png"]["lorebook"] == "Seas"
