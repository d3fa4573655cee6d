"""Making, importing, changing and deleting characters; their portraits; the starters."""

import io

import pytest
from PIL import Image

from accounts.models import User
from catalog.models import Project
from catalog.services import set_tags
from characters import portraits, queries, services
from characters.export import export_character
from characters.models import CardOriginal, Character, Scenario
from characters.starters import ORDER, add_starters
from core import pictures
from core.errors import Invalid, NotFound
from core.pictures import avatar_path, avatar_url
from tests.characters.build import V2, as_json, in_png, picture, v2
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_create_gives_a_portrait_tags_and_a_count(owner):
    character = services.create_character(
        owner=owner, name="  Ada   L ", description="Counts things.", tags=["Maths", "maths", " "]
    )

    assert (character.name, character.token_count) == ("Ada L", 3)
    assert [tag.name for tag in character.tags.all()] == ["maths"]
    with Image.open(avatar_path(f"{character.avatar}.webp")) as full:
        assert (full.format, full.size) == ("WEBP", pictures.FULL)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "x", "tagline": "t" * 201}, "tagline"),
        ({"name": "x", "description": "d" * 400_001}, "description"),
        ({"name": "x", "picture": b"no picture"}, "avatar"),
        ({"name": "x", "owner_id": 1}, "owner_id"),
    ],
)
def test_create_refuses_and_makes_nothing(owner, given, param):
    with pytest.raises(Invalid) as raised:
        services.create_character(owner=owner, **given)

    assert (raised.value.param, Character.objects.count()) == (param, 0)


def test_update_changes_only_what_is_given(owner):
    character = services.create_character(owner=owner, name="Ada", description="Old", tags=["a"])

    services.update_character(character=character, description="New text")

    character.refresh_from_db()
    assert (character.name, character.description) == ("Ada", "New text")
    assert [tag.name for tag in character.tags.all()] == ["a"]


@pytest.mark.parametrize("data", [as_json(V2), in_png()], ids=["json", "png"])
def test_import_keeps_the_bytes_and_every_field(owner, data):
    character = services.import_card(owner=owner, data=data, filename="dir/ada.png")

    original = CardOriginal.objects.get(character=character)
    assert (bytes(original.data), original.filename) == (data, "ada.png")
    for name, value in V2["data"].items():
        if name not in ("tags", "made_up"):
            assert getattr(character, name) == value
    assert character.unknown["data"] == {"made_up": {"kept": True}}
    assert export_character(character, "original") == data


def test_import_of_a_namesake_makes_a_second_one(owner):
    for _ in range(2):
        services.import_card(owner=owner, data=as_json(V2))

    assert Character.objects.filter(name="Ada").count() == 2


@pytest.mark.parametrize("form", ["v2", "v3", "png"])
def test_export_reads_back_equal(owner, form):
    character = services.import_card(owner=owner, data=in_png())
    services.update_character(character=character, description="Changed.")

    again = services.import_card(owner=owner, data=export_character(character, form))

    for name in V2["data"]:
        if name not in ("tags", "made_up"):
            assert getattr(again, name) == getattr(character, name)
    assert (again.unknown, again.card_tags) == (character.unknown, character.card_tags)


def test_export_of_an_original_that_never_was(owner):
    with pytest.raises(NotFound):
        export_character(services.create_character(owner=owner, name="x"), "original")


def test_trash_hides_and_restore_shows(owner):
    character = CharacterFactory(owner=owner)

    services.trash_character(character=character)
    assert not queries.owned_by(owner).exists()
    services.restore_character(character=character)

    assert queries.get_owned(owner, character.uid).pk == character.pk


@pytest.mark.parametrize(
    ("visibility", "may_see", "is_listed"),
    [("private", False, False), ("unlisted", True, False), ("public", True, True)],
)
def test_strangers_see_what_is_shared(owner, stranger, visibility, may_see, is_listed):
    character = CharacterFactory(owner=owner, visibility=visibility)

    assert queries.visible_to(stranger).filter(pk=character.pk).exists() is may_see
    assert queries.listed_for(stranger).filter(pk=character.pk).exists() is is_listed
    assert queries.visible_to(owner).filter(pk=character.pk).exists() is True
    with pytest.raises(NotFound):
        queries.get_owned(stranger, character.uid)


