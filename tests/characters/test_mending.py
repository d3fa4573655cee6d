"""Files that are a little broken still make a character; files that are hostile make none."""

import base64
import io
import os
import random
from pathlib import Path

import pytest
from PIL import Image

from catalog.models import Project
from characters import portraits, queries, services
from characters.cards import read_card
from characters.export import export_character
from characters.models import CardOriginal, Character
from core import pictures, png
from core.errors import Invalid
from core.pictures import avatar_path
from tests.characters.build import V2, as_json, chunk, in_png, mended, picture, v2
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db
CARDS = Path(__file__).resolve().parents[3] / "shared" / "cards"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.mark.parametrize("depth", [200, 600, 1000, 100_000])
def test_json_nested_too_deeply_is_refused(depth):
    nested = b"[" * depth + b"]" * depth

    with pytest.raises(Invalid) as raised:
        read_card(b'{"data":{"name":"A","extensions":{"x":' + nested + b"}}}")

    assert raised.value.code in ("card_too_complex", "card_damaged")


def test_json_nested_like_real_cards_is_read():
    nested = b"[" * 60 + b"]" * 60

    assert read_card(b'{"data":{"name":"A","extensions":{"x":' + nested + b"}}}").name == "A"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (rb"a\ud83db", "a\ufffdb"),
        (rb"a\udc00", "a\ufffd"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\\ud83d", "\\ud83d"),
    ],
)
def test_half_of_a_character_is_replaced(text, read):
    card = read_card(b'{"data":{"name":"A","first_mes":"' + text + b'"}}')

    assert card.first_mes == read
    assert bool(mended(card)) is ("\ufffd" in read)


def test_damaged_version_3_gives_way_to_version_2():
    data = png.with_texts(in_png(), {"ccv3": b"!"})

    card = read_card(data)

    assert card.name == "Ada"
    assert mended(card) == ["The version 3 card in this picture is damaged; version 2 was read."]


def test_compressed_card_is_refused_with_its_reason():
    whole = picture()
    data = whole[:-12] + chunk(b"zTXt", b"Chara\x00\x00anything") + whole[-12:]

    with pytest.raises(Invalid, match="compressed"):
        read_card(data)


@pytest.mark.parametrize(
    ("root", "note"),
    [
        ({"spec_version": "4.2"}, "newer"),
        ({"spec_version": "new"}, None),
        ({"spec_version": "3.0"}, None),
    ],
)
def test_newer_versions_are_read_with_a_note(root, note):
    card = read_card(as_json({**V2, "spec": "chara_card_v3", **root}))

    assert card.name == "Ada"
    assert bool(mended(card)) is bool(note)
    assert (note or "") in " ".join(mended(card))


@pytest.mark.parametrize(
    "extensions",
    [{"depth_prompt": {"prompt": "p", "depth": ""}}, {"talkativeness": "0.5"}, {"fav": "true"}],
    ids=["depth", "talkativeness", "fav"],
)
def test_odd_extensions_are_kept_and_noted(extensions):
    card = read_card(as_json(v2(extensions=extensions)))

    assert card.extensions == extensions
    assert len(mended(card)) == 1


@pytest.mark.parametrize(
    ("entries", "read", "notes"),
    [
        ([{"keys": ["x"]}], [{"keys": ["x"]}], 0),
        ({"0": {"keys": ["x"]}}, [{"keys": ["x"]}], 1),
        (["x", {"keys": ["x"]}], [{"keys": ["x"]}], 1),
        (5, [], 1),
        (None, [], 1),
    ],
)
def test_book_of_any_shape_becomes_a_list_that_pages_can_show(owner, client, entries, read, notes):
    data = as_json(v2(character_book={"name": "b", "entries": entries}))
    card = read_card(data)

    character = services.store_card(owner=owner, card=card, data=data)

    assert character.character_book == {"name": "b", "entries": read}
    assert len(mended(card)) == notes
    client.force_login(owner)
    assert client.get(f"/app/characters/{character.uid}").status_code == 200


def test_long_short_fields_are_cut_with_a_note_and_the_file_keeps_them(owner):
    data = as_json(v2(creator="c" * 300))
    card = read_card(data)

    character = services.store_card(owner=owner, card=card, data=data)

    assert character.creator == "c" * 200
    assert mended(card) == ["`creator` was longer than 200 characters and was cut."]
    assert bytes(CardOriginal.objects.get().data) == data


def test_text_beyond_bounds_is_refused_by_name(owner):
    with pytest.raises(Invalid, match="description"):
        services.import_card(owner=owner, data=as_json(v2(description="d" * 400_001)))

    assert Character.objects.count() == 0


def _spoilt(place: bytes) -> bytes:
    """A card whose chunk of this kind holds wrong bytes and so a wrong checksum."""
    data = bytearray(in_png())
    at = data.index(place) + len(place) + 2
    data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def test_card_in_a_picture_that_cannot_be_decoded_gets_a_painted_portrait(owner):
    data = _spoilt(b"IDAT")
    card = read_card(data)

    character = services.store_card(owner=owner, card=card, data=data)

    assert avatar_path(f"{character.avatar}.webp").is_file()
    assert "portrait" in " ".join(mended(card))
    assert bytes(CardOriginal.objects.get().data) == data
    again = services.import_card(owner=owner, data=export_character(character, "png"))
    assert again.name == "Ada"


def test_card_text_with_a_wrong_checksum_before_the_pixels_is_imported(owner):
    whole = picture()
    text = chunk(b"tEXt", b"chara\x00" + base64.b64encode(as_json(V2)), crc=1)
    data = whole[:33] + text + whole[33:]

    assert services.import_card(owner=owner, data=data).name == "Ada"


