"""Cards in WebP pictures and the characters of other programs."""

import base64
import io

import pytest
from PIL import Image

from characters.cards import asset_file, read_card, to_v3
from characters.cards.yaml_form import YAML_BYTES_MOST
from core import png
from core.errors import Invalid
from tests.characters.build import V2, as_json, in_png, mended, picture, v2
from tests.characters.containers import data_of, exif, webp, zipped

CARD = as_json(V2)
WHOLE = to_v3(read_card(CARD))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "text",
    [
        CARD,
        base64.b64encode(CARD),
        b"ASCII\0\0\0" + CARD,
        b"ASCII\0\0\0" + base64.b64encode(CARD),
        b"UNICODE\0" + CARD.decode().encode("utf-16-le"),
        b"UNICODE\0" + CARD.decode().encode("utf-16-be"),
        b"UNICODE\0" + CARD,
        b"\0" * 8 + CARD + b"\0\0",
        ",".join(str(byte) for byte in CARD).encode(),
    ],
    ids=["bare", "base64", "ascii", "ascii64", "utf16le", "utf16be", "utf8", "none", "numbers"],
)
def test_card_in_a_webp_is_read_however_it_is_written(text, order):
    data = webp(exif(text, order=order))

    card = read_card(data)

    assert data_of(card) == WHOLE
    assert (card.media_type, card.picture) == ("image/webp", data)
    assert card.notes[0].text == (
        "Read as a version 2 card (spec_version 2.0) from the EXIF UserComment of a WebP picture."
    )


@pytest.mark.parametrize(
    "block",
    [
        webp(exif(CARD, tag=0x010E, nested=False)),
        webp(exif(CARD, nested=False), marker=b"Exif\0\0"),
        webp(exif(CARD.decode().encode("utf-16-le"), tag=0x9C9C, nested=False)),
    ],
    ids=["ImageDescription", "marker", "XPComment"],
)
def test_card_is_found_wherever_in_exif_it_is(block):
    assert data_of(read_card(block)) == WHOLE


def test_card_in_a_webp_that_pillow_wrote_is_read():
    fields = Image.Exif()
    fields[0x010E] = CARD.decode()
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "WEBP", exif=fields)

    assert data_of(read_card(out.getvalue())) == WHOLE


def test_webp_named_png_is_read_with_a_note():
    card = read_card(webp(exif(CARD)), "Ada.PNG")

    assert mended(card) == ["The file is named PNG but is a WebP picture."]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (webp(exif(b"just a comment")), "no_card"),
        (webp(b""), "no_card"),
        (webp(b"II*\0\xff\xff\xff\xff"), "no_card"),
        (webp(exif(CARD)[:-5]), "no_card"),
        (webp(exif(b"{" + CARD)), "card_damaged"),
        (webp(exif(b"123,456,7")), "card_damaged"),
        (webp(exif(b"eyJ")), "card_damaged"),
        (webp(exif(b"123," * 600_000)), "card_too_large"),
        (b"RIFF\0\0\0\0WEBP" + b"JUNK\0\0\0\0" * 3000, "card_too_complex"),
    ],
)
def test_webp_without_a_card_is_refused(data, code):
    with pytest.raises(Invalid) as raised:
        read_card(data)

    assert raised.value.code == code


PYGMALION = {
    "char_name": "Ada",
    "char_persona": "Counts.",
    "char_greeting": "One.",
    "world_scenario": "A library",
    "example_dialogue": "<START>",
    "made_up": 1,
}


@pytest.mark.parametrize("data", [as_json(PYGMALION), in_png(PYGMALION)], ids=["json", "png"])
def test_pygmalion_character_is_read(data):
    card = read_card(data)

    assert (card.spec, card.name, card.description) == ("pygmalion", "Ada", "Counts.")
    assert (card.first_mes, card.scenario, card.mes_example) == ("One.", "A library", "<START>")
    assert card.unknown == {"data": {"made_up": 1}}
    assert card.notes[0].text.startswith("Read as a Pygmalion character from ")


OOBA = b"""\
# a comment
name: No
greeting: |-
  *{{char}} looks up.* Yes?
  Two lines.
context: "Counts: everything.\\nTwice."
example_dialogue: ~
temperature: 0.7
nested: {? : x}
"""


