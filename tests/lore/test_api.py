"""Lorebooks over the resource API: shapes, refusals that change nothing, strangers, dry runs."""

import pytest
from rest_framework.test import APIClient

from catalog.models import Project
from lore.models import Lorebook
from lore.services import book_of, create_lorebook
from lore.values import Book, Entry, Position
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db

BODY = {
    "name": "Harbour",
    "description": "What the town knows.",
    "entries": [
        {"key": ["lamp", "/light(s|house)/i"], "content": "The lamp burns blue."},
        {
            "key": ["keeper"],
            "content": "The keeper never sleeps.",
            "enabled": False,
            "insertion_order": 7,
            "case_sensitive": True,
            "position": "at_depth",
            "depth": 2,
            "role": 1,
        },
    ],
    "public": True,
    "nsfw": True,
    "tags": ["Sea", "sea"],
    "token_budget": 500,
}


def api(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def mine(owner):
    return api(owner)


@pytest.fixture
def made(mine):
    return mine.post("/api/lorebook", BODY, format="json").json()


def error_of(response):
    return response.status_code, response.json()["error"]["code"]


def test_creating_keeps_every_field(mine, owner):
    response = mine.post("/api/lorebook", BODY, format="json")

    harbour = Lorebook.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "id": harbour.pk,
        "uid": harbour.uid,
        "name": "Harbour",
        "entry_count": 2,
        "token_count": harbour.token_count,
        "version": 1,
        "created_at": harbour.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert (harbour.owner, harbour.visibility, harbour.nsfw) == (owner, "public", True)
    assert [tag.name for tag in harbour.tags.all()] == ["sea"]
    lamp, keeper = book_of(harbour).entries
    assert lamp == Entry(
        uid=0, keys=("lamp", "/light(s|house)/i"), content="The lamp burns blue.", display_index=0
    )
    assert (keeper.enabled, keeper.order, keeper.case_sensitive) == (False, 7, True)
    assert (keeper.position, keeper.depth, int(keeper.role)) == (Position.AT_DEPTH, 2, 1)
    assert book_of(harbour).token_budget == 500


@pytest.mark.parametrize("name", ["id", "uid"])
def test_lorebook_is_read_by_number_and_by_uid(name, mine, made, owner):
    body = mine.get(f"/api/lorebook/{made[name]}").json()

    assert (body["id"], body["uid"], body["name"]) == (made["id"], made["uid"], "Harbour")
    assert (body["description"], body["public"], body["tags"]) == (
        "What the town knows.",
        True,
        ["sea"],
    )
    assert (body["creator"], body["version"], body["token_budget"]) == ("owner", 1, 500)
    assert body["entries"][1]["key"] == ["keeper"]
    assert body["entries"][1]["position"] == "at_depth"
    assert body["entries"][1]["role"] == "user"
    assert body["entries"][0]["insertion_order"] == 100


def test_what_is_read_can_be_written_back_unchanged(mine, made):
    url = f"/api/lorebook/{made['id']}"
    before = mine.get(url).json()

    after = mine.put(url, before, format="json").json()

    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}


def test_change_of_one_entry_keeps_what_is_not_mentioned(mine, made):
    url = f"/api/lorebook/{made['id']}"
    entries = [{"uid": 1, "key": ["warden"], "content": "Awake."}, {"key": [], "content": "New."}]

    body = mine.put(url, {"entries": entries}, format="json").json()

    warden, new = book_of(Lorebook.objects.get()).entries
    assert (body["name"], body["version"], body["entry_count"]) == ("Harbour", 2, 2)
    assert (warden.uid, warden.keys, warden.order, warden.depth) == (1, ("warden",), 7, 2)
    assert (new.uid, new.content) == (3, "New.")


def test_change_of_an_older_version_is_refused_and_changes_nothing(mine, made):
    url = f"/api/lorebook/{made['id']}"
    mine.put(url, {"token_budget": 9, "version": 1}, format="json")

    response = mine.put(url, {"token_budget": 10, "version": 1}, format="json")

    assert error_of(response) == (409, "lorebook_changed")
    assert book_of(Lorebook.objects.get()).token_budget == 9


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"name": ""}, ["body", "name"]),
        ({"entries": [{"content": "x"}]}, ["body", "entries", "0", "key"]),
        (
            {"entries": [{"key": [], "content": "x", "position": "up"}]},
            ["body", "entries", "0", "position"],
        ),
    ],
)
def test_wrong_shape_is_refused_and_changes_nothing(change, loc, mine, made):
    response = mine.put(f"/api/lorebook/{made['id']}", change, format="json")

    assert response.status_code == 422
    assert [str(part) for part in response.json()["detail"][0]["loc"]] == loc
    assert Lorebook.objects.get().number == 1


