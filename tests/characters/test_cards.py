"""Reading cards: every version, every usual mistake, and nothing that is not a card."""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from characters import cards
from characters.cards import read_card, to_png, to_v2, to_v3
from core import png
from core.errors import Invalid
from tests.characters.build import V2, as_json, chunk, in_png, mended, picture, v2

CARDS = Path(__file__).resolve().parents[3] / "shared" / "cards"


def test_version_2_is_read_whole():
    card = read_card(as_json(V2))

    data = V2["data"]
    assert {name: getattr(card, name) for name in data if name != "made_up"} == {
        name: value for name, value in data.items() if name != "made_up"
    }
    assert card.unknown == {"root": {"root_extra": 5}, "data": {"made_up": {"kept": True}}}
    assert mended(card) == []


def test_version_1_is_read():
    card = read_card(
        as_json({"name": "Ada", "description": "d", "first_mes": "f", "avatar": "none"})
    )

    assert (card.spec, card.name, card.description) == ("chara_card_v1", "Ada", "d")
    assert card.unknown == {"data": {"avatar": "none"}}


def test_hybrid_is_read_from_its_data():
    card = read_card(as_json({**V2, "name": "Stale", "description": "stale"}))

    assert (card.name, card.unknown["root"]["name"]) == ("Ada", "Stale")


def test_version_3_fields():
    more = {
        "nickname": "A",
        "group_only_greetings": ["All!"],
        "creator_notes_multilingual": {"de": "hm"},
        "source": ["here"],
        "assets": [{"type": "icon"}],
        "creation_date": 17,
        "modification_date": 18,
    }
    card = read_card(as_json({**v2(**more), "spec": "chara_card_v3", "spec_version": "3.1"}))

    assert {name: getattr(card, name) for name in more} == more


@pytest.mark.parametrize("keyword", ["chara", "CHARA", "ccv3"])
def test_png_holds_a_card(keyword):
    card = read_card(in_png(keyword=keyword))

    assert (card.name, card.media_type) == ("Ada", "image/png")


def test_png_with_two_cards_prefers_version_3():
    both = png.with_texts(
        in_png(v2(name="Old")), {"ccv3": base64.b64encode(as_json(v2(name="New")))}
    )

    card = read_card(both)

    assert card.name == "New"
    assert mended(card) == [
        "The picture holds a version 2 and a version 3 card; version 3 was read."
    ]


def test_png_with_a_wrong_checksum_is_read():
    text = b"chara\x00" + base64.b64encode(as_json(V2))
    whole = picture()
    broken = whole[:-12] + chunk(b"tEXt", text, crc=1) + whole[-12:]

    assert read_card(broken).name == "Ada"


@pytest.mark.parametrize(
    ("data", "field", "value", "note"),
    [
        ({"name": "  "}, "name", "Unnamed", "The name was blank; it is called Unnamed now."),
        ({"character_book": None}, "character_book", None, None),
        ({"alternate_greetings": "Hi"}, "alternate_greetings", ["Hi"], "became a list of one"),
        ({"alternate_greetings": ["a", 1]}, "alternate_greetings", ["a"], "no texts"),
        ({"tags": "a, b,,c"}, "tags", ["a", "b", "c"], "split at its commas"),
        ({"extensions": None}, "extensions", {}, None),
        ({"extensions": "x"}, "extensions", {}, "no object"),
        ({"description": None}, "description", "", None),
        ({"description": ["x"]}, "description", "", "no text"),
        ({"creation_date": "today"}, "creation_date", None, "no number"),
        ({"first_mes": "a\r\nb"}, "first_mes", "a\r\nb", None),
        ({"first_mes": "a\x00b"}, "first_mes", "ab", None),
    ],
)
def test_usual_mistakes_are_mended_and_noted(data, field, value, note):
    card = read_card(as_json(v2(**data)))

    assert getattr(card, field) == value
    assert (note or "") in " ".join(mended(card))
    assert bool(mended(card)) == bool(note)


