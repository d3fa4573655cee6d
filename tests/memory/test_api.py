"""Memories and summaries over the resource API: by key and by session, and nobody else's."""

import pytest
from django.test import Client

from chats.models import Chat
from memory import services
from memory.models import Memory, MemorySource, Notebook, Summary
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db
M1 = "m" * 24


@pytest.fixture
def api(secret):
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def notebook(owner, luna):
    return services.default_notebook(user=owner, character=luna.uid)


@pytest.fixture
def chat(luna, notebook):
    return ChatFactory(character=luna, notebook=notebook)


@pytest.fixture
def bees(notebook, chat):
    return services.remember(
        notebook, "Ana keeps bees.", author="model", chat=chat.uid, message=M1, evidence=["e", M1]
    )


@pytest.fixture
def summary(notebook, chat):
    return summarise(notebook, chat)


def summarise(notebook, chat, first=0, level=0, **given):
    values = {"first_position": first, "last_position": first + 9, "text": "They met.", **given}
    return Summary.objects.create(
        notebook=notebook, chat=chat.uid, level=level, last_message=f"m{first}", **values
    )


def sent(client, method, path, body=None):
    return getattr(client, method)(
        f"/api/memory/{path}", body or {}, content_type="application/json"
    )


def listed(api, query):
    body = api.get(f"/api/memory/?{query}").json()
    return [memory["text"] for memory in body["memories"]]


def tell(notebook, text, **given):
    return services.remember(notebook, text, author="person", **given)


def state():
    tables = (Notebook, Memory, MemorySource, Summary)
    return [list(table.objects.values()) for table in tables]


# Reading


def test_memory_is_told_with_sources_and_history(api, bees, chat, notebook):
    made = services.correct(bees, "Ana kept bees.", author="person")

    body = api.get(f"/api/memory/{bees.uid}").json()

    history = body.pop("history")
    assert all((body.pop("created_at"), not body.pop("retired_at"), not body.pop("recalled_at")))
    assert body == {
        "id": bees.uid,
        "notebook": notebook.uid,
        "text": "Ana keeps bees.",
        "status": "superseded",
        "scope": "character",
        "chat": "",
        "author": "model",
        "importance": 5,
        "pinned": False,
        "supersedes": None,
        "sources": [
            {
                "chat": chat.uid,
                "message": M1,
                "evidence": ["e", M1],
                "live": True,
                "stale": False,
            }
        ],
    }
    assert [(row["id"], row["status"], row["supersedes"]) for row in history] == [
        (bees.uid, "superseded", None),
        (made.uid, "active", bees.uid),
    ]


def test_list_by_status_words_and_chat(api, bees, chat, notebook, luna):
    other = ChatFactory(character=luna, notebook=notebook)
    tell(notebook, "The key is here.", scope="chat", chat=chat.uid)
    tell(notebook, "The key is there.", scope="chat", chat=other.uid)
    services.forget(tell(notebook, "Bo is ten."), author="person")
    whose = f"character={luna.uid}"

    assert listed(api, whose) == [
        "Bo is ten.",
        "The key is there.",
        "The key is here.",
        "Ana keeps bees.",
    ]
    assert listed(api, f"{whose}&status=retired") == ["Bo is ten."]
    assert listed(api, f"{whose}&q=KEY+is") == ["The key is there.", "The key is here."]
    assert listed(api, f"chat={chat.uid}&status=active") == ["The key is here.", "Ana keeps bees."]
    MemorySource.objects.update(live=False)
    assert listed(api, f"{whose}&status=withdrawn") == ["Ana keeps bees."]