def test_import_survives_a_file_name_that_is_no_text(owner):
    name = os.fsdecode(b"caf\xe9.json")

    character = services.import_card(owner=owner, data=as_json(V2), filename=name)

    CardOriginal.objects.get(character=character).filename.encode()


@pytest.mark.parametrize(("data", "form"), [(in_png(), "png"), (as_json(V2), "v2")])
def test_untouched_character_is_exported_as_the_file_it_was(owner, data, form):
    character = services.import_card(owner=owner, data=data)

    assert export_character(character, form) == data
    services.update_character(character=character, description="Changed.")
    assert export_character(character, form) != data


def test_export_shows_the_portrait_of_today(owner):
    character = services.import_card(owner=owner, data=in_png())
    out = io.BytesIO()
    Image.new("RGB", (64, 96), (10, 240, 10)).save(out, "PNG")
    services.update_character(character=character, picture=out.getvalue())

    exported = Image.open(io.BytesIO(export_character(character, "png"))).convert("RGB")

    red, green, _ = exported.getpixel((5, 5))
    assert green > 200 > red


def test_export_without_any_portrait_paints_one(owner):
    data = export_character(CharacterFactory(owner=owner, name="Bare"), "png")

    assert read_card(data).name == "Bare"


def test_texts_are_written_into_a_picture_without_an_end():
    cut = picture()[:-12]

    assert png.texts(png.with_texts(cut, {"chara": b"x"})) == {"chara": b"x"}


@pytest.mark.parametrize(
    ("stored", "asked"),
    [("\u00c9lodie", "\u00e9LODIE"), ("\u041b\u0443\u043d\u0430", "\u043b\u0443\u043d\u0430")],
)
def test_names_match_whatever_their_case_in_every_script(owner, stored, asked):
    character = services.create_character(owner=owner, name=stored)

    assert [found.pk for found in queries.named(owner, asked)] == [character.pk]


def test_names_match_whatever_way_their_accents_are_written(owner, stranger):
    character = services.create_character(owner=owner, name="E\u0301lodie")

    assert [found.pk for found in queries.named(owner, "\u00c9lodie")] == [character.pk]
    assert queries.named(stranger, "\u00c9lodie") == []


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"visibility": "everyone"}, "visibility"),
        ({"hue": 360}, "hue"),
        ({"alternate_greetings": "Hi"}, "alternate_greetings"),
        ({"alternate_greetings": [1]}, "alternate_greetings"),
    ],
)
def test_update_refuses_and_changes_nothing(owner, given, param):
    character = services.create_character(owner=owner, name="Ada", hue=10)

    with pytest.raises(Invalid) as raised:
        services.update_character(character=character, description="New", **given)

    row = Character.objects.get(pk=character.pk)
    assert (raised.value.param, row.description, row.hue) == (param, "", 10)
    assert (row.visibility, row.alternate_greetings) == (Project.Visibility.PRIVATE, [])


@pytest.mark.parametrize(
    ("name", "has_house"), [("Луна", True), ("月", True), ("🌙", True), ("Émile", False)]
)
def test_portrait_of_a_name_that_the_font_lacks_shows_a_lit_house(name, has_house):
    painted = portraits.paint(name, 40)

    window, wall = painted.getpixel((244, 495)), painted.getpixel((200, 480))
    assert (sum(window) > 450 and sum(wall) < 120) is has_house


def test_photograph_is_turned_upright():
    photo = Image.new("RGB", (60, 40), (250, 0, 0))
    exif = photo.getexif()
    exif[0x0112] = 6
    out = io.BytesIO()
    photo.save(out, "JPEG", exif=exif)

    assert pictures.read_picture(out.getvalue()).size == (40, 60)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_large_pictures_of_every_mode_are_read_near_the_size_that_is_kept(mode):
    out = io.BytesIO()
    Image.new(mode, (1600, 2400)).save(out, "PNG")

    read = pictures.read_picture(out.getvalue())

    assert (read.mode, read.width < 1100, read.height < 1300) == ("RGB", True, True)


def test_picture_that_would_fill_the_memory_is_refused():
    with pytest.raises(Invalid, match="too many pixels"):
        pictures.read_picture(picture((7000, 7000)))


def test_clear_parts_of_a_picture_do_not_turn_into_what_lay_beneath():
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(out, "PNG")

    assert max(pictures.read_picture(out.getvalue()).getpixel((4, 4))) < 128


def test_mutated_pictures_are_imported_or_refused(owner):
    chance = random.Random(11)
    original = in_png()
    for _ in range(40):
        data = bytearray(original)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        before = Character.objects.count()
        try:
            services.import_card(owner=owner, data=bytes(data))
        except Invalid:
            assert Character.objects.count() == before


@pytest.mark.skipif(not CARDS.is_dir(), reason="there are no cards of other people beside us")
def test_cards_of_other_people_are_stored_and_exported_unchanged(owner):
    stored, reasons = 0, []
    for path in sorted(file for file in CARDS.iterdir() if file.suffix != ".md"):
        data = path.read_bytes()
        try:
            character = services.import_card(owner=owner, data=data, filename=path.name)
        except Invalid as error:
            reasons.append(error.message)
            continue
        stored += 1
        fresh = Character.objects.get(pk=character.pk)
        assert export_character(fresh, "original") == data
        if path.suffix in (".png", ".charx"):
            assert export_character(fresh, path.suffix[1:]) == data

    assert (stored, len(reasons)) == (12, 5)
    assert all(reason.endswith(".") for reason in reasons)
