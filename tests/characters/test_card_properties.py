"""Cards come back from every form as they went in, and no file at all does harm."""

import random
import time
import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from characters.cards import Card, Member, read_card, to_charx, to_png, to_v2, to_v3
from core.errors import Invalid
from tests.characters.build import as_json, in_png, picture
from tests.characters.containers import EMBEDDED_ICON, exif, v3, webp, zipped

CARDS = Path(__file__).resolve().parents[3] / "shared" / "cards"
NEWER = ("nickname", "creator_notes_multilingual", "source", "group_only_greetings", "assets")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
some_texts = st.lists(texts, max_size=3)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
names = printable.map(lambda text: " ".join(text.split()))
entries = st.fixed_dictionaries(
    {"keys": some_texts, "content": texts | st.just("@@depth 3\n\n@@role user\nReal.")},
    optional={"id": values, "extensions": objects},
)
strange = st.dictionaries(texts.map("x_{}".format), values, max_size=3)


@st.composite
def whole_cards(draw):
    """A version 3 object in which everything is as the specification wants it."""
    plain = ("description", "personality", "scenario", "first_mes", "mes_example")
    plain += ("creator_notes", "system_prompt", "post_history_instructions")
    plain += ("creator", "character_version")
    needed = {
        "name": names.filter(bool),
        **dict.fromkeys(plain, texts),
        "alternate_greetings": some_texts,
        "group_only_greetings": some_texts,
        "tags": some_texts,
        "extensions": strange,
    }
    optional = {
        "nickname": texts.filter(bool),
        "creator_notes_multilingual": st.dictionaries(texts, texts, min_size=1, max_size=2),
        "source": st.lists(texts, min_size=1, max_size=2),
        "assets": st.lists(objects, max_size=2),
        "creation_date": st.integers(0, 2**40),
        "modification_date": st.integers(0, 2**40),
        "character_book": st.fixed_dictionaries({"entries": st.lists(entries, max_size=3)}),
    }
    data = draw(st.fixed_dictionaries(needed, optional=optional))
    root = {"spec": "chara_card_v3", "spec_version": "3.0"}
    return {**draw(strange), **root, "data": {**draw(strange), **data}}


@given(whole_cards())
@settings(max_examples=60)
def test_whole_card_says_the_same_after_every_form(whole):
    card = read_card(orjson.dumps(whole))

    assert to_v3(card) == whole
    assert [note.kind for note in card.notes if note.kind != "read"] == []
    assert to_v3(read_card(to_png(card, picture()))) == whole
    assert to_v3(read_card(to_charx(card))) == whole
    without = {key: value for key, value in whole["data"].items() if key not in NEWER}
    assert to_v3(read_card(orjson.dumps(to_v2(card)))) == {
        **whole,
        "data": {**without, "group_only_greetings": []},
    }


paths = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)


@given(st.lists(st.builds(Member, paths, st.binary(max_size=30)), max_size=6))
@settings(max_examples=60)
def test_files_beside_a_card_keep_their_bytes_and_their_order(files):
    card = read_card(as_json(v3()))
    card.other_files = files

    again = read_card(to_charx(card))

    written = [*again.asset_files, *again.other_files]
    assert sorted(data for _, data in written) == sorted(data for _, data in files)
    assert to_charx(again) == to_charx(read_card(to_charx(again)))


SEEDS = {
    "json": as_json(v3()),
    "png": in_png(),
    "charx": zipped({"card.json": v3(assets=[EMBEDDED_ICON]), "assets/icon/main.png": b"icon"}),
    "stored": to_charx(read_card(in_png())),
    "jpeg": b"\xff\xd8\xff pixels" + zipped({"card.json": v3(), "x_meta/0.json": {}}),
    "webp": webp(exif(as_json(v3()))),
    "byaf": zipped(
        {
            "manifest.json": {"characters": ["a/c.json"], "scenarios": ["s.json"]},
            "a/c.json": {"name": "Ada", "persona": "p", "loreItems": [{"key": "k", "value": "v"}]},
            "s.json": {"narrative": "n", "firstMessages": [{"text": "t"}]},
        },
        method=0,
    ),
    "yaml": b"name: Ada\ngreeting: |\n  Hi\n  you\ncontext: 'x: y'\nlist: [a, {b: c}]\n",
    "pygmalion": as_json({"char_name": "Ada", "char_persona": "p", "made_up": [1, {"a": None}]}),
    "character_ai": as_json({"external_id": "x", "name": "Ada", "definition": "d", "greeting": 1}),
}
SPLICES = (b"", b"\0", b"\xff" * 4, b"PK\x01\x02", b"PK\x05\x06", b"null", b"[" * 9, b'"', b"\\u")


def _spoilt(original: bytes, chance: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(data) + 1)
        if chance.random() < 0.5 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
            continue
        piece = chance.choice([*SPLICES, chance.randbytes(chance.randint(1, 4))])
        data[place : place + chance.choice((0, 1, len(piece), 12))] = piece
    return bytes(data[: chance.randrange(len(data)) if chance.random() < 0.1 else None])


@pytest.mark.parametrize("kind", SEEDS)
def test_spoilt_files_raise_nothing_but_a_reason_and_what_is_read_can_be_written(kind):
    chance = random.Random(f"spoilt {kind}")
    reasons = set()
    read = 0
    for _ in range(400):
        data = _spoilt(SEEDS[kind], chance)
        try:
            card = read_card(data, chance.choice(("", "a.yaml", "a.png")))
        except Invalid as error:
            reasons.add((error.param, error.message[-1:], "\n" in error.message))
            continue
        read += 1
        assert to_v3(read_card(orjson.dumps(to_v3(card)))) == to_v3(card)
        read_card(to_charx(card))
        read_card(to_png(card, picture()))
    assert reasons == {("file", ".", False)}
    assert read > 0