def test_list_goes_on_at_the_cursor(api, notebook, luna):
    for text in ("A.", "B.", "C."):
        tell(notebook, text)
    query = f"/api/memory/?character={luna.uid}&limit=2"

    first = api.get(query).json()
    tell(notebook, "D.")
    rest = api.get(f"{query}&cursor={first['next_cursor']}").json()

    assert [memory["text"] for memory in first["memories"]] == ["C.", "B."]
    assert ([memory["text"] for memory in rest["memories"]], rest["next_cursor"]) == (["A."], None)
    assert (first["count"], rest["count"]) == (3, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(
    count, api, notebook, luna, django_assert_num_queries
):
    for number in range(count):
        services.remember(notebook, f"Fact {number}.", author="model", message=f"m{number}")
    api.get(f"/api/memory/?character={luna.uid}")

    with django_assert_num_queries(4):
        assert len(listed(api, f"character={luna.uid}")) == count


def test_detail_asks_as_much_for_a_long_history(api, bees, django_assert_num_queries):
    memory = bees
    for number in range(4):
        memory = services.correct(memory, f"Ana has {number} hives.", author="person")
    api.get(f"/api/memory/{bees.uid}")

    with django_assert_num_queries(4):
        assert len(api.get(f"/api/memory/{bees.uid}").json()["history"]) == 5


@pytest.mark.parametrize(
    ("query", "status", "where"),
    [
        ("", 400, "character"),
        ("character={luna}&status=lost", 422, ["body", "status"]),
        ("character={luna}&limit=0", 422, ["body", "limit"]),
        ("character={luna}&q=" + "x" * 201, 422, ["body", "q"]),
        ("character=nobody", 404, None),
        ("chat=nowhere", 404, None),
    ],
)
def test_refused_lists_name_the_field(api, luna, query, status, where):
    answer = api.get(f"/api/memory/?{query.format(luna=luna.uid)}")

    said = answer.json()
    found = said["detail"][0]["loc"] if status == 422 else said["error"]["param"]
    assert (answer.status_code, found) == (status, where)


# Writing


def test_create_once(api, luna, owner):
    body = {"character": luna.uid, "text": " Ana  keeps bees. ", "importance": 8, "pinned": True}

    made = sent(api, "post", "", body)
    again = sent(api, "post", "", body)

    memory = Memory.objects.get()
    assert (made.status_code, made.json()) == (200, again.json())
    assert (memory.text, memory.importance, memory.pinned) == ("Ana keeps bees.", 8, True)
    assert (memory.author, memory.notebook.user) == ("person", owner)


def test_create_in_a_chat_from_before_there_were_notebooks(api, luna):
    chat = ChatFactory(character=luna)

    body = sent(api, "post", "", {"chat": chat.uid, "text": "Here.", "scope": "chat"}).json()

    chat.refresh_from_db()
    assert (body["scope"], body["chat"], body["notebook"]) == ("chat", chat.uid, chat.notebook_id)


@pytest.mark.parametrize(
    ("given", "status", "where"),
    [
        ({"text": ""}, 422, ["body", "text"]),
        ({"text": "x" * 1001}, 422, ["body", "text"]),
        ({"importance": 11}, 422, ["body", "importance"]),
        ({"scope": "room"}, 422, ["body", "scope"]),
        ({"text": "\x07"}, 400, "text"),
        ({"scope": "chat"}, 400, "chat"),
    ],
)
def test_refused_memory_makes_nothing(api, luna, given, status, where):
    answer = sent(api, "post", "", {"character": luna.uid, "text": "Bees.", **given})

    said = answer.json()
    found = said["detail"][0]["loc"] if status == 422 else said["error"]["param"]
    assert (answer.status_code, found, Memory.objects.count()) == (status, where, 0)


def test_patch_supersedes_weighs_and_pins(api, bees):
    given = {"text": "Ana kept bees.", "importance": 9, "pinned": True}

    body = sent(api, "patch", bees.uid, given).json()

    bees.refresh_from_db()
    assert (bees.text, bees.importance, bees.pinned) == ("Ana keeps bees.", 5, False)
    assert {name: body[name] for name in given} == given
    assert (body["supersedes"], body["status"], body["author"]) == (bees.uid, "active", "person")
    late = sent(api, "patch", bees.uid, {"text": "No.", "pinned": True})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "memory_changed")
    assert Memory.objects.count() == 2


