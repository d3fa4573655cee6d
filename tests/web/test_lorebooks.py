"""Lorebooks in the browser: list, files, table, editor, undo, where they apply, the test box."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.models import Project
from lore.formats import FORMATS, read_book
from lore.models import Binding, Lorebook
from lore.services import book_of, create_lorebook
from lore.values import Book, CharacterFilter, Entry, Logic, Position
from personas.services import create_persona
from tests.factories import CharacterFactory
from web.lore_forms import initial_of

pytestmark = pytest.mark.django_db

ENTRIES = (
    Entry(uid=0, keys=("lamp",), comment="Lamp", content="The lamp burns blue."),
    Entry(uid=1, keys=("keeper",), comment="Keeper", content="Never sleeps.", order=50),
    Entry(uid=2, keys=("/gull(s/",), comment="Gulls", content="They shriek.", enabled=False),
)


@pytest.fixture
def harbour(owner) -> Lorebook:
    return create_lorebook(owner=owner, name="Harbour", book=Book(name="Harbour", entries=ENTRIES))


def entries_of(lorebook) -> tuple[Entry, ...]:
    lorebook.refresh_from_db()
    return book_of(lorebook).entries


def titles_of(lorebook) -> list[str]:
    ranked = sorted(entries_of(lorebook), key=lambda entry: entry.display_index or 0)
    return [entry.comment for entry in ranked]


def change(browser, lorebook, **fields):
    number = fields.pop("number", lorebook.number)
    return browser.post(f"/app/lorebooks/{lorebook.uid}/entries", {"number": number, **fields})


def typed(entry=ENTRIES[0], **changes):
    """The entry's form as a browser sends it."""
    values = {**initial_of(entry), **changes}
    return {
        name: value for name, value in values.items() if value is not None and value is not False
    }


def save(browser, lorebook, entry, **changes):
    number = changes.pop("number", lorebook.number)
    url = f"/app/lorebooks/{lorebook.uid}/entries/{entry.uid}"
    return browser.post(url, {**typed(entry, **changes), "number": number})


def book_file(name="sea.json", data=None):
    content = {"entries": {"0": {"uid": 0, "key": ["sea"], "content": "Cold."}}}
    return SimpleUploadedFile(name, data or json.dumps(content).encode())


# The list


def test_list_shows_own_lorebooks_and_finds_by_words(browser, harbour, owner, stranger):
    create_lorebook(owner=owner, name="Mountains", description="Snow and goats")
    create_lorebook(owner=stranger, name="Theirs", visibility=Project.Visibility.PUBLIC)

    names = [book.name for book in browser.get("/app/lorebooks").context["lorebooks"]]
    found = [book.name for book in browser.get("/app/lorebooks?q=goat").context["lorebooks"]]

    assert names == ["Mountains", "Harbour"]
    assert found == ["Mountains"]


def test_empty_list_says_what_belongs_here(browser):
    assert "tells the model about a world" in browser.get("/app/lorebooks").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(count, browser, owner, django_assert_num_queries):
    for number in range(count):
        create_lorebook(owner=owner, name=f"Book {number}")
    browser.get("/app/lorebooks")

    with django_assert_num_queries(6):
        browser.get("/app/lorebooks")


def test_new_lorebook_opens_with_a_blank_entry(browser, owner):
    response = browser.post("/app/lorebooks", {"name": " New  world "})

    made = Lorebook.objects.get()
    assert (made.name, made.owner, made.visibility) == ("New world", owner, "private")
    assert response["Location"] == f"/app/lorebooks/{made.uid}?entry=new"
    assert "Add and write another" in browser.get(response["Location"]).content.decode()


def test_new_lorebook_without_a_name_is_refused(browser):
    response = browser.post("/app/lorebooks", {"name": " "})

    assert response.status_code == 400
    assert "A lorebook needs a name." in response.content.decode()
    assert Lorebook.objects.count() == 0


# Files