def test_value_out_of_reason_names_the_entry_and_changes_nothing(mine, made):
    entries = [{"key": [], "content": "x"}, {"key": [], "content": "y", "probability": 101}]

    response = mine.put(f"/api/lorebook/{made['id']}", {"entries": entries}, format="json")

    assert response.json()["error"] == {
        "type": "user_error",
        "code": "invalid_request",
        "message": "Entry 1: `probability` is a number from 0 to 100.",
        "param": "entries.1.probability",
    }
    assert Lorebook.objects.get().entry_count == 2


def test_same_uid_twice_is_refused(mine):
    entries = [{"uid": 3, "key": [], "content": "x"}] * 2

    response = mine.post("/api/lorebook", {"name": "Twice", "entries": entries}, format="json")

    assert error_of(response) == (400, "uid_twice")
    assert Lorebook.objects.count() == 0


def test_delete_moves_to_the_trash(mine, made):
    url = f"/api/lorebook/{made['id']}"

    assert mine.delete(url).status_code == 204
    assert Lorebook.objects.get().trashed_at is not None
    assert error_of(mine.get(url)) == (404, "lorebook_not_found")


def test_stranger_finds_no_private_lorebook_and_changes_nothing(owner, stranger):
    book = create_lorebook(owner=owner, name="Secret")
    url, theirs = f"/api/lorebook/{book.pk}", api(stranger)

    answers = [
        theirs.get(url),
        theirs.put(url, {"name": "Mine now"}, format="json"),
        theirs.delete(url),
        theirs.post(f"{url}/test", {"text": "x"}, format="json"),
    ]

    book.refresh_from_db()
    assert [error_of(answer) for answer in answers] == [(404, "lorebook_not_found")] * 4
    assert (book.name, book.trashed_at) == ("Secret", None)


def test_shared_lorebook_is_read_but_not_changed_by_others(owner, stranger):
    book = create_lorebook(owner=owner, name="Open", visibility=Project.Visibility.PUBLIC)
    url, theirs = f"/api/lorebook/{book.pk}", api(stranger)

    assert theirs.get(url).json()["name"] == "Open"
    assert error_of(theirs.put(url, {"name": "Mine"}, format="json")) == (404, "lorebook_not_found")
    assert error_of(theirs.delete(url)) == (404, "lorebook_not_found")
    book.refresh_from_db()
    assert (book.name, book.trashed_at) == ("Open", None)


@pytest.mark.parametrize("given", ["0", "9" * 30, "nothing", "²"])
def test_odd_id_is_not_found(given, mine):
    assert mine.get(f"/api/lorebook/{given}").status_code == 404


def test_nobody_without_a_key_gets_in(made):
    client = APIClient()

    assert client.get(f"/api/lorebook/{made['id']}").status_code == 401
    assert client.post("/api/lorebook", BODY, format="json").status_code == 401


def test_key_of_the_owner_opens_it(made, secret):
    headers = {"Authorization": f"Bearer {secret}"}

    response = APIClient().get(f"/api/lorebook/{made['id']}", headers=headers)

    assert response.json()["name"] == "Harbour"


def test_dry_run_tells_what_fires_and_why(mine, made):
    url = f"/api/lorebook/{made['id']}/test"

    body = mine.post(url, {"text": "Ann: Hello.\nBen: The LIGHTS are on."}, format="json").json()

    assert (body["activated"], body["is_over_budget"], body["slow_keys"]) == ([0], False, {})
    assert body["slots"] == [
        {
            "slot": "before",
            "depth": None,
            "role": None,
            "from_start": False,
            "entries": [
                {"uid": 0, "text": "The lamp burns blue.", "tokens": body["tokens"]},
            ],
        }
    ]
    lamp, keeper = body["verdicts"]
    assert lamp == {
        "uid": 0,
        "title": "lamp",
        "activated": True,
        "rule": "key",
        "reason": "“/light(s|house)/i” is in the newest message.",
        "key": "/light(s|house)/i",
        "where": {"kind": "message", "message": 0},
        "scan": 1,
        "tokens": body["tokens"],
    }
    assert (keeper["activated"], keeper["rule"], keeper["reason"]) == (
        False,
        "disabled",
        "It is turned off.",
    )