def test_forget_undo_and_forget_for_good(api, bees, luna):
    whose = f"character={luna.uid}&status=active"

    assert [sent(api, "delete", bees.uid).status_code for _ in range(2)] == [204, 204]
    assert listed(api, whose) == []
    assert sent(api, "post", f"{bees.uid}/undo").json()["status"] == "active"
    assert listed(api, whose) == ["Ana keeps bees."]
    refused = sent(api, "post", f"{bees.uid}/undo")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "nothing_to_undo")

    for status in (204, 404):
        assert sent(api, "delete", f"{bees.uid}?for_good=true").status_code == status
    assert (Memory.objects.count(), MemorySource.objects.count()) == (0, 0)


def test_approve_and_reject(api, notebook):
    one, other = (
        services.remember(notebook, text, author="model", status="proposed") for text in "AB"
    )

    assert sent(api, "post", f"{one.uid}/approve").json()["status"] == "active"
    assert sent(api, "post", f"{other.uid}/reject").json()["status"] == "retired"
    for memory, verb in ((one, "reject"), (other, "approve")):
        assert sent(api, "post", f"{memory.uid}/{verb}").status_code == 409


def test_many_at_once(api, notebook, luna):
    made = [services.remember(notebook, text, author="model", status="proposed") for text in "ABCD"]
    place = {"character": luna.uid}

    def many(action, *memories):
        uids = {"memories": [memory.uid for memory in memories]} if memories else {}
        return sent(api, "post", "many", {**place, "action": action, **uids})

    assert many("approve", made[0]).json() == {"changed": 1}
    assert many("reject", made[0], made[1]).json() == {"changed": 1}
    assert many("approve").json() == {"changed": 2}
    assert many("forget", made[0], made[2]).json() == {"changed": 2}
    assert listed(api, f"character={luna.uid}&status=active") == ["D"]
    refused = many("forget")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "memories")


def test_settings(api, notebook, luna, owner):
    path = f"settings?character={luna.uid}"
    expected = {
        "id": notebook.uid,
        "character": luna.uid,
        "is_default": True,
        "remembers": True,
        "summarises": True,
        "approve_first": False,
    }
    assert sent(api, "get", path).json() == expected

    change = {"remembers": False, "approve_first": True}
    body = sent(api, "patch", "settings", {"character": luna.uid, **change}).json()

    assert body == {**expected, **change}
    assert sent(api, "get", path).json() == body


# Summaries


def test_summaries_of_a_chat(api, notebook, chat, summary):
    summarise(notebook, chat, level=1, last_position=79)
    summarise(notebook, chat, first=10, live=False, stale=True)

    body = api.get(f"/api/memory/summaries?chat={chat.uid}").json()
    shown = api.get(f"/api/memory/summaries?chat={chat.uid}&live=true&limit=1&page=2").json()

    places = [(row["level"], row["first_position"], row["live"]) for row in body["summaries"]]
    assert places == [(1, 0, True), (0, 0, True), (0, 10, False)]
    assert [row["id"] for row in shown["summaries"]] == [summary.uid]
    assert (shown["count"], shown["pages"]) == (2, 2)
    assert sent(api, "get", f"summaries/{summary.uid}").json() == shown["summaries"][0]


@pytest.mark.parametrize("count", [1, 3])
def test_summaries_ask_as_much_for_three_as_for_one(
    count, api, notebook, chat, django_assert_num_queries
):
    for number in range(count):
        summarise(notebook, chat, first=10 * number)
    api.get(f"/api/memory/summaries?chat={chat.uid}")

    with django_assert_num_queries(3):
        api.get(f"/api/memory/summaries?chat={chat.uid}")


def test_rewriting_a_summary_outdates_what_rests_on_it(api, notebook, chat, summary):
    above = summarise(notebook, chat, level=1, last_position=79)
    pinned = summarise(notebook, chat, level=2, last_position=500, pinned=True)
    beside = summarise(notebook, chat, first=80, level=1)

    body = sent(api, "patch", f"summaries/{summary.uid}", {"text": " We met. ", "pinned": True})

    told = body.json()
    assert (told["text"], told["author"], told["pinned"]) == ("We met.", "person", True)
    assert told["edited_at"]
    assert told["tokens"] > 0
    stale = Summary.objects.filter(stale=True)
    assert list(stale) == [above]
    assert {pinned.stale, beside.stale} == {False}