def test_import_makes_a_lorebook_of_each_file_and_reports(browser, owner):
    files = [book_file(), book_file("broken.json", b"{"), book_file("tale.json", b'{"mes": 1}')]

    response = browser.post("/app/lorebooks/import", {"books": files})
    sea, broken, tale = response.context["reports"]

    made = Lorebook.objects.get()
    assert (made.owner, made.name, made.entry_count) == (owner, "sea", 1)
    assert (sea.lorebook, sea.error) == (made, "")
    assert (broken.lorebook, bool(broken.error)) == (None, True)
    assert tale.error == "This is a chat, not a lorebook."
    assert "Nothing was made of this file." in response.content.decode()


def test_import_without_a_file_says_so(browser):
    response = browser.post("/app/lorebooks/import", {})

    assert response.status_code == 400
    assert "Choose at least one file." in response.content.decode()


@pytest.mark.parametrize("form", list(FORMATS))
def test_export_in_every_format_can_be_read_again(form, browser, harbour):
    response = browser.get(f"/app/lorebooks/{harbour.uid}/export?format={form}")

    book = read_book(response.content).book
    assert [entry.content for entry in book.entries] == [entry.content for entry in ENTRIES]
    assert response["Content-Disposition"] == f'attachment; filename="harbour.{form}.json"'


def test_export_in_an_unknown_format_is_refused(browser, harbour):
    assert browser.get(f"/app/lorebooks/{harbour.uid}/export?format=pdf").status_code == 400


@pytest.mark.parametrize("path", ["", "?entry=0", "?entry=new", "/test", "/use", "/settings"])
def test_page_has_one_h1_one_main_and_nothing_inline(path, browser, harbour):
    body = browser.get(f"/app/lorebooks/{harbour.uid}{path}").content.decode()

    assert len(re.findall(r"<h1[ >]", body)) == 1
    assert len(re.findall(r"<main[ >]", body)) == 1
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=|<style", body)
    ids = re.findall(r'\sid="([^"]+)"', body)
    assert sorted(ids) == sorted(set(ids))


def test_hostile_text_is_drawn_as_text(browser, owner):
    entry = Entry(uid=0, keys=("<b>k",), comment="<script>x", content="</textarea><img src=x>")
    book = create_lorebook(owner=owner, name="<i>n", book=Book(entries=(entry,)))

    body = browser.get(f"/app/lorebooks/{book.uid}?entry=0").content.decode()

    assert [bad for bad in ("<b>k", "<script>x", "<img src=x", "<i>n") if bad in body] == []


# The table


def test_table_shows_every_entry_with_its_tokens(browser, harbour):
    bench = browser.get(f"/app/lorebooks/{harbour.uid}").context["bench"]

    assert [row.title for row in bench.shown] == ["Lamp", "Keeper", "Gulls"]
    assert [row.position for row in bench.shown] == ["Before the character"] * 3
    assert sum(row.tokens for row in bench.shown) == harbour.token_count
    assert bench.enabled_count == 2


@pytest.mark.parametrize("words", ["BLUE", "lamp", "Lamp"])
def test_filter_looks_at_titles_keys_and_texts(words, browser, harbour):
    bench = browser.get(f"/app/lorebooks/{harbour.uid}?q={words}").context["bench"]

    assert [row.title for row in bench.shown] == ["Lamp"]


def test_filter_that_finds_nothing_says_so(browser, harbour):
    body = browser.get(f"/app/lorebooks/{harbour.uid}?q=xyz").content.decode()

    assert "No entry holds “xyz”." in body


def test_table_of_ten_thousand_shows_a_page_and_finds_the_open_entry(browser, owner):
    entries = tuple(Entry(uid=n, keys=(f"k{n}",), comment=f"E{n}") for n in range(10_000))
    big = create_lorebook(owner=owner, name="Big", book=Book(entries=entries))

    first = browser.get(f"/app/lorebooks/{big.uid}")
    far = browser.get(f"/app/lorebooks/{big.uid}?entry=7777").context["bench"]

    assert len(first.content) < 150_000
    assert [row.title for row in first.context["bench"].shown] == [f"E{n}" for n in range(50)]
    assert "E7777" in [row.title for row in far.shown]
    assert far.opened.entry.uid == 7777