@given(values)
@settings(max_examples=150)
def test_any_json_is_a_card_or_refused(value):
    for root in (value, {"data": value}, {"data": {"name": value, "assets": value}}):
        try:
            card = read_card(orjson.dumps(root))
        except Invalid:
            continue
        assert to_v3(read_card(to_charx(card))) == to_v3(card)


FIELDS = (
    "nickname", "description", "first_mes", "alternate_greetings", "tags", "character_book",
    "extensions", "creation_date", "assets", "creator_notes_multilingual", "char_name", "context",
    "greeting", "external_id", "definition", "categories", "title", "character", "info",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), values | st.lists(objects, max_size=2), max_size=6))
@settings(max_examples=150)
def test_known_fields_may_hold_anything(data):
    for root in ({**data, "name": "Ada"}, {"data": {**data, "name": "Ada"}}, data):
        try:
            card = read_card(orjson.dumps(root))
        except Invalid:
            continue
        assert to_v3(read_card(to_png(card, picture()))) == to_v3(card)
        read_card(to_charx(card))


def _cost(data: bytes) -> tuple[str, int, float]:
    """(the error's code or "", most bytes held, CPU seconds) of reading a file."""
    code = ""
    tracemalloc.start()
    start = time.thread_time()
    try:
        read_card(data)
    except Invalid as error:
        code = error.code
    finally:
        seconds = time.thread_time() - start
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return code, peak, seconds


MB = 2**20
# The JSON reader holds about twelve times a text for a moment, whatever is in it.


@pytest.mark.parametrize(
    ("data", "code", "most_mb"),
    [
        (b'{"data":{"name":"A","first_mes":"' + b"x" * 50 * MB + b'"}}', "card_too_large", 1),
        (b'{"data":{"name":"A","first_mes":"' + b"x" * 11 * MB + b'"}}', "", 170),
        (b'{"data":{"name":"A","first_mes":"' + b"a, [b] {c}" * MB + b'"}}', "", 170),
        (b'{"data":{"name":"A","tags":[' + b"[]," * 3 * MB + b"[]]}}", "card_too_complex", 40),
        (b'{"data":{"name":"A","tags":[' + b'"",' * 3 * MB + b'""]}}', "card_too_complex", 40),
        (b'{"data":' * 200_000, "card_too_complex|card_damaged", 20),
        (b'{"data":{"name":"A","first_mes":"' + rb"\ud83d" * MB + b'"}}', "", 170),
        (in_png(v3(first_mes="x" * 10 * MB)), "", 170),
        (webp(exif(b"{" + b" " * 15 * MB)), "card_too_large|card_damaged", 60),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * 30_000, "picture_too_complex", 5),
        (b"PK\x05\x06" * MB, "card_damaged|no_card|card_not_readable|card_too_complex", 1),
    ],
    ids=range(11),
)
def test_large_files_cost_bounded_memory_and_time(data, code, most_mb):
    found, peak, seconds = _cost(data)

    assert found in code.split("|")
    assert peak < most_mb * MB
    assert seconds < 10


def test_long_extra_fields_in_an_archive_cost_little_time():
    plain = zipped({"card.json": v3(), **{f"a{n}": b"" for n in range(300)}})
    at, end = plain.index(b"PK\x01\x02"), plain.index(b"PK\x05\x06")
    listed = plain[at:end].split(b"PK\x01\x02")[1:]
    padded = b"".join(
        b"PK\x01\x02" + entry[:26] + b"\xfc\xff" + entry[28:] + b"\0" * 0xFFFC for entry in listed
    )
    size = len(padded).to_bytes(4, "little")

    found, _, seconds = _cost(
        plain[:at] + padded + plain[end : end + 12] + size + plain[end + 16 :]
    )

    assert found == ""
    assert seconds < 3


def _forms(card: Card) -> dict[str, bytes]:
    return {
        "v3": orjson.dumps(to_v3(card)),
        "v2": orjson.dumps(to_v2(card)),
        "png": to_png(card, picture()),
        "charx": to_charx(card),
    }


@pytest.mark.skipif(not CARDS.is_dir(), reason="there are no cards of other people beside us")
@pytest.mark.parametrize("path", sorted(CARDS.iterdir()) if CARDS.is_dir() else [], ids=str)
def test_cards_of_other_people_say_the_same_after_every_form(path):
    try:
        card = read_card(path.read_bytes(), path.name)
    except Invalid:
        pytest.skip("no card, as another test says")
    whole = to_v3(card)

    again = {form: to_v3(read_card(data)) for form, data in _forms(card).items()}

    assert (again["v3"], again["png"]) == (whole, whole)
    assert _without(again["charx"], ("assets",)) == _without(whole, ("assets",))
    assert _without(again["v2"], NEWER) == _without(whole, NEWER)
    if card.asset_files or card.picture is None:
        assert again["charx"] == whole
    assert read_card(to_charx(card)).asset_files[-len(card.asset_files) :] == card.asset_files or (
        not card.asset_files
    )


def _without(whole: dict, names: tuple[str, ...]) -> dict:
    data = {key: value for key, value in whole["data"].items() if key not in names}
    return {**whole, "data": data}