BOMB = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "card_not_readable"),
        (b"hello", "card_not_readable"),
        (b"PK\x03\x04rest", "card_not_readable"),
        (b"RIFF0000WEBPVP8 ", "no_card"),
        (b"\xff\xd8\xff\xe0", "card_not_readable"),
        (b"{", "card_damaged"),
        (b'{"a": NaN}', "card_damaged"),
        (b"[" * 100_000, "card_damaged"),
        (b"[]", "no_card"),
        (b"{}", "no_card"),
        (as_json({"entries": {}}), "is_lorebook"),
        (as_json({"spec": "lorebook_v3", "data": 1}), "is_lorebook"),
        (as_json({"spec": "chara_card_v2", "data": {"description": "x"}}), "no_name"),
        (picture(), "no_card"),
        (png.SIGNATURE, "card_picture_too_large"),
        (png.SIGNATURE + BOMB, "card_picture_too_large"),
        (png.with_texts(picture(), {"chara": b"!"}), "card_damaged"),
        (png.with_texts(picture(), {"chara": b"AAAA"}), "card_damaged"),
        (b"{" + b" " * cards.FILE_BYTES_MOST, "card_too_large"),
    ],
    ids=range(19),
)
def test_what_is_no_card_is_refused_in_one_line(data, code):
    with pytest.raises(Invalid) as raised:
        read_card(data)

    assert (raised.value.code, raised.value.param) == (code, "file")
    assert "\n" not in raised.value.message
    assert raised.value.message.endswith(".")


def test_compressed_text_is_never_inflated():
    body = b"chara\x00\x00" + zlib.compress(b"A" * 50_000_000)
    whole = picture()

    with pytest.raises(Invalid):
        read_card(whole[:-12] + chunk(b"zTXt", body) + whole[-12:])


@pytest.mark.parametrize("make", [to_v3, to_v2])
def test_what_is_written_reads_back_the_same(make):
    card = read_card(as_json(V2))

    again = read_card(as_json(make(card)))

    assert to_v3(again) == to_v3(card)


def test_png_that_is_written_reads_back_in_both_versions():
    card = read_card(as_json(V2))

    data = to_png(card, in_png(v2(name="Old")))

    assert sorted(png.texts(data)) == ["ccv3", "chara"]
    assert to_v3(read_card(data)) == to_v3(card)


