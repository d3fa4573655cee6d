"""CHARX: what is inside comes out whole, and nothing inside can do harm."""

import base64
import io
import struct
import tracemalloc
import zipfile

import pytest

from characters.cards import Member, archive, asset_file, read_card, to_charx, to_v3
from core import png
from core.errors import Invalid
from tests.characters.build import V2, as_json, chunk, in_png, mended, picture
from tests.characters.containers import EMBEDDED_ICON, v3, with_link, zipped

ICON = picture()
JPEG = b"\xff\xd8\xff\xe0 pixels \xff\xd9"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_charx_is_read_with_everything_in_it(method):
    members = {
        "card.json": v3(assets=[EMBEDDED_ICON]),
        "assets/icon/main.png": ICON,
        "assets/other/audio/hello.mp3": b"ID3 sound",
        "x_meta/0.json": {"type": "PNG"},
        "module.risum": b"\x6f\x00opaque",
    }

    card = read_card(zipped(members, method=method), "ada.charx")

    assert (card.name, card.spec, card.media_type) == ("Ada", "chara_card_v3", "application/zip")
    assert card.picture == ICON
    assert card.asset_files == [
        ("assets/icon/main.png", ICON),
        ("assets/other/audio/hello.mp3", b"ID3 sound"),
    ]
    assert card.other_files == [
        ("x_meta/0.json", b'{"type": "PNG"}'),
        ("module.risum", b"\x6f\x00opaque"),
    ]
    assert [(note.kind, note.text) for note in card.notes] == [
        ("read", "Read as a version 3 card (spec_version 3.0) from a CHARX archive."),
        ("read", "2 asset files were read."),
        ("ignored", "Kept unread from the archive: `x_meta/0.json`, `module.risum`."),
    ]


def test_charx_behind_a_jpeg_shows_that_picture():
    card = read_card(JPEG + zipped({"card.json": v3()}), "ada.jpg")

    assert (card.name, card.media_type, card.picture) == ("Ada", "image/jpeg", JPEG)


def test_charx_behind_a_jpeg_prefers_the_icon_inside():
    inside = {"card.json": v3(assets=[EMBEDDED_ICON]), "assets/icon/main.png": ICON}

    assert read_card(JPEG + zipped(inside)).picture == ICON


def test_charx_whose_offsets_count_the_jpeg_too_is_read():
    out = io.BytesIO(JPEG)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as made:
        made.writestr("card.json", as_json(v3()))

    card = read_card(out.getvalue())

    assert (card.name, card.picture) == ("Ada", JPEG)


@pytest.mark.parametrize(
    ("assets", "found"),
    [
        ([{"type": "icon", "uri": "embeded://assets/b.png", "name": "only"}], b"b"),
        (
            [
                {"type": "icon", "uri": "embeded://assets/a.png", "name": "other"},
                {"type": "icon", "uri": "embeded://assets/b.png", "name": "main"},
            ],
            b"b",
        ),
        ([{"type": "icon", "uri": "embedded://assets/b.png", "name": "main"}], b"b"),
        ([{"type": "icon", "uri": "data:image/png;base64,Yg==", "name": "main"}], b"b"),
        ([{"type": "icon", "uri": "data:image/png;base64,?", "name": "main"}], None),
        ([{"type": "icon", "uri": "embeded://assets/B.png", "name": "main"}], None),
        ([{"type": "icon", "uri": "ccdefault:", "name": "main"}], None),
        ([{"type": "icon", "uri": "https://example.com/b.png", "name": "main"}], None),
        ([{"type": "icon", "uri": 5}], None),
        (["icon"], None),
        ([], None),
        (None, None),
    ],
)
def test_main_icon_is_found_by_its_uri_and_nothing_is_fetched(assets, found):
    members = {"card.json": v3(assets=assets), "assets/a.png": b"a", "assets/b.png": b"b"}

    assert read_card(zipped(members)).picture == found


def test_zip64_list_is_read():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made, made.open("card.json", "w", force_zip64=True) as file:
        file.write(as_json(v3()))
    plain = out.getvalue()
    listed = plain.rindex(b"PK\x01\x02")
    end = plain.rindex(b"PK\x05\x06")
    packed, size = struct.unpack_from("<2L", plain, listed + 20)
    entry = bytearray(plain[listed:end])
    struct.pack_into("<2L", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, 20)
    entry += struct.pack("<2H2Q", 1, 16, size, packed)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), listed, 0)

    assert read_card(plain[:listed] + bytes(entry) + tail).name == "Ada"


def test_zip64_end_is_read():
    plain = zipped({"card.json": v3()})
    end = plain.rindex(b"PK\x05\x06")
    _, _, _, _, count, length, offset, _ = struct.unpack("<4s4H2LH", plain[end:])
    long_end = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, offset
    )
    pointer = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)

    assert read_card(plain[:end] + long_end + pointer + tail).name == "Ada"