def test_ooba_character_is_read_from_yaml_and_no_word_turns_into_a_value():
    card = read_card(OOBA)

    assert (card.spec, card.name, card.media_type) == ("ooba", "No", "application/yaml")
    assert card.first_mes == "*{{char}} looks up.* Yes?\nTwo lines."
    assert card.description == "Counts: everything.\nTwice."
    assert card.mes_example == ""
    assert card.unknown == {"data": {"temperature": "0.7", "nested": {"": "x"}}}
    assert [(note.kind, note.text) for note in card.notes] == [
        ("read", "Read as a character of Text Generation Web UI from a YAML file.")
    ]


@pytest.mark.parametrize(
    ("data", "filename", "name"),
    [
        (b"\xef\xbb\xbfname: Ada\ncontext: c", "", "Ada"),
        (b"---\nname: Ada\ngreeting: g", "", "Ada"),
        (b"char_name: Ada\nchar_persona: c", "", "Ada"),
        (b"'name': Ada\ndescription: V1", "", "Ada"),
        (b"bot: x\nname: Ada\ncontext: c", "ada.YAML", "Ada"),
    ],
)
def test_yaml_is_known_by_its_first_key_or_its_name(data, filename, name):
    assert read_card(data, filename).name == name


LAUGHS = b"name: x\na: &a [x, x]\nb: &b [*a, *a, *a]\ncontext: [*b, *b, *b]\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LAUGHS, "card_unsafe"),
        (b"name: &n Ada\ncontext: c", "card_unsafe"),
        (b"name: !!python/object/apply:os.system ['true']\ncontext: c", "card_unsafe"),
        (b"name: !custom x\ncontext: c", "card_unsafe"),
        (b"name: x\ncontext: " + b"[" * 5000, "card_too_complex"),
        (b"name: x\ncontext:\n" + b"- a\n" * 30_000, "card_too_complex"),
        (b"name: x\ncontext: " + b"x" * YAML_BYTES_MOST, "card_too_large"),
        (b"name: [x\ncontext: c", "card_damaged"),
        (b"name: \xff\ncontext: c", "card_damaged"),
        (b"name: \x01\ncontext: c", "card_damaged"),
        (b"name: x\n? [a, b]\n: c", "card_damaged"),
        (b"name: x\ncontext: c\n---\nname: y", "card_damaged"),
        (b"name: x\nage: 5", "no_card"),
        (b"name:\n  - x", "no_card"),
    ],
    ids=range(14),
)
def test_yaml_that_is_tangled_or_no_character_is_refused(data, code):
    with pytest.raises(Invalid) as raised:
        read_card(data)

    assert raised.value.code == code


CHARACTER_AI = {
    "external_id": "abc",
    "title": "Counts",
    "name": "ada-name",
    "participant__name": "Ada",
    "description": "A counter.",
    "greeting": "One.",
    "definition": "{{char}}: Two.\nEND_OF_DIALOG\n{{user}}: Three?\n",
    "user__username": "us",
    "categories": [{"name": "Maths"}, "Books", 5],
}


@pytest.mark.parametrize(
    "root",
    [
        CHARACTER_AI,
        {"character": CHARACTER_AI, "status": "OK"},
        {"info": {"character": CHARACTER_AI}, "histories": {}},
    ],
    ids=["flat", "character", "info"],
)
def test_character_ai_dump_is_read(root):
    card = read_card(as_json(root))

    assert (card.spec, card.name, card.personality) == ("character_ai", "Ada", "Counts")
    assert (card.description, card.first_mes, card.creator) == ("A counter.", "One.", "us")
    assert card.mes_example == "<START>\n{{char}}: Two.\n<START>\n{{user}}: Three?"
    assert card.tags == ["Maths", "Books"]
    assert card.extensions == {"character_ai": CHARACTER_AI}
    assert mended(card) == ["The definition became example messages."]


def test_character_ai_definition_without_dialogue_becomes_description():
    card = read_card(as_json({**CHARACTER_AI, "definition": "Counts all day."}))

    assert (card.description, card.mes_example) == ("A counter.\n\nCounts all day.", "")


def test_character_ai_dump_without_a_name_is_refused():
    nameless = {"external_id": "abc", "greeting": "Hi"}

    with pytest.raises(Invalid) as raised:
        read_card(as_json(nameless))

    assert raised.value.code == "no_name"


