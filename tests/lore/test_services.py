"""Making, changing, taking back and binding lorebooks."""

import pytest

from catalog.models import Project
from core.errors import Conflict, Invalid, NotFound
from engine.tokens import default_counter
from lore import queries, services
from lore.editing import change_entries
from lore.models import Binding, Lorebook
from lore.scene import Settings
from lore.services import book_of
from lore.values import Book, CharacterFilter, Entry, Position

pytestmark = pytest.mark.django_db

ENTRIES = (
    Entry(uid=0, keys=("lamp",), content="The lamp burns blue.", position=Position.AT_DEPTH),
    Entry(uid=4, keys=("gull",), content="They shriek.", unknown={"novelai": {"x": [1]}}),
)


@pytest.fixture
def harbour(owner):
    book = Book(name="Harbour", description="Old.", entries=ENTRIES)
    return services.create_lorebook(owner=owner, name="Harbour", book=book, description="Old.")


def changed(lorebook, **values):
    return change_entries(book_of(lorebook), [0], values)


def test_book_comes_back_as_it_went_in(harbour):
    harbour.refresh_from_db()

    assert book_of(harbour) == Book(name="Harbour", description="Old.", entries=ENTRIES)
    count = default_counter().count
    assert harbour.entry_count == 2
    assert harbour.token_count == sum(count(entry.content) for entry in ENTRIES)


@pytest.mark.parametrize(
    "given", [{"name": " \x00 "}, {"name": "X", "visibility": "all"}, {"name": "X", "book_id": 1}]
)
def test_refused_lorebook_is_not_made(given, owner):
    with pytest.raises(Invalid):
        services.create_lorebook(owner=owner, **given)

    assert Lorebook.objects.count() == 0


def test_file_becomes_a_lorebook_called_after_it(owner):
    data = b'{"entries": {"0": {"uid": 0, "key": ["sea"], "content": "Cold.", "order": "7"}}}'

    done = services.import_lorebook(owner=owner, data=data, filename="deep sea.json")

    assert (done.lorebook.name, done.lorebook.owner) == ("deep sea", owner)
    assert book_of(done.lorebook).entries[0].order == 7
    assert done.notes == ("`order` was no whole number and became one.",)


def test_saving_makes_a_version_that_undo_takes_back(harbour):
    saved = services.save_book(
        lorebook=harbour, book=changed(harbour, content="Dark."), number=1, note="Dimmed"
    )
    assert (saved.number, book_of(saved).entries[0].content) == (2, "Dark.")
    assert [(one.number, one.note) for one in saved.versions.all()] == [(1, "Dimmed")]

    back = services.undo(lorebook=saved)
    assert (back.number, book_of(back).entries) == (3, ENTRIES)
    assert back.versions.count() == 0


def test_saving_over_a_newer_version_is_refused_and_changes_nothing(harbour):
    services.save_book(lorebook=harbour, book=changed(harbour, content="First."), number=1)

    with pytest.raises(Conflict):
        services.save_book(lorebook=harbour, book=changed(harbour, content="Second."), number=1)

    harbour.refresh_from_db()
    assert (harbour.number, harbour.versions.count()) == (2, 1)
    assert book_of(harbour).entries[0].content == "First."


def test_undo_of_another_version_is_refused_and_changes_nothing(harbour):
    saved = services.save_book(lorebook=harbour, book=changed(harbour, content="Dark."), number=1)

    with pytest.raises(Conflict):
        services.undo(lorebook=saved, number=1)

    saved.refresh_from_db()
    assert (saved.number, book_of(saved).entries[0].content) == (2, "Dark.")


def test_undo_without_a_change_is_refused(harbour):
    with pytest.raises(NotFound):
        services.undo(lorebook=harbour)


def test_only_so_many_versions_are_kept(harbour, monkeypatch):
    monkeypatch.setattr(services, "VERSIONS_KEPT", 2)
    for number in range(1, 5):
        book = changed(harbour, content=f"Text {number}")
        services.save_book(lorebook=harbour, book=book, number=number)

    assert list(harbour.versions.values_list("number", flat=True)) == [4, 3]


def rename(lorebook, number, name="Town", **listing):
    book = book_of(lorebook)
    new = Book(name=name, description=book.description, entries=book.entries)
    return services.update_lorebook(
        lorebook=lorebook, number=number, book=new, name=name, **listing
    )