def _animated() -> bytes:
    """Two frames, so with acTL, fcTL and fdAT chunks; the card is between pixels and eXIf."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    whole = out.getvalue()
    card = chunk(b"tEXt", b"Chara\0" + base64.b64encode(as_json(v2(name="Old"))))
    title = chunk(b"tEXt", b"Title\0A picture")
    return whole[:33] + title + whole[33:-12] + card + chunk(b"eXIf", b"II*\0") + whole[-12:]


def test_every_other_chunk_survives_in_its_order():
    before = _animated()

    data = to_png(read_card(as_json(V2)), before)

    old = [(kind, body) for kind, body in png.chunks(before) if not body.startswith(b"Chara\0")]
    new = list(png.chunks(data))
    assert [part for part in new if not part[1].startswith((b"chara\0", b"ccv3\0"))] == old
    assert {b"acTL", b"fcTL", b"fdAT", b"eXIf"} <= {kind for kind, _ in new}
    assert (read_card(data).name, Image.open(io.BytesIO(data)).n_frames) == ("Ada", 2)


def test_compressed_copies_of_a_card_are_dropped_when_one_is_written():
    stale = chunk(b"zTXt", b"ccv3\0\0" + zlib.compress(b"old"))
    whole = picture()

    data = to_png(read_card(as_json(V2)), whole[:-12] + stale + whole[-12:])

    assert png.compressed_keywords(data) == set()


def test_card_is_written_into_png_only():
    with pytest.raises(Invalid, match="Only PNG") as raised:
        to_png(read_card(as_json(V2)), b"\xff\xd8\xff")

    assert raised.value.code == "card_picture_not_png"


TEXT = base64.b64encode(as_json(V2))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT, []),
        (TEXT.rstrip(b"="), []),
        (TEXT[:60] + b"\n" + TEXT[60:] + b"\n", []),
        (base64.urlsafe_b64encode(as_json(v2(made_up={"kept": True}))), []),
        (as_json(V2), ["The card was bare JSON where base64 is usual."]),
    ],
    ids=["usual", "unpadded", "wrapped", "urlsafe", "bare"],
)
def test_text_of_a_card_is_read_however_it_is_wrapped(text, told):
    card = read_card(png.with_texts(picture(), {"chara": text}))

    assert to_v3(card) == to_v3(read_card(as_json(V2)))
    assert mended(card) == told


def test_encrypted_card_is_refused_as_such():
    with pytest.raises(Invalid, match="encrypted") as raised:
        read_card(png.with_texts(picture(), {"chara": b"rcc||rccv1||AAAA"}))

    assert raised.value.code == "card_encrypted"


def _older_copy(card):
    """The version 2 object in a picture as programs see it that know no other."""
    return json.loads(base64.b64decode(png.texts(to_png(card, picture()))["chara"]))


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        ("@@depth 3\n@@role user\n\n@@@position after_desc\nReal.\n\nMore.", "Real.\n\nMore."),
        ("\n@@activate\r\nReal.", "Real."),
        ("@@activate", ""),
        ("Real.\n@@depth 3", "Real.\n@@depth 3"),
        ("\n\nReal.", "\n\nReal."),
        ("@one", "@one"),
        ("", ""),
    ],
)
def test_decorators_are_stripped_from_the_older_copy_alone(content, plain):
    card = read_card(as_json(v2(character_book={"entries": [{"content": content}, {}]})))

    copy = _older_copy(card)

    assert copy["data"]["character_book"]["entries"] == [{"content": plain}, {}]
    kept = read_card(to_png(card, picture())).character_book["entries"]
    assert kept == [{"content": content}, {}]


@pytest.mark.parametrize("notes", ["", "Mine.", "Mine.\n"])
def test_note_in_the_older_copy_is_taken_off_when_it_is_read(notes):
    card = read_card(as_json(v2(creator_notes=notes)))

    copy = _older_copy(card)

    assert copy["spec"] == "chara_card_v2"
    assert copy["data"]["creator_notes"].endswith("A program that reads version 3 shows all.)")
    assert read_card(as_json(copy)).creator_notes == notes


def test_stale_copies_at_the_root_are_written_anew():
    card = read_card(as_json({**V2, "name": "Stale", "description": "stale", "avatar": "none"}))

    written = to_v2(card)

    assert (written["name"], written["description"]) == ("Ada", "Counts things.")
    assert (written["avatar"], "scenario" in written) == ("none", False)


@pytest.mark.skipif(not CARDS.is_dir(), reason="there are no cards of other people beside us")
@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("llcm-shodan.png", "Shodan"),
        ("stc-coding-sensei.png", "Coding Sensei"),
        ("stc-gloria.png", "Gloria, PA"),
        ("stc-sakana.png", "Sakana"),
        ("tk-both-chunks.png", "Test Character"),
        ("tk-ccv3_st_export_like.json", "Diana"),
        ("tk-full_v2_card.json", "Aurora"),
        ("tk-full_v3_card.json", "Nova"),
        ("tk-v2-only.png", "V2 Test Character"),
        ("tk-with_lorebook.json", "Character with Lorebook"),
        ("tldw-bean-rpg.png", "Bean_RPG"),
        ("tk-invalid_missing_name.json", "no_name"),
        ("tk-recursion_settings.json", "is_lorebook"),
        ("tk-selective_logic.json", "is_lorebook"),
        ("tk-timed_effects.json", "is_lorebook"),
        ("test_character.charx", "Test Character"),
        ("tai-room-konosuba.jsonl", "card_damaged"),
    ],
)
def test_cards_of_other_people(name, outcome):
    data = (CARDS / name).read_bytes()
    try:
        found = read_card(data, name).name
    except Invalid as error:
        found = error.code

    assert found == outcome