def test_deleting_a_summary(api, notebook, chat, summary):
    above = summarise(notebook, chat, level=1, last_position=79)
    before = notebook.version

    for status in (204, 404):
        assert sent(api, "delete", f"summaries/{summary.uid}").status_code == status

    assert list(Summary.objects.filter(stale=True)) == [above]
    notebook.refresh_from_db()
    assert notebook.version == before + 1


@pytest.mark.parametrize("text", ["", "x" * 20_001])
def test_refused_summary_changes_nothing(api, summary, text):
    before = state()

    answer = sent(api, "patch", f"summaries/{summary.uid}", {"text": text, "pinned": True})

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "text"])
    assert state() == before


# Others


def test_strangers_find_nothing_and_change_nothing(stranger, bees, chat, luna, summary):
    client = Client()
    client.force_login(stranger)
    before = state()
    one, both = {"text": "Mine."}, {"action": "forget", "memories": [bees.uid]}
    calls = [
        ("get", f"?character={luna.uid}", None),
        ("get", f"?chat={chat.uid}", None),
        ("post", "", {"character": luna.uid, **one}),
        ("post", "", {"chat": chat.uid, **one}),
        ("get", bees.uid, None),
        ("patch", bees.uid, {**one, "pinned": True}),
        ("delete", bees.uid, None),
        ("delete", f"{bees.uid}?for_good=true", None),
        *(("post", f"{bees.uid}/{verb}", None) for verb in ("approve", "reject", "undo")),
        ("post", "many", {"chat": chat.uid, **both}),
        ("get", f"settings?character={luna.uid}", None),
        ("patch", "settings", {"chat": chat.uid, "remembers": False}),
        ("get", f"summaries/{summary.uid}", None),
        ("patch", f"summaries/{summary.uid}", one),
        ("delete", f"summaries/{summary.uid}", None),
    ]

    answers = [sent(client, *call).status_code for call in calls]

    assert answers == [404] * len(calls)
    assert sent(client, "get", f"summaries?chat={chat.uid}").json()["count"] == 0
    assert state() == before


def test_who_shares_a_character_shares_no_memory(stranger, bees, luna):
    luna.visibility = "public"
    luna.save()
    client = Client()
    client.force_login(stranger)
    many = {"character": luna.uid, "action": "forget", "memories": [bees.uid]}

    assert sent(client, "post", "", {"character": luna.uid, "text": "Mine."}).status_code == 200
    assert listed(client, f"character={luna.uid}") == ["Mine."]
    assert sent(client, "post", "many", many).json() == {"changed": 0}
    bees.refresh_from_db()
    assert bees.status == "active"


def test_what_is_known_stays_readable_when_the_character_is_withdrawn(stranger, api, luna):
    luna.visibility = "public"
    luna.save()
    client = Client()
    client.force_login(stranger)
    sent(client, "post", "", {"character": luna.uid, "text": "Mine."})
    luna.visibility = "private"
    luna.save()

    assert listed(client, f"character={luna.uid}") == ["Mine."]


def test_guests_are_asked_who_they_are(client, bees, luna):
    assert sent(client, "get", f"?character={luna.uid}").status_code == 401
    assert sent(client, "delete", bees.uid).status_code == 401


def test_session_needs_its_token(owner, bees):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)

    assert sent(browser, "delete", bees.uid).status_code == 403
    assert Memory.objects.get().status == "active"


def test_forks_have_their_own_page_of_the_notebook(api, bees, chat, owner):
    fork = ChatFactory(character=chat.character)
    copy = services.copy_notebook(
        bees.notebook, messages={M1: "n" * 24}, old_chat=chat.uid, new_chat=fork.uid
    )
    Chat.objects.filter(uid=fork.uid).update(notebook=copy)

    found = api.get(f"/api/memory/?chat={fork.uid}").json()["memories"]

    assert [(row["text"], row["sources"][0]["chat"]) for row in found] == [
        ("Ana keeps bees.", fork.uid)
    ]
    assert found[0]["id"] != bees.uid