def test_book_and_listing_change_together_and_undo_brings_the_name_back(harbour):
    saved = rename(harbour, 1, visibility="public", tags=["Sea"])
    assert (saved.name, saved.visibility, saved.number) == ("Town", "public", 2)
    assert [tag.name for tag in saved.tags.all()] == ["sea"]

    back = services.undo(lorebook=saved)
    assert (back.name, back.description, back.visibility) == ("Harbour", "Old.", "public")


def test_listing_alone_makes_no_version(harbour):
    saved = rename(harbour, 1, name="Harbour", tagline="Salt")

    assert (saved.tagline, saved.number, saved.versions.count()) == ("Salt", 1, 0)


@pytest.mark.parametrize(
    ("number", "listing", "error"), [(7, {}, Conflict), (1, {"visibility": "all"}, Invalid)]
)
def test_refused_change_leaves_book_and_listing(number, listing, error, harbour):
    with pytest.raises(error):
        rename(harbour, number, **listing)

    harbour.refresh_from_db()
    assert (harbour.name, harbour.number, harbour.versions.count()) == ("Harbour", 1, 0)


def test_copy_is_private_and_says_the_same(harbour, stranger):
    rename(harbour, 1, name="Harbour", visibility="public", tags=["sea"], nsfw=True)
    harbour.refresh_from_db()

    copy = services.copy_lorebook(owner=stranger, source=harbour)

    assert (copy.owner, copy.visibility, copy.nsfw) == (stranger, "private", True)
    assert book_of(copy) == book_of(harbour)
    assert [tag.name for tag in copy.tags.all()] == ["sea"]


def test_binding_twice_is_once_and_unbinding_twice_is_nothing(owner, harbour):
    for _ in range(2):
        services.bind(user=owner, lorebook=harbour, scope="character", target="abc")
    assert Binding.objects.count() == 1

    for _ in range(2):
        services.unbind(user=owner, lorebook=harbour, scope="character", target="abc")
    assert Binding.objects.count() == 0


@pytest.mark.parametrize(("scope", "target"), [("moon", "x"), ("global", "x"), ("chat", "")])
def test_odd_binding_is_refused(scope, target, owner, harbour):
    with pytest.raises(Invalid):
        services.bind(user=owner, lorebook=harbour, scope=scope, target=target)

    assert Binding.objects.count() == 0


def uses(user, **where):
    found = queries.uses_in(
        user_id=user.pk, **{"character": "", "persona": "", "chat": "", **where}
    )
    return [(use.uid, use.number, use.scope) for use in found]


def test_lorebook_applies_where_it_is_bound(owner, harbour):
    services.bind(user=owner, lorebook=harbour, scope="character", target="abc")

    assert uses(owner, character="abc") == [(harbour.uid, 1, "character")]
    assert uses(owner, character="other") == []
    services.trash_lorebook(lorebook=harbour)
    assert uses(owner, character="abc") == []
    services.restore_lorebook(lorebook=harbour)
    assert uses(owner, character="abc") == [(harbour.uid, 1, "character")]


def test_lorebook_that_is_shared_no_longer_applies_to_nobody_else(harbour, stranger):
    Lorebook.objects.update(visibility=Project.Visibility.PUBLIC)
    services.bind(user=stranger, lorebook=harbour, scope="global")
    assert uses(stranger) == [(harbour.uid, 1, "global")]

    Lorebook.objects.update(visibility=Project.Visibility.PRIVATE)
    assert uses(stranger) == []


def test_scan_settings_are_kept_and_odd_ones_refused(owner):
    services.change_settings(user=owner, values={"scan_depth": 9})
    for odd in ({"scan_depth": "deep"}, {"scan_depth": 1001}, {"colour": 1}):
        with pytest.raises(Invalid):
            services.change_settings(user=owner, values=odd)

    assert queries.settings_of(owner) == Settings(scan_depth=9)
    owner.refresh_from_db()
    assert queries.settings_of(owner) == Settings(scan_depth=9)


def test_every_field_of_an_entry_survives_the_database(owner):
    entry = Entry(
        uid=-3, character_filter=CharacterFilter(is_exclude=True, names=("Luna",), tags=("sea",)),
        sticky=2, case_sensitive=False, triggers=("swipe",), unknown={"x": {"y": None}},
    )  # fmt: skip
    made = services.create_lorebook(owner=owner, name="X", book=Book(entries=(entry,)))

    made.refresh_from_db()
    assert book_of(made).entries == (entry,)
