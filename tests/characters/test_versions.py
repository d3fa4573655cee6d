"""Versions of a character: going back to one, and what changed between two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from characters import changes, services, versions
from characters.changes import Line
from characters.models import CharacterVersion
from core.errors import Invalid, NotFound
from tests.characters.build import as_json, v2
from tests.characters.containers import v3


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def ada(owner):
    return services.import_card(owner=owner, data=as_json(v3(nickname="A", assets=[])))


@pytest.mark.django_db
def test_restore_is_a_new_version_with_the_old_card(ada):
    services.update_character(
        character=ada, name="Bo", description="New.", nickname="", tags=["other"], unknown={}
    )

    services.restore_version(character=ada, number=1)

    rows = CharacterVersion.objects.order_by("number").values_list("number", "card", "note")
    first, second, third = rows
    assert (first[1], third[0], third[2]) == (third[1], 3, "Version 1 restored")
    assert second[1]["data"]["name"] == "Bo"
    ada.refresh_from_db()
    assert (ada.number, ada.name, ada.nickname, ada.description) == (
        3,
        "Ada",
        "A",
        "Counts things.",
    )
    assert [tag.name for tag in ada.tags.all()] == ["maths"]
    assert ada.unknown == {"data": {"made_up": {"kept": True}}}


@pytest.mark.django_db
def test_restore_can_be_undone_the_same_way(ada):
    services.update_character(character=ada, description="New.")
    services.restore_version(character=ada, number=1)

    services.restore_version(character=ada, number=2)

    ada.refresh_from_db()
    assert (ada.number, ada.description) == (4, "New.")


@pytest.mark.django_db
def test_restore_of_what_is_there_already_is_refused(ada):
    with pytest.raises(Invalid) as raised:
        services.restore_version(character=ada, number=1)

    ada.refresh_from_db()
    assert (raised.value.code, ada.number, ada.versions.count()) == ("same_version", 1, 1)


@pytest.mark.django_db
def test_restore_of_no_version_is_not_found(ada):
    with pytest.raises(NotFound):
        services.restore_version(character=ada, number=7)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "card", [v2(), v3(), v3(character_book=None, assets=None), {**v3(), "description": "old"}]
)
def test_fields_of_a_version_write_the_same_card_again(owner, card):
    character = services.import_card(owner=owner, data=as_json(card))
    kept = versions.snapshot(character)

    found = versions.fields_of(kept)

    character.card_tags = found.pop("tags")
    for name, value in found.items():
        setattr(character, name, value)
    assert versions.snapshot(character) == kept


def lines(name, older, newer):
    return [(line.kind, line.text) for line in changes.told(name, older, newer).lines]


def test_a_text_is_compared_by_lines():
    older = "\n".join(["a", "b", "c", "d", "e", "f"])
    newer = "\n".join(["a", "b", "c", "d", "E", "f"])

    assert lines("description", older, newer) == [
        ("skipped", "2 lines as before"),
        ("same", "c"),
        ("same", "d"),
        ("gone", "e"),
        ("new", "E"),
        ("same", "f"),
    ]


def test_greetings_are_numbered_as_they_are_stepped_through():
    assert lines("alternate_greetings", ["One."], ["One.", "Two."]) == [
        ("same", "Greeting 2"),
        ("same", "One."),
        ("new", "Greeting 3"),
        ("new", "Two."),
    ]


def test_one_changed_entry_among_many_is_found():
    def book(text):
        entries = [
            {"name": f"E{n}", "keys": [f"k{n}", "x"], "content": f"It is {n}.", "enabled": True}
            for n in range(900)
        ]
        entries[5]["content"] = entries[700]["content"] = text
        return {"entries": entries}

    found = lines("character_book", book("old"), book("new"))

    assert [line for line in found if line[0] in ("gone", "new")] == [
        ("gone", "old"), ("new", "new"), ("gone", "old"), ("new", "new"),
    ]  # fmt: skip
    assert found[1:3] == [("same", "— E5"), ("same", "keys: k5, x")]


def test_what_is_added_is_all_new():
    assert changes.told("nickname", None, "Ad") == changes.Change(
        "nickname", "Nickname", [Line("new", "Ad")]
    )
    assert lines("made_up", {"a": 1}, None) == [("gone", "{"), ("gone", '  "a": 1'), ("gone", "}")]


def test_long_texts_are_bounded():
    found = changes.told("description", "a\n" * 50_000, "b\n" * 50_000).lines

    assert len(found) == changes.SHOWN_LINES_MOST + 1
    assert found[-1].kind == "skipped"


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(["description", "tags", "alternate_greetings", "character_book", "extensions"]),
    values,
    values,
)
def test_any_two_values_can_be_told_apart(name, older, newer):
    found = changes.told(name, older, newer).lines

    assert {line.kind for line in found} <= {"same", "gone", "new", "skipped"}
    assert changes.told(name, older, older).lines in ([], found) or older != newer