def test_part_is_drawn_for_the_pages_own_requests(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}?q=lamp"

    response = browser.get(url, headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == url
    assert response.content.decode().startswith('<div id="workbench"')


def test_switch_turns_an_entry_off_and_on(browser, harbour):
    change(browser, harbour, toggle="0")
    assert [entry.enabled for entry in entries_of(harbour)] == [False, True, False]

    change(browser, harbour, toggle="0")
    assert [entry.enabled for entry in entries_of(harbour)] == [True, True, False]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"up": "1"}, ["Keeper", "Lamp", "Gulls"]),
        ({"down": "0"}, ["Keeper", "Lamp", "Gulls"]),
        ({"up": "0"}, ["Lamp", "Keeper", "Gulls"]),
        ({"move": "2", "before": "0"}, ["Gulls", "Lamp", "Keeper"]),
        ({"move": "0", "before": ""}, ["Keeper", "Gulls", "Lamp"]),
    ],
)
def test_entries_are_put_in_order(fields, expected, browser, harbour):
    change(browser, harbour, **fields)

    assert titles_of(harbour) == expected


def batch(browser, lorebook, action, chosen=("0", "1"), **fields):
    return change(browser, lorebook, action=action, chosen=list(chosen), **fields)


@pytest.mark.parametrize(
    ("action", "extra", "field", "expected"),
    [
        ("off", {}, "enabled", [False, False, False]),
        ("constant", {}, "constant", [True, True, False]),
        ("order", {"new_order": "-3"}, "order", [-3, -3, 100]),
        ("position", {"new_position": "4"}, "position", [Position.AT_DEPTH] * 2 + [0]),
    ],
)
def test_chosen_entries_change_together(action, extra, field, expected, browser, harbour):
    batch(browser, harbour, action, **extra)

    assert [getattr(entry, field) for entry in entries_of(harbour)] == expected


def test_everything_found_can_be_changed_at_once(browser, harbour):
    batch(browser, harbour, "on", chosen=(), all="on", q="gull")

    assert [entry.enabled for entry in entries_of(harbour)] == [True, True, True]


def test_copies_stand_behind_their_originals(browser, harbour):
    batch(browser, harbour, "copy")

    assert titles_of(harbour) == ["Lamp", "Lamp", "Keeper", "Keeper", "Gulls"]
    assert sorted(entry.uid for entry in entries_of(harbour)) == [0, 1, 2, 3, 4]


def test_deleting_can_be_undone_from_the_notice(browser, harbour):
    harbour_url = f"/app/lorebooks/{harbour.uid}"
    response = batch(browser, harbour, "delete")
    body = browser.get(response["Location"]).content.decode()

    assert titles_of(harbour) == ["Gulls"]
    assert "2 entries deleted." in body
    assert f'action="{harbour_url}/undo?number=2"' in body

    browser.post(f"{harbour_url}/undo?number=2")
    assert titles_of(harbour) == ["Lamp", "Keeper", "Gulls"]


def test_undo_of_a_change_that_is_not_the_last_is_refused(browser, harbour):
    batch(browser, harbour, "delete")
    harbour.refresh_from_db()
    change(browser, harbour, toggle="2")

    response = browser.post(f"/app/lorebooks/{harbour.uid}/undo?number=2")

    assert response.status_code == 409
    assert titles_of(harbour) == ["Gulls"]


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "off"},
        {"action": "fly", "chosen": "0"},
        {"action": "order", "chosen": "0", "new_order": "high"},
        {"action": "position", "chosen": "0", "new_position": "99"},
        {"action": "order", "chosen": "0", "new_order": "9999999"},
        {"toggle": "x"},
        {"action": "off", "chosen": "77"},
        {"up": "9" * 40},
    ],
)
def test_odd_request_is_refused_in_place_and_changes_nothing(fields, browser, harbour):
    response = change(browser, harbour, **fields)

    assert response.status_code in (400, 404)
    assert "Nothing was changed." in response.content.decode()
    assert entries_of(harbour) == ENTRIES


def test_change_of_an_older_version_is_refused_and_changes_nothing(browser, harbour):
    change(browser, harbour, toggle="0")

    response = change(browser, harbour, toggle="1")

    assert response.status_code == 409
    assert "changed in another window, so nothing was done" in response.content.decode()
    assert [entry.enabled for entry in entries_of(harbour)] == [False, True, False]