def test_dry_run_takes_messages_settings_and_a_character(mine, owner):
    luna = CharacterFactory(owner=owner, name="Luna", description="She owns a boat.")
    entries = (
        Entry(uid=0, keys=("{{char}}",), content="{{char}} greets {{user}}."),
        Entry(uid=1, keys=("boat",), content="A boat.", match_character_description=True),
        Entry(uid=2, keys=("gull",), content="Gulls."),
    )
    book = create_lorebook(owner=owner, name="Sea", book=Book(entries=entries))
    request = {
        "messages": [
            {"role": "user", "content": "A gull."},
            {"role": "assistant", "content": "Quiet now."},
        ],
        "settings": {"scan_depth": 1},
        "character_id": luna.uid,
    }

    body = mine.post(f"/api/lorebook/{book.pk}/test", request, format="json").json()

    assert sorted(body["activated"]) == [0, 1]
    assert {placed["text"] for placed in body["slots"][0]["entries"]} == {
        "Luna greets owner.",
        "A boat.",
    }
    assert [one["rule"] for one in body["verdicts"] if one["uid"] == 2] == ["no_key"]


def test_dry_run_says_what_the_budget_cuts(mine, made):
    settings = {"budget_tokens": 2}

    body = mine.post(
        f"/api/lorebook/{made['id']}/test", {"text": "lamp", "settings": settings}, format="json"
    ).json()

    assert (body["activated"], body["is_over_budget"]) == ([], True)
    assert (body["verdicts"][0]["rule"], body["verdicts"][0]["key"]) == ("budget", "lamp")


def test_dry_run_names_slow_keys(mine, owner):
    entry = Entry(uid=0, keys=("/(a|aa)+$/",), content="x")
    book = create_lorebook(owner=owner, name="Slow", book=Book(entries=(entry,)))

    body = mine.post(
        f"/api/lorebook/{book.pk}/test", {"text": "a" * 5000 + "!"}, format="json"
    ).json()

    assert body["slow_keys"] == {"/(a|aa)+$/": "it took too long and was stopped"}


def test_dry_run_says_that_it_was_cut_short(mine, made, monkeypatch):
    url, request = f"/api/lorebook/{made['id']}/test", {"text": "lamp"}
    whole = mine.post(url, request, format="json").json()
    monkeypatch.setattr("lore.activation.WORK_MOST", 0)

    cut = mine.post(url, request, format="json").json()

    assert (whole["is_cut_short"], cut["is_cut_short"]) == (False, True)


def test_dry_run_with_the_same_seed_has_the_same_luck(mine, owner):
    entries = tuple(
        Entry(uid=uid, keys=("x",), content=f"{uid}", probability=50) for uid in range(40)
    )
    book = create_lorebook(owner=owner, name="Luck", book=Book(entries=entries))
    url = f"/api/lorebook/{book.pk}/test"

    def lucky(seed):
        return mine.post(url, {"text": "x", "seed": seed}, format="json").json()["activated"]

    assert lucky("one") == lucky("one")
    assert lucky("one") != lucky("two")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"text": "x", "settings": {"scan_depth": -1}}, (400, "invalid_request")),
        ({"text": "x", "settings": {"insertion_strategy": 9}}, (400, "invalid_request")),
        ({"text": "x", "character_id": "nobody"}, (404, "character_not_found")),
        ({"text": "x", "character_id": "9" * 30}, (404, "character_not_found")),
    ],
)
def test_dry_run_refuses(request_, expected, mine, made):
    response = mine.post(f"/api/lorebook/{made['id']}/test", request_, format="json")

    assert error_of(response) == expected


def test_dry_run_with_a_strangers_private_character_is_refused(mine, made, stranger):
    secret = CharacterFactory(owner=stranger)
    request = {"text": "x", "character_id": str(secret.pk)}

    response = mine.post(f"/api/lorebook/{made['id']}/test", request, format="json")

    assert error_of(response) == (404, "character_not_found")