def test_damaged_member_is_left_out_with_a_note_and_the_card_read():
    data = bytearray(zipped({"card.json": v3(), "assets/a.bin": b"a" * 50, "b.bin": b"kept"}))
    at = data.index(b"assets/a.bin") + len(b"assets/a.bin")
    data[at : at + 3] = b"\xff\xff\xff"

    card = read_card(bytes(data))

    assert card.asset_files == []
    assert card.other_files == [("b.bin", b"kept")]
    assert mended(card)[0] == "Damaged in the archive and left out: `assets/a.bin`."


def test_member_with_a_wrong_checksum_is_kept_with_a_note():
    members = {"card.json": as_json(v3()), "b.bin": b"right"}
    data = zipped(members, method=zipfile.ZIP_STORED).replace(b"right", b"wrong")

    card = read_card(data)

    assert card.other_files == [("b.bin", b"wrong")]
    assert mended(card)[0] == "Kept in spite of a wrong checksum in the archive: `b.bin`."


def _renamed(old: bytes, new: bytes) -> bytes:
    return zipped({"card.json": v3(), old.decode(): b"x"}).replace(old, new)


def _marked(flags: int = 0, method: int = 0) -> bytes:
    """An archive whose list says that its first member is encrypted or oddly packed."""
    data = bytearray(zipped({"card.json": v3()}, method=zipfile.ZIP_STORED))
    struct.pack_into("<2H", data, data.rindex(b"PK\x01\x02") + 8, flags, method)
    return bytes(data)


def _many(count: int) -> bytes:
    return zipped({"card.json": v3(), **{f"a{n}": b"" for n in range(count)}})


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (_renamed(b"aaa/bcd.txt", b"../../b.txt"), "card_unsafe", "leads out"),
        (_renamed(b"aaa/bcd.txt", b"..\\..\\b.txt"), "card_unsafe", "leads out"),
        (_renamed(b"aaa/bcd.txt", b"/aa/bcd.txt"), "card_unsafe", "leads out"),
        (_renamed(b"aaa/bcd.txt", b"C:\\/bcd.txt"), "card_unsafe", "leads out"),
        (_renamed(b"aaa/bcd.txt", b"aaa//cd.txt"), "card_unsafe", "no usable path"),
        (_renamed(b"aaa/bcd.txt", b"aaa/\ncd.txt"), "card_unsafe", "no usable path"),
        (_renamed(b"aaa/bcd.txt", b"card.json/b"), "card_unsafe", "inside another"),
        (_renamed(b"Card.json", b"card.json"), "card_unsafe", "two members"),
        (zipped({"card.json": v3(), "a/" * 20 + "b": b""}), "card_unsafe", "no usable path"),
        (zipped({"card.json": v3(), "a" * 300: b""}), "card_unsafe", "no usable path"),
        (with_link({"card.json": v3()}, "assets/a", b"/etc/passwd"), "card_unsafe", "a link"),
        (_marked(flags=1), "card_encrypted", "encrypted"),
        (_marked(method=14), "card_not_readable", "packed in a way"),
        (_many(archive.MEMBERS_MOST), "card_too_complex", "members"),
        (zipped({"a.txt": b"x"}), "no_card", "no card.json"),
        (zipped({}), "no_card", "no card.json"),
        (zipped({"card.json": v3()})[:-30], "card_not_readable", "cut off"),
        (zipped({"card.json": v3()})[60:], "card_damaged", "list of members"),
        (zipped({"card.json": b"{"}), "card_damaged", "not valid JSON"),
        (JPEG, "card_not_readable", "no card behind it"),
    ],
    ids=range(20),
)
def test_archives_that_break_a_rule_are_refused_with_the_reason(data, code, message):
    with pytest.raises(Invalid, match=message) as raised:
        read_card(data)

    assert (raised.value.code, raised.value.param) == (code, "file")


def _bomb(count: int, size: int) -> bytes:
    return zipped({"card.json": v3(), **{f"assets/{n}": bytes(size) for n in range(count)}})


def _lying(size: int) -> bytes:
    """An archive with a member that unpacks to far more than its list says."""
    data = bytearray(_bomb(1, size))
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 24, 10)
    return bytes(data)


def _peak(data: bytes) -> int:
    tracemalloc.start()
    try:
        read_card(data)
    except Invalid:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


def test_bomb_is_refused_before_it_is_unpacked():
    for data in (_bomb(1, 30_000_000), _bomb(70, 1_000_000)):
        with pytest.raises(Invalid, match="unpacks to") as raised:
            read_card(data)
        assert raised.value.code == "card_too_large"
        assert _peak(data) < 5_000_000


def test_bomb_that_lies_about_its_size_is_left_out():
    data = _lying(30_000_000)

    assert read_card(data).asset_files == []
    assert _peak(data) < 5_000_000


