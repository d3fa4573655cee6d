"""The card vault: what came with a card is kept and goes out again."""

import base64
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from characters import services
from characters.cards import Member, read_card, to_charx
from characters.export import export_character
from characters.fetching import fetch_card_file
from characters.models import CardOriginal, Character
from core import png
from core.errors import Invalid
from tests.characters.build import V2, as_json, chunk, in_png, picture, v2
from tests.characters.containers import EMBEDDED_ICON, v3, zipped
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db
JPEG_START = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
SMILE = {"type": "emotion", "uri": "embeded://assets/emotion/smile.png", "name": "smile"}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def charx(**data):
    return zipped(
        {
            "card.json": v3(assets=[EMBEDDED_ICON, SMILE], **data),
            "assets/icon/main.png": picture(),
            "assets/emotion/smile.png": b"smile",
            "module.risum": b"\0theirs",
        }
    )


def unseen_png():
    """A PNG whose pixels cannot be decoded, with a card."""
    head = picture().partition(b"IDAT")[0][:-4]
    broken = head + chunk(b"IDAT", b"no pixels") + chunk(b"IEND", b"")
    return png.with_texts(broken, {"chara": base64.b64encode(as_json(V2))})


def files_of(data):
    card = read_card(data)
    return sorted([*card.asset_files, *card.other_files])


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (charx(), "charx"),
        (charx(tags=["a", " a", None]), "charx"),
        (JPEG_START + charx(), "charx"),
        (in_png(v2(name=" Ada  L ", tags="a, b")), "png"),
        (unseen_png(), "png"),
        (as_json(v2(alternate_greetings=None, description=5)), "v2"),
        (as_json(v3(character_book={"entries": [{"keys": "x"}]})), "v3"),
    ],
    ids=["charx", "charx mended", "behind a jpeg", "png mended", "png broken", "v2", "v3"],
)
def test_unedited_card_comes_out_byte_for_byte(owner, data, form):
    made = services.import_card(owner=owner, data=data)
    character = Character.objects.get(pk=made.pk)

    assert export_character(character, form) == data
    services.update_character(character=character, description="Changed.")
    changed = export_character(character, form)
    assert read_card(changed).description == "Changed."
    services.restore_version(character=character, number=1)
    assert export_character(character, form) == data
    assert export_character(character, "original") == data


def test_original_without_a_noted_version_is_compared_by_what_it_says(owner):
    data = charx()
    character = services.import_card(owner=owner, data=data)
    CardOriginal.objects.update(number=None, avatar="")

    assert export_character(character, "charx") == data
    services.update_character(character=character, description="Changed.")
    assert export_character(character, "charx") != data


def test_other_form_is_written_anew(owner):
    character = services.import_card(owner=owner, data=as_json(V2))

    card = read_card(export_character(character, "charx"))

    assert (card.media_type, card.name) == ("application/zip", "Ada")
    assert card.unknown == {"root": {"root_extra": 5}, "data": {"made_up": {"kept": True}}}
    assert card.picture is not None


def test_new_portrait_becomes_the_icon_and_other_files_stay(owner):
    character = services.import_card(owner=owner, data=charx())
    out = io.BytesIO()
    Image.new("RGB", (40, 60), (10, 240, 10)).save(out, "PNG")
    services.update_character(character=character, picture=out.getvalue())

    card = read_card(export_character(character, "charx"))

    paths = {path for path, _ in [*card.asset_files, *card.other_files]}
    assert paths >= {"assets/emotion/smile.png", "module.risum"}
    assert Image.open(io.BytesIO(card.picture)).getpixel((5, 5))[1] > 200
    assert card.assets[-1] == SMILE


def test_character_made_here_goes_out_as_charx(owner):
    card = read_card(export_character(CharacterFactory(owner=owner, name="Bare"), "charx"))

    assert (card.name, len(card.asset_files)) == ("Bare", 1)


members = st.dictionaries(
    st.from_regex(r"(assets/[a-z]{1,6}/)?[a-z]{1,8}\.[a-z]{2,3}", fullmatch=True).filter(
        lambda path: path != "card.json"
    ),
    st.binary(max_size=30),
    max_size=4,
)
unknown = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), st.text("ab ü", max_size=5)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members, unknown, st.text("ab ü\n", max_size=20))
def test_edited_charx_keeps_files_and_unknown_fields(owner, files, fields, text):
    data = to_charx(read_card(zipped({"card.json": v3(**fields), **files})), picture())
    character = services.import_card(owner=owner, data=data)
    came = files_of(data)

    services.update_character(character=character, description=text + "!")
    card = read_card(export_character(character, "charx"))

    assert sorted([*card.asset_files, *card.other_files]) == came
    assert {Member(path, value) for path, value in files.items()} <= set(came)
    assert card.description == text + "!"
    assert card.unknown["data"] == {"made_up": {"kept": True}, **fields}
    assert card.assets == character.assets


def test_namesakes_stay_and_the_notes_say_so(owner, stranger):
    def notes(data, user=owner):
        card = read_card(data)
        services.store_card(owner=user, card=card, data=data)
        return [note.text for note in card.notes[1:]]

    assert notes(as_json(V2)) == []
    assert notes(as_json(V2), stranger) == []
    assert notes(as_json(V2)) == [
        "You imported this very file before; that character stays, and this is another."
    ]
    assert notes(as_json(v2(description="Else."))) == [
        "You have Ada already, who stays; this is another of the same name."
    ]
    assert Character.objects.filter(owner=owner, name="Ada").count() == 3


def answer(data):
    async def fetch(url):
        return data

    return fetch


def test_card_behind_an_address_is_known_by_its_bytes():
    url = "https://cards.example/files/Ada%20L.png?x=1"

    assert fetch_card_file(url, fetch=answer(b"{}")) == ("Ada L.png", b"{}")
    assert fetch_card_file("https://cards.example/", fetch=answer(b"")) == ("card", b"")


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>", b"\xef\xbb\xbf \n<html lang=en>"])
def test_page_behind_an_address_is_no_file(start):
    with pytest.raises(Invalid) as raised:
        fetch_card_file("https://cards.example/ada.png", fetch=answer(start))

    assert (raised.value.code, raised.value.param) == ("is_page", "url")
    assert "address of the file itself" in raised.value.message