def test_scenarios_come_and_go(owner):
    character = CharacterFactory(owner=owner)
    scenario = services.create_scenario(character=character, title=" Rain ", context="It rains.")

    services.update_scenario(scenario=scenario, title="Snow", greeting="Brr.")
    with pytest.raises(Invalid):
        services.create_scenario(character=character, title=" ")

    rows = Scenario.objects.values_list("title", "context", "greeting")
    assert list(rows) == [("Snow", "", "Brr.")]
    services.delete_scenario(scenario=scenario)
    assert character.scenarios.count() == 0


def test_portrait_of_a_name_is_always_the_same():
    assert portraits.paint("Ada", 40).tobytes() == portraits.paint("Ada", 40).tobytes()
    assert portraits.paint("Ada", 40).tobytes() != portraits.paint("Bo", 40).tobytes()


def test_uploaded_picture_is_encoded_anew_and_gives_its_hue(owner):
    out = io.BytesIO()
    Image.new("RGB", (40, 40), (250, 10, 10)).save(out, "JPEG", exif=b"Exif\x00\x00secret")

    character = services.create_character(owner=owner, name="Red", picture=out.getvalue())

    stored = avatar_path(f"{character.avatar}-s.webp").read_bytes()
    assert b"secret" not in stored
    assert character.hue in (*range(350, 360), *range(10))


@pytest.mark.parametrize(
    "data", [b"<svg/>", b"GIF89a", picture((9000, 9000))], ids=["svg", "cut", "bomb"]
)
def test_pictures_that_cannot_be_read_are_refused(data):
    with pytest.raises(Invalid) as raised:
        pictures.read_picture(data)

    assert raised.value.param == "avatar"


@pytest.mark.parametrize("name", ["../secret_key", "a.webp", "x" * 24 + ".webp", "/etc/passwd"])
def test_no_other_file_is_served_as_a_portrait(name):
    with pytest.raises(NotFound):
        avatar_path(name)


def test_avatar_url_changes_with_the_picture(owner):
    character = services.create_character(owner=owner, name="Ada")
    before = avatar_url(character.avatar)

    services.update_character(character=character, picture=picture())

    assert avatar_url(character.avatar) != before
    assert avatar_url(CharacterFactory().avatar) == ""


def test_starters_are_six_whole_and_distinct_people(owner):
    made = add_starters(owner=owner)

    assert len(made) == len(ORDER) == 6
    assert made[0].name == "Luna"
    assert len({c.name for c in made}) == len({c.hue for c in made}) == 6
    for character in made:
        assert character.visibility == Project.Visibility.PUBLIC
        assert character.scenarios.count() == 2
        assert len(character.alternate_greetings) >= 2
        assert len(character.character_book["entries"]) >= 3
        for field in ("tagline", "description", "personality", "first_mes", "mes_example"):
            assert getattr(character, field).strip()


def test_starters_are_added_once(owner):
    add_starters(owner=owner)

    assert add_starters(owner=owner) == []
    assert Character.objects.count() == 6


def test_tags_are_one_row_each(owner):
    one, two = CharacterFactory(owner=owner), CharacterFactory(owner=owner)

    set_tags(one, ["Sea  Side", "b"])
    set_tags(two, ["sea side"])
    set_tags(one, ["sea side"])

    assert [t.name for t in one.tags.all()] == ["sea side"]
    assert one.tags.get().pk == two.tags.get().pk


def test_blank_card_name_still_makes_somebody(owner):
    character = services.import_card(owner=owner, data=as_json(v2(name="")))

    assert (character.name, character.owner) == ("Unnamed", User.objects.get(pk=owner.pk))