ICON, OTHER = picture(), picture((4, 4))
SCENARIO = {
    "title": "First",
    "narrative": "#{user}: waits for {character}, not {{char}}.",
    "formattingInstructions": "Be {character}.",
    "firstMessages": [{"characterID": "1", "text": "One, {user}."}],
    "exampleMessages": [{"characterID": "1", "text": "#{character}: Two."}],
    "messages": [],
}
BYAF = {
    "manifest.json": {
        "schemaVersion": 1,
        "characters": ["characters/ada/character.json"],
        "scenarios": ["scenarios/1.json", "scenarios/2.json", "scenarios/gone.json"],
        "author": {"name": "us", "backyardURL": "https://example.com/us"},
    },
    "characters/ada/character.json": {
        "name": "Ada",
        "displayName": "Ada the Counter",
        "isNSFW": True,
        "persona": "{character} counts.",
        "createdAt": "2025-06-13T12:00:00.000Z",
        "updatedAt": "when",
        "loreItems": [{"key": "port, harbour", "value": "{user} lives there."}, 5],
        "images": [
            {"path": "images/a.png", "label": "x"},
            {"path": "images/b.png", "label": "happy"},
            {"path": "images/gone.png"},
        ],
    },
    "characters/ada/images/a.png": ICON,
    "characters/ada/images/b.png": OTHER,
    "scenarios/1.json": SCENARIO,
    "scenarios/2.json": {**SCENARIO, "firstMessages": [{"text": "Again."}], "messages": [{}]},
}


def test_byaf_archive_is_read():
    card = read_card(zipped(BYAF), "ada.byaf")

    assert (card.spec, card.name, card.nickname) == ("byaf", "Ada the Counter", "Ada")
    assert card.description == "{{char}} counts."
    assert card.scenario == "{{user}}: waits for {{char}}, not {{char}}."
    assert (card.system_prompt, card.first_mes) == ("Be {{char}}.", "One, {{user}}.")
    assert card.alternate_greetings == ["Again."]
    assert card.mes_example == "<START>\n{{char}}: Two."
    assert [(e["keys"], e["content"]) for e in card.character_book["entries"]] == [
        (["port", "harbour"], "{{user}} lives there.")
    ]
    assert (card.creator, card.source, card.tags) == ("us", ["https://example.com/us"], ["NSFW"])
    assert (card.creation_date, card.modification_date) == (1749816000, None)
    assert card.picture == ICON
    assert [asset_file(card, item["uri"]) for item in card.assets] == [ICON, OTHER]
    assert [item["name"] for item in card.assets] == ["main", "happy"]
    assert [path for path, _ in card.other_files] == [
        path for path in BYAF if not path.endswith(".png")
    ]
    assert [note.text for note in card.notes] == [
        "Read as a Backyard AI character from a BYAF archive.",
        "2 scenarios: the first was read, of the others their greetings.",
        "The chats in the archive were not read.",
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"manifest.json": {"characters": []}}, "no_card"),
        ({"manifest.json": {"characters": [5, None]}}, "no_card"),
        ({"manifest.json": {"characters": ["gone.json"]}}, "card_damaged"),
        ({"manifest.json": b"{"}, "card_damaged"),
        ({"manifest.json": []}, "no_card"),
        ({"scenarios/1.json": b"["}, "card_damaged"),
    ],
)
def test_byaf_archive_that_is_not_whole_is_refused(changed, code):
    with pytest.raises(Invalid) as raised:
        read_card(zipped({**BYAF, **changed}))

    assert raised.value.code == code


def test_byaf_with_odd_values_is_read_all_the_same():
    odd = {
        "manifest.json": {"characters": ["c.json", "d.json"], "scenarios": 5, "author": "us"},
        "c.json": {"name": "Ada", "persona": 5, "loreItems": {}, "images": "x", "createdAt": 5},
    }

    card = read_card(zipped(odd))

    assert (card.name, card.nickname, card.description, card.assets) == ("Ada", "", "", None)
    assert mended(card) == ["The archive holds 2 characters; the first was read."]


def test_persona_of_risu_is_no_card():
    persona = base64.b64encode(as_json({"name": "Me", "personaPrompt": "p", "note": "n"}))

    with pytest.raises(Invalid, match="persona") as raised:
        read_card(png.with_texts(picture(), {"persona": persona}))

    assert raised.value.code == "is_persona"


def test_card_beside_a_persona_is_read():
    assert read_card(png.with_texts(in_png(), {"persona": b"x"})).name == "Ada"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_json_in_other_encodings_is_read(encoding):
    text = CARD.decode().replace("Counts", "Zählt")

    assert read_card(text.encode(encoding)).description == "Zählt things."


def test_json_that_is_not_utf_8_is_read_with_a_note():
    card = read_card(as_json(v2(description="Z?hlt")).replace(b"Z?", b"Z\xe4"))

    assert card.description == "Z\ufffdhlt"
    assert mended(card) == ["Some characters were not written in UTF-8 and were replaced."]