# One entry


def test_editor_shows_the_entry_and_what_is_wrong_with_its_keys(browser, harbour):
    body = browser.get(f"/app/lorebooks/{harbour.uid}?entry=2").content.decode()

    assert "They shriek." in body
    assert "This looks like a pattern but is taken word for word" in body


def test_saving_changes_what_was_typed(browser, harbour):
    response = save(
        browser, harbour, ENTRIES[0],
        keys="lamp\r\n/light(s)?/i\r\n\r\n", content="Line one.\r\nLine two.", order="7",
        position="4", depth="2", role="1", case_sensitive="yes", sticky="3",
        selective_logic="3", secondary_keys="oil", char_names="Luna\r\nAda", char_exclude="on",
    )  # fmt: skip

    lamp = entries_of(harbour)[0]
    assert response["Location"] == f"/app/lorebooks/{harbour.uid}?entry=0"
    assert (lamp.keys, lamp.content) == (("lamp", "/light(s)?/i"), "Line one.\nLine two.")
    assert (lamp.order, lamp.position, lamp.depth, int(lamp.role)) == (7, Position.AT_DEPTH, 2, 1)
    assert (lamp.case_sensitive, lamp.sticky, lamp.cooldown) == (True, 3, None)
    assert (lamp.selective_logic, lamp.secondary_keys) == (Logic.AND_ALL, ("oil",))
    assert lamp.character_filter == CharacterFilter(is_exclude=True, names=("Luna", "Ada"))
    assert entries_of(harbour)[1:] == ENTRIES[1:]


def test_saving_without_a_change_makes_no_version(browser, harbour):
    odd = Entry(uid=5, keys=("a\nb", " x "), content="one\r\ntwo\n", unknown={"novelai": {"x": 1}})
    book = create_lorebook(owner=harbour.owner, name="Odd", book=Book(entries=(odd,)))

    response = save(browser, book, odd)

    assert response.status_code == 302
    assert entries_of(book) == (odd,)
    assert book.number == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order": ""}, "order"),
        ({"probability": "101"}, "probability"),
        ({"position": "12"}, "position"),
        ({"scan_depth": "-1"}, "scan_depth"),
        ({"keys": "\n".join(f"k{n}" for n in range(1001))}, "keys"),
    ],
)
def test_refused_entry_keeps_its_text_and_changes_nothing(changes, field, browser, harbour):
    response = save(browser, harbour, ENTRIES[0], content="Typed just now.", **changes)

    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert "Typed just now." in response.content.decode()
    assert entries_of(harbour) == ENTRIES