def test_archive_may_be_larger_than_a_picture_but_not_without_end(monkeypatch):
    monkeypatch.setattr("characters.cards.read.FILE_BYTES_MOST", 1000)
    large = to_charx(read_card(zipped({"card.json": v3(), "a": bytes(2000)})))

    assert read_card(large).name == "Ada"
    monkeypatch.setattr("characters.cards.read.ARCHIVE_BYTES_MOST", 1500)
    with pytest.raises(Invalid, match="larger than"):
        read_card(large)


def test_charx_is_written_stored_and_whole():
    members = {
        "card.json": v3(assets=[EMBEDDED_ICON]),
        "assets/icon/main.png": ICON,
        "x_meta/0.json": b"{}",
    }
    card = read_card(zipped(members))

    data = to_charx(card)

    with zipfile.ZipFile(io.BytesIO(data)) as made:
        assert made.testzip() is None
        assert {info.filename: info.compress_type for info in made.infolist()} == dict.fromkeys(
            members, zipfile.ZIP_STORED
        )
    again = read_card(data)
    assert to_v3(again) == to_v3(card)
    assert (again.picture, again.asset_files, again.other_files) == (
        ICON,
        card.asset_files,
        card.other_files,
    )
    assert to_charx(again) == data


def test_picture_becomes_the_main_icon_without_the_card_in_it():
    card = read_card(in_png())

    again = read_card(to_charx(card))

    assert again.assets == [
        {
            "type": "icon",
            "uri": "embeded://assets/icon/images/main.png",
            "name": "main",
            "ext": "png",
        }
    ]
    assert png.texts(again.picture) == {}
    assert again.picture == ICON
    assert {**to_v3(again)["data"], "assets": None} == {**to_v3(card)["data"], "assets": None}


def test_given_picture_replaces_the_icon_the_card_brought():
    background = {"type": "background", "uri": "embeded://assets/b.png", "name": "main"}
    card = read_card(
        zipped(
            {
                "card.json": v3(assets=[EMBEDDED_ICON, background]),
                "assets/icon/main.png": ICON,
                "assets/b.png": b"b",
            }
        )
    )

    again = read_card(to_charx(card, JPEG))

    assert again.picture == JPEG
    assert [item["uri"] for item in again.assets] == [
        "embeded://assets/icon/images/main.jpg",
        "embeded://assets/b.png",
    ]


def test_paths_are_written_in_ascii_and_uris_follow():
    emotion = {"type": "emotion", "uri": "embeded://assets/é/月.png", "name": "joy"}
    members = {
        "card.json": v3(assets=[emotion], extensions={"other": ["embeded://assets/é/月.png"]}),
        "assets/é/月.png": b"joy",
        "assets/e/u6708.png": b"there before",
    }

    again = read_card(to_charx(read_card(zipped(members))))

    assert again.assets[0]["uri"] == "embeded://assets/e/u6708.png"
    assert again.extensions == {"other": ["embeded://assets/e/u6708.png"]}
    assert again.asset_files == [
        ("assets/e/u6708.png", b"joy"),
        ("assets/e/u6708-2.png", b"there before"),
    ]


@pytest.mark.parametrize("path", ["../up", "/root", "a//b", "card.json", "月" * 200, "..", "\n"])
def test_any_path_is_written_as_one_that_can_be_read(path):
    card = read_card(as_json(V2))
    card.other_files.append(Member(path, b"x"))

    again = read_card(to_charx(card))

    assert [data for _, data in again.other_files] == [b"x"]


def test_archive_that_could_not_be_read_again_is_not_written():
    card = read_card(as_json(V2))
    card.other_files += [Member(f"{n}", bytes(1000)) for n in range(archive.MEMBERS_MOST)]

    with pytest.raises(Invalid, match="too many or too large"):
        to_charx(card)


def _with_older_assets() -> bytes:
    whole = in_png(
        v3(
            assets=[{"type": "emotion", "uri": "__asset:7", "name": "joy"}],
            extensions={"risuai": {"emotions": [["joy", "__asset:7"]]}},
        ),
        "ccv3",
    )
    joy = chunk(b"tEXt", b"chara-ext-asset_:7\0" + base64.b64encode(ICON))
    bad = chunk(b"tEXt", b"chara-ext-asset_:8\0A")
    return whole[:-12] + joy + bad + whole[-12:]


def test_files_in_older_chunks_are_read():
    card = read_card(_with_older_assets())

    assert card.asset_files == [("__asset:7", ICON)]
    assert asset_file(card, card.assets[0]["uri"]) == ICON
    assert mended(card) == ["Damaged inside the picture and left out: `__asset:8`."]


def test_files_in_older_chunks_become_members_of_an_archive():
    again = read_card(to_charx(read_card(_with_older_assets())))

    uri = "embeded://assets/other/images/7.png"
    assert [item["uri"] for item in again.assets[1:]] == [uri]
    assert again.extensions == {"risuai": {"emotions": [["joy", uri]]}}
    assert asset_file(again, uri) == ICON