def test_new_entry_goes_to_the_end(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/entries/add"

    response = browser.post(url, {**typed(Entry(uid=0), comment="Fog"), "number": 1})

    assert titles_of(harbour) == ["Lamp", "Keeper", "Gulls", "Fog"]
    assert response["Location"] == f"/app/lorebooks/{harbour.uid}?entry=3"


def test_conflict_keeps_what_was_typed_and_what_the_other_window_saved(browser, harbour):
    save(browser, harbour, ENTRIES[0], content="Theirs.", order="9")

    response = save(browser, harbour, ENTRIES[0], content="Mine.")

    form = response.context["form"]
    assert response.status_code == 409
    assert "changed in another window" in response.content.decode()
    assert (form["content"].value(), form["order"].value()) == ("Mine.", 9)
    assert response.context["opened"].theirs == [("Text", "Theirs.")]
    assert entries_of(harbour)[0].content == "Theirs."


def test_conflict_over_a_deleted_entry_offers_to_add_it_again(browser, harbour):
    batch(browser, harbour, "delete", chosen=("0",))

    response = save(browser, harbour, ENTRIES[0], content="Mine.", number=1)

    assert response.status_code == 409
    assert "was deleted in another window" in response.content.decode()
    assert response.context["form"]["content"].value() == "Mine."
    assert titles_of(harbour) == ["Keeper", "Gulls"]


def test_keys_are_checked_while_typing(browser):
    body = browser.post(
        "/app/lorebooks/check", {"keys": "fine\r\n/(a/\r\n/(a|aa)+$/", "content": "one two"}
    ).content.decode()

    assert '<output class="count">2</output>' in body
    assert body.count("taken word for word") == 1
    assert body.count("can take so long") == 1


# Settings, where it applies, copies, the trash


SETTINGS = {
    "name": "Harbour town", "tagline": "Salt", "description": "By the sea.", "tags": "sea, Salt",
    "visibility": "public", "nsfw": "on", "scan_depth": "5", "token_budget": "900",
    "recursive_scanning": "no",
}  # fmt: skip


def test_settings_are_saved(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/settings"

    assert browser.post(url, {**SETTINGS, "number": 1}).status_code == 302

    harbour.refresh_from_db()
    book = book_of(harbour)
    assert (harbour.name, harbour.tagline, harbour.visibility) == ("Harbour town", "Salt", "public")
    assert [tag.name for tag in harbour.tags.all()] == ["salt", "sea"]
    assert (book.name, book.description) == ("Harbour town", "By the sea.")
    assert (book.scan_depth, book.token_budget, book.recursive_scanning) == (5, 900, False)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"name": ""}, 400), ({"scan_depth": "5000"}, 400), ({"number": 9}, 409)],
)
def test_refused_settings_keep_their_text_and_change_nothing(changes, status, browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/settings"

    response = browser.post(url, {**SETTINGS, "number": 1, **changes})

    harbour.refresh_from_db()
    assert response.status_code == status
    assert "By the sea." in response.content.decode()
    assert (harbour.name, harbour.visibility, harbour.number) == ("Harbour", "private", 1)


def test_lorebook_is_bound_and_unbound(browser, owner, harbour):
    url = f"/app/lorebooks/{harbour.uid}/use"
    luna = CharacterFactory(owner=owner, name="Luna")
    mask = create_persona(owner=owner, name="Captain")

    browser.post(url, {"scope": "global"})
    browser.post(url, {"scope": "character", "target": luna.uid})
    browser.post(url, {"scope": "persona", "target": mask.uid})
    assert set(Binding.objects.values_list("user", "scope", "target")) == {
        (owner.pk, "global", ""),
        (owner.pk, "character", luna.uid),
        (owner.pk, "persona", mask.uid),
    }
    shown = browser.get(url).context
    assert (shown["is_global"], shown["characters"]) == (True, [(luna.uid, "Luna")])
    assert shown["personas"] == [(mask.uid, "Captain")]

    browser.post(url, {"scope": "character", "target": luna.uid, "remove": "1"})
    assert Binding.objects.filter(scope="character").count() == 0


@pytest.mark.parametrize("scope", ["character", "persona", "chat", "moon"])
def test_lorebook_is_not_bound_to_what_is_not_there(scope, browser, harbour):
    response = browser.post(
        f"/app/lorebooks/{harbour.uid}/use", {"scope": scope, "target": "nobody"}
    )

    assert response.status_code in (400, 404)
    assert Binding.objects.count() == 0


def test_trash_and_undo(browser, harbour):
    gone = browser.post(f"/app/lorebooks/{harbour.uid}/trash", follow=True).content.decode()

    assert "Harbour is in the trash." in gone
    assert browser.get(f"/app/lorebooks/{harbour.uid}").status_code == 404

    browser.post(f"/app/lorebooks/{harbour.uid}/restore")
    assert browser.get(f"/app/lorebooks/{harbour.uid}").status_code == 200


def test_shared_lorebook_is_read_only_and_can_be_copied(elsewhere, stranger, harbour):
    Lorebook.objects.update(visibility=Project.Visibility.PUBLIC)

    body = elsewhere.get(f"/app/lorebooks/{harbour.uid}?entry=0").content.decode()
    assert "Make a copy" in body
    assert "The lamp burns blue." in body
    assert 'name="toggle"' not in body
    assert "entry-save" not in body

    elsewhere.post(f"/app/lorebooks/{harbour.uid}/copy")
    copy = Lorebook.objects.get(owner=stranger)
    assert (copy.name, copy.visibility, book_of(copy)) == ("Harbour", "private", book_of(harbour))


CHANGING = [
    ("entries", {"toggle": "0", "number": 1}),
    ("entries/add", {"comment": "X", "number": 1}),
    ("entries/0", {"comment": "X", "number": 1}),
    ("undo", {"number": 1}),
    ("settings", {**SETTINGS, "number": 1}),
    ("trash", {}),
    ("restore", {}),
]


@pytest.mark.parametrize(("path", "fields"), CHANGING)
def test_stranger_cannot_change_even_a_public_lorebook(path, fields, elsewhere, harbour):
    Lorebook.objects.update(visibility=Project.Visibility.PUBLIC)

    response = elsewhere.post(f"/app/lorebooks/{harbour.uid}/{path}", fields)

    harbour.refresh_from_db()
    assert response.status_code == 404
    assert (harbour.number, harbour.name, harbour.trashed_at) == (1, "Harbour", None)
    assert book_of(harbour).entries == ENTRIES


@pytest.mark.parametrize("path", ["", "/test", "/use", "/export?format=risu", "/settings"])
def test_private_lorebook_is_not_found_by_others(path, elsewhere, harbour):
    assert elsewhere.get(f"/app/lorebooks/{harbour.uid}{path}").status_code == 404


def test_private_lorebook_cannot_be_copied_or_bound_by_others(elsewhere, harbour):
    assert elsewhere.post(f"/app/lorebooks/{harbour.uid}/copy").status_code == 404
    bound = elsewhere.post(f"/app/lorebooks/{harbour.uid}/use", {"scope": "global"})

    assert bound.status_code == 404
    assert (Lorebook.objects.count(), Binding.objects.count()) == (1, 0)


# The test box

TRIAL = {
    "scan_depth": "2", "budget_tokens": "2048", "max_recursion_steps": "0",
    "min_activations": "0", "match_whole_words": "on", "seed": "one",
}  # fmt: skip


def test_test_box_says_what_fires_and_why_not_the_rest(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/test"

    response = browser.post(url, {**TRIAL, "text": "Ann: The lamp!\nBen: Hush."})
    outcome = response.context["outcome"]

    assert [(one.title, one.reason) for one in outcome["fired"]] == [
        ("Lamp", "“lamp” is in message 2 from below.")
    ]
    assert [(group.reason, group.size) for group in outcome["silent"]] == [
        ("None of its keys was found.", 1),
        ("It is turned off.", 1),
    ]
    assert [words for words, _ in outcome["places"]] == ["Before the character"]
    assert entries_of(harbour) == ENTRIES


def test_test_box_says_what_the_budget_cuts(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/test"

    response = browser.post(url, {**TRIAL, "text": "lamp keeper", "budget_tokens": "6"})
    outcome = response.context["outcome"]

    assert [one.title for one in outcome["cut"]] == ["Keeper"]
    assert [one.title for one in outcome["fired"]] == ["Lamp"]
    assert outcome["is_over_budget"] is True
    assert "It was called up by “keeper”." in response.content.decode()


def test_test_box_refuses_odd_settings_and_keeps_the_text(browser, harbour):
    url = f"/app/lorebooks/{harbour.uid}/test"

    response = browser.post(url, {**TRIAL, "text": "Typed.", "scan_depth": "-4"})

    assert response.status_code == 400
    assert "Typed." in response.content.decode()


def test_test_box_of_a_shared_book_is_open_to_others(elsewhere, harbour):
    Lorebook.objects.update(visibility=Project.Visibility.UNLISTED)

    response = elsewhere.post(f"/app/lorebooks/{harbour.uid}/test", {**TRIAL, "text": "the lamp"})

    assert [one.title for one in response.context["outcome"]["fired"]] == ["Lamp"]


def test_test_box_says_that_the_scan_was_cut_short(browser, harbour, monkeypatch):
    url = f"/app/lorebooks/{harbour.uid}/test"
    said = "The scan took too long and was ended"
    assert said not in browser.post(url, {**TRIAL, "text": "the lamp"}).content.decode()
    monkeypatch.setattr("lore.activation.WORK_MOST", 0)

    assert said in browser.post(url, {**TRIAL, "text": "the lamp"}).content.decode()
