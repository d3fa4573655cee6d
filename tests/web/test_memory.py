"""The pages of what characters remember: lists, one memory, a chat's summary, carrying on."""

import re

import pytest
from django.test import Client

from chats.models import Chat, Message, Turn
from jobs.models import Job
from memory import queries, services
from memory.models import Memory, MemorySource, Summary
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def notebook(chat):
    return chat.notebook


@pytest.fixture
def greeting(chat):
    return chat.messages.get()


@pytest.fixture
def bees(notebook, chat, greeting):
    return services.remember(
        notebook, "Ana keeps bees.", author="model", chat=chat.uid, message=greeting.uid
    )


@pytest.fixture
def summary(notebook, chat, greeting):
    return summarise(notebook, chat, last_message=greeting.uid)


def summarise(notebook, chat, first=0, last=9, **given):
    values = {"text": "They met.", "last_message": f"m{first}", **given}
    return Summary.objects.create(
        notebook=notebook, chat=chat.uid, first_position=first, last_position=last, **values
    )


def tell(notebook, text, **given):
    return services.remember(notebook, text, author="person", **given)


def address(notebook, verb="change"):
    return f"/app/memory/{notebook.uid}/{verb}"


def change(browser, notebook, **fields):
    return browser.post(address(notebook), fields)


def facts(page):
    found = re.findall(r'<p class="fact-text" dir="auto">(.*?)</p>', page.content.decode())
    return [re.sub("<.*?>", "", fact) for fact in found]


def known(notebook, chat=""):
    return [memory.text for memory in queries.known(notebook.uid, chat)]


def listed(browser, luna, query=""):
    return facts(browser.get(f"/app/characters/{luna.uid}/memory{query}"))


# The list


def test_empty_page_says_what_will_be_kept(browser, luna):
    page = browser.get(f"/app/characters/{luna.uid}/memory").content.decode()

    assert "Luna remembers nothing of you yet." in page
    assert "Something to remember" in page


def test_a_fact_shows_who_wrote_it_when_and_where(browser, luna, bees, chat, greeting):
    page = browser.get(f"/app/characters/{luna.uid}/memory").content.decode()

    assert "Written by Luna" in page
    assert "not recalled yet" in page
    assert f'href="/app/messages/{greeting.uid}"' in page


def test_search_filter_and_pages(browser, luna, notebook, monkeypatch):
    for text in ("The key is here.", "Ana keeps bees.", "The door is green."):
        tell(notebook, text)
    services.forget(tell(notebook, "Bo is ten."), author="person")
    services.set_pinned(queries.known(notebook.uid, "")[0], True)

    assert listed(browser, luna) == ["The key is here.", "The door is green.", "Ana keeps bees."]
    assert listed(browser, luna, "?q=THE+is") == ["The key is here.", "The door is green."]
    assert listed(browser, luna, "?status=retired") == ["Bo is ten."]
    assert listed(browser, luna, "?q=nothing") == []
    monkeypatch.setattr("web.memory_context.PAGE_SIZE", 2)
    assert listed(browser, luna, "?page=2") == ["Ana keeps bees."]


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(
    count, browser, luna, notebook, greeting, chat, django_assert_num_queries
):
    for number in range(count):
        services.remember(
            notebook, f"Fact {number}.", author="model", chat=chat.uid, message=greeting.uid
        )
    listed(browser, luna)

    with django_assert_num_queries(9):
        assert len(listed(browser, luna)) == count


def test_memory_is_inert(browser, luna, notebook):
    evil = "<img src=x onerror=alert(1)> ![a](https://evil.example/x) [b](javascript:c)"
    memory = tell(notebook, evil)

    for path in (f"/app/characters/{luna.uid}/memory", f"/app/memories/{memory.uid}"):
        page = browser.get(path).content.decode()
        assert "<img src=x" not in page
        assert 'href="https://evil' not in page
        assert "&lt;img src=x onerror=alert(1)&gt; ![a](https://evil.example/x)" in page


def test_add_and_refusals(browser, luna, notebook):
    sent = {"text": " Ana keeps bees. "}

    answer = browser.post(address(notebook, "add"), sent)
    browser.post(address(notebook, "add"), sent)

    assert answer.url == f"/app/characters/{luna.uid}/memory"
    assert [row.text for row in Memory.objects.all()] == ["Ana keeps bees."]
    for text in ("", "x" * 1001, "\x07"):
        refused = browser.post(address(notebook, "add"), {"text": text})
        assert refused.status_code == 400
        assert "field-wrong" in refused.content.decode()
    assert Memory.objects.count() == 1


def test_add_from_a_chat_may_hold_there_only(browser, notebook, chat):
    back = f"/app/chats/{chat.uid}/memory"
    fields = {"text": "Here.", "scope": "chat", "chat": chat.uid, "back": back}

    assert browser.post(address(notebook, "add"), fields).url == back
    assert (known(notebook), known(notebook, chat.uid)) == ([], ["Here."])


def test_add_does_not_mix_notebooks(browser, notebook, owner):
    other = ChatFactory(character__owner=owner)

    answer = browser.post(
        address(notebook, "add"), {"text": "Here.", "scope": "chat", "chat": other.uid}
    )

    assert (answer.status_code, Memory.objects.count()) == (400, 0)


@pytest.mark.parametrize("back", ["https://evil.example/app/", "//evil.example", "/admin/", ""])
def test_back_leads_to_our_pages_only(browser, luna, notebook, bees, back):
    answer = change(browser, notebook, pin=bees.uid, back=back)

    assert answer.url == f"/app/characters/{luna.uid}/memory"


def test_pin_forget_and_undo(browser, luna, notebook, bees):
    change(browser, notebook, pin=bees.uid)
    bees.refresh_from_db()
    assert bees.pinned
    change(browser, notebook, unpin=bees.uid)

    change(browser, notebook, forget=bees.uid)
    assert known(notebook) == []
    page = browser.get(f"/app/characters/{luna.uid}/memory").content.decode()
    assert f'action="/app/memories/{bees.uid}/undo"' in page
    browser.post(f"/app/memories/{bees.uid}/undo")

    assert known(notebook) == ["Ana keeps bees."]
    bees.refresh_from_db()
    assert not bees.pinned


def test_proposals_show_old_and_new_and_are_decided(browser, luna, notebook, owner, bees):
    services.set_approval(owner, True)
    made = services.correct(bees, "Ana sold her bees.", author="model", message="m1")
    services.remember(notebook, "Bo is ten.", author="model", message="m2")

    page = browser.get(f"/app/characters/{luna.uid}/memory?status=proposed")
    assert facts(page) == ["Bo is ten.", "Ana sold her bees."]
    assert "<del>Ana keeps bees.</del>" in page.content.decode()

    change(browser, notebook, approve=made.uid)
    assert known(notebook) == ["Ana sold her bees."]
    assert "<del" in browser.get(f"/app/characters/{luna.uid}/memory").content.decode()
    change(browser, notebook, undo=bees.uid)
    assert known(notebook) == ["Ana keeps bees."]
    change(browser, notebook, all="reject")
    assert not Memory.objects.filter(status="proposed").exists()


def test_a_wish_to_forget_shows_what_it_would_forget(browser, luna, notebook, owner, bees):
    services.set_approval(owner, True)
    made = services.forget(bees, author="model", message="m1")

    page = browser.get(f"/app/characters/{luna.uid}/memory?status=proposed").content.decode()

    assert "Forget: </span><del>Ana keeps bees.</del>" in page
    assert browser.get(f"/app/memories/{made.uid}").url == f"/app/memories/{bees.uid}"
    change(browser, notebook, approve=made.uid)
    assert known(notebook) == []
    corrected = browser.get(f"/app/characters/{luna.uid}/memory?status=superseded")
    assert "was asked to forget it" in corrected.content.decode()


def test_chosen_ones_are_decided_together(browser, notebook, stranger):
    theirs = services.default_notebook(user=stranger, character=notebook.character)
    one, other, left = (tell(notebook, text) for text in ("A.", "B.", "C."))
    foreign = tell(theirs, "D.")

    change(browser, notebook, action="forget", chosen=[one.uid, other.uid, foreign.uid])

    assert (known(notebook), known(theirs)) == (["C."], ["D."])
    for fields in ({"action": "forget"}, {"action": "burn", "chosen": left.uid}, {}):
        assert change(browser, notebook, **fields).status_code == 400
    assert known(notebook) == ["C."]


def test_switches(browser, notebook, owner):
    shown = ["remembers", "approve_first"]

    browser.post(address(notebook, "switches"), {"shown": shown, "approve_first": "on"})

    notebook.refresh_from_db()
    owner.refresh_from_db()
    assert (notebook.remembers, notebook.summarises) == (False, True)
    assert queries.asks_first(owner)
    browser.post("/app/memory", {})
    owner.refresh_from_db()
    assert not queries.asks_first(owner)


def test_index_names_who_remembers(browser, luna, bees):
    page = browser.get("/app/memory").content.decode()

    assert f'href="/app/characters/{luna.uid}/memory"' in page
    assert "Learnt something just now" in page


def test_pages_that_lead_here(browser, luna, chat):
    character, panel, settings, you = (
        browser.get(path).content.decode()
        for path in (
            f"/app/characters/{luna.uid}",
            f"/app/chats/{chat.uid}",
            f"/app/chats/{chat.uid}/settings",
            "/app/settings",
        )
    )

    assert f"/app/characters/{luna.uid}/memory" in character
    assert f"/app/chats/{chat.uid}/memory" in panel
    assert f"/app/chats/{chat.uid}/memory" in settings
    assert 'href="/app/memory"' in you


# One memory


def test_edit_makes_a_successor_and_shows_both(browser, notebook, bees):
    fields = {"text": "Ana kept bees.", "importance": "9", "pinned": "on"}

    answer = browser.post(f"/app/memories/{bees.uid}", fields)

    made = Memory.objects.get(supersedes=bees)
    assert answer.url == f"/app/memories/{made.uid}"
    assert (made.text, made.importance, made.pinned) == ("Ana kept bees.", 9, True)
    page = browser.get(answer.url)
    assert facts(page) == ["Ana kept bees.", "Ana keeps bees."]
    assert f'action="/app/memories/{bees.uid}/undo"' in page.content.decode()


@pytest.mark.parametrize(
    "fields",
    [{"text": ""}, {"text": "x" * 1001}, {"text": "A.", "importance": "11"}, {"text": "\x07"}],
)
def test_refused_edit_keeps_the_text_and_changes_nothing(browser, bees, fields):
    answer = browser.post(f"/app/memories/{bees.uid}", {"importance": "5", **fields})

    assert answer.status_code == 400
    assert [row.text for row in Memory.objects.all()] == ["Ana keeps bees."]


def test_edit_from_two_windows_loses_neither(browser, notebook, bees):
    services.correct(bees, "Ana kept bees.", author="person")

    answer = browser.post(f"/app/memories/{bees.uid}", {"text": "Ana sells.", "importance": "5"})

    assert answer.status_code == 400
    assert "changed meanwhile" in answer.content.decode()
    assert "Ana sells." in answer.content.decode()
    assert known(notebook) == ["Ana kept bees."]


def test_forgotten_memory_offers_undo_and_forgets_for_good(browser, luna, bees, notebook):
    services.forget(bees, author="person")
    path = f"/app/memories/{bees.uid}"

    assert f'action="{path}/undo"' in browser.get(path).content.decode()
    answer = browser.post(f"{path}/erase")

    assert answer.url == f"/app/characters/{luna.uid}/memory"
    assert (Memory.objects.count(), browser.get(path).status_code) == (0, 404)


def test_jump_leads_to_the_message_however_old(browser, chat, greeting):
    path = f"/app/messages/{greeting.uid}"
    assert browser.get(path).url == f"/app/chats/{chat.uid}#m-{greeting.uid}"

    Message.objects.bulk_create(
        Message(chat=chat, position=number, role="user", content="Hi.") for number in range(1, 90)
    )
    far = browser.get(path).url
    assert far == f"/app/chats/{chat.uid}?before=30#m-{greeting.uid}"
    assert f'id="m-{greeting.uid}"' in browser.get(far).content.decode()

    Message.objects.filter(uid=greeting.uid).update(active=False)
    assert browser.get(path).url == f"/app/chats/{chat.uid}"


def test_withdrawn_facts_say_so(browser, luna, bees):
    MemorySource.objects.update(live=False)

    page = browser.get(f"/app/characters/{luna.uid}/memory?status=withdrawn")

    assert facts(page) == ["Ana keeps bees."]
    assert "It does not count now" in page.content.decode()


# A chat's page


def shown_in_prompt(chat, messages, *blocks):
    """A reply whose prompt held these messages."""
    last = messages[-1]
    turn = Turn.objects.create(
        chat=chat,
        user=chat.user,
        surface="web",
        reply="r",
        model="m",
        node="n",
        state="done",
        lease_expires_at=chat.created_at,
        manifest={
            "blocks": list(blocks),
            "layout": [{"role": "user", "uid": message.uid} for message in messages],
        },
    )
    return Message.objects.create(
        chat=chat,
        position=last.position + 1,
        role="assistant",
        content="Yes.",
        turn=turn.uid,
    )


def test_chat_page_says_what_is_in_view(browser, chat, greeting, bees):
    path = f"/app/chats/{chat.uid}/memory"
    assert "Nothing yet." in browser.get(path).content.decode()

    said = [
        Message.objects.create(chat=chat, position=number, role="user", content="Hi.")
        for number in range(1, 4)
    ]
    block = {
        "name": "memories",
        "source": "memory",
        "tokens": 4,
        "text": "Ana <b>keeps</b> bees.",
        "score": 0.75,
        "uids": [bees.uid],
    }
    reply = shown_in_prompt(chat, said, block, {**block, "kept": False, "text": "Cut."})

    page = " ".join(browser.get(path).content.decode().split())
    assert "3 of 5 messages, from number 2 on" in page
    assert "Ana &lt;b&gt;keeps&lt;/b&gt; bees." in page
    assert "fits 0.75" in page
    assert "Cut." not in page
    assert f"/app/chats/{chat.uid}/prompt/{reply.uid}" in page


def test_whole_talk_in_view(browser, chat, greeting):
    shown_in_prompt(chat, [greeting])

    page = browser.get(f"/app/chats/{chat.uid}/memory").content.decode()

    assert "The whole talk: all 2 messages." in page


def test_coarsest_summaries_are_shown_first(browser, notebook, chat, summary):
    summarise(notebook, chat, 10, 19, text="They talked.")
    summarise(notebook, chat, 0, 79, level=1, text="A long day.")
    summarise(notebook, chat, 80, 89, text="Then night.", stale=True)
    summarise(notebook, chat, 90, 99, text="Hidden.", live=False)
    summarise(notebook, chat, 0, -1, author="carried", last_message="", text="Long ago.")
    path = f"/app/chats/{chat.uid}/memory"

    page = browser.get(path).content.decode()
    words = re.findall(r"<textarea[^>]*>\s*(.*?)</textarea>", page)
    assert words == ["Long ago.", "A long day.", "Then night.", ""]
    assert "From an earlier chat" in page
    assert "Messages 1–80" in page
    assert "1 is out of date" in page
    every = browser.get(f"{path}?summaries=all").content.decode()
    assert len(re.findall("<textarea", every)) == 6


@pytest.mark.parametrize("count", [1, 3])
def test_chat_page_asks_as_much_for_three_as_for_one(
    count, browser, notebook, chat, greeting, django_assert_num_queries
):
    for number in range(count):
        tell(notebook, f"Fact {number}.", chat=chat.uid, message=greeting.uid)
        summarise(notebook, chat, 10 * number, 10 * number + 9)
    path = f"/app/chats/{chat.uid}/memory"
    browser.get(path)

    with django_assert_num_queries(14):
        browser.get(path)


def test_summary_is_edited_pinned_and_deleted(browser, chat, summary):
    path = f"/app/summaries/{summary.uid}"

    answer = browser.post(path, {"action": "save", "text": "We met.\r\nIt rained."})
    assert answer.url == f"/app/chats/{chat.uid}/memory#summary"
    browser.post(path, {"action": "pin"})
    summary.refresh_from_db()
    assert (summary.text, summary.author, summary.pinned) == ("We met.\nIt rained.", "person", True)
    browser.post(path, {"action": "unpin"})
    summary.refresh_from_db()
    assert not summary.pinned

    browser.post(path, {"action": "delete"})
    assert (Summary.objects.count(), browser.post(path).status_code) == (0, 404)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 20_001])
def test_refused_summary_keeps_what_was_typed(browser, summary, text):
    answer = browser.post(f"/app/summaries/{summary.uid}", {"action": "save", "text": text})

    summary.refresh_from_db()
    assert (answer.status_code, summary.text) == (400, "They met.")
    assert "field-wrong" in answer.content.decode()


# Carrying on


def test_carrying_from_a_chat_without_summary_says_so(browser, chat, notebook):
    page = browser.get(f"/app/chats/{chat.uid}/carry").content.decode()

    assert "Nothing of the old chat is summed up yet." in page
    assert f'href="/app/chats/{chat.uid}/memory#summary"' in page


def test_new_chat_carries_the_summary_and_the_chosen(browser, chat, notebook, summary):
    tell(notebook, "Shared.")
    chosen = tell(notebook, "Chosen.", scope="chat", chat=chat.uid)
    tell(notebook, "Left.", scope="chat", chat=chat.uid)
    path = f"/app/chats/{chat.uid}/carry"

    page = browser.get(path).content.decode()
    assert "They met." in page
    assert "is summed up yet" not in page
    assert "1 memory that all chats" in page
    answer = browser.post(path, {"text": "They met at sea.", "memories": [chosen.uid]})

    new = Chat.objects.exclude(uid=chat.uid).get()
    assert answer.url == f"/app/chats/{new.uid}"
    assert (new.notebook, new.character) == (notebook, chat.character)
    assert known(notebook, new.uid) == ["Shared.", "Chosen."]
    carried = Summary.objects.get(chat=new.uid)
    assert (carried.text, carried.author) == ("They met at sea.", "carried")


def test_carrying_refuses_what_is_not_there(browser, chat, notebook, bees):
    path = f"/app/chats/{chat.uid}/carry"

    for fields in ({"memories": [bees.uid]}, {"text": "x" * 20_001}):
        assert browser.post(path, fields).status_code == 400
    assert Chat.objects.count() == 1


# Others


def test_strangers_find_nothing_and_change_nothing(elsewhere, bees, chat, luna, summary, notebook):
    before = (list(Memory.objects.values()), list(Summary.objects.values()))
    reads = [
        f"/app/characters/{luna.uid}/memory",
        f"/app/chats/{chat.uid}/memory",
        f"/app/chats/{chat.uid}/memory/progress",
        f"/app/chats/{chat.uid}/carry",
        f"/app/memories/{bees.uid}",
        f"/app/messages/{bees.sources.get().message}",
    ]
    writes = [
        *(address(notebook, verb) for verb in ("add", "change", "switches")),
        *(f"/app/memories/{bees.uid}{verb}" for verb in ("", "/undo", "/erase")),
        f"/app/summaries/{summary.uid}",
        f"/app/chats/{chat.uid}/memory/work",
        f"/app/chats/{chat.uid}/carry",
    ]
    fields = {"text": "Mine.", "forget": bees.uid, "action": "delete", "importance": "1"}
    fields["work"] = "rebuild"

    assert {elsewhere.get(path).status_code for path in reads} == {404}
    assert {elsewhere.post(path, fields).status_code for path in writes} == {404}
    assert (list(Memory.objects.values()), list(Summary.objects.values())) == before


def test_a_button_of_ones_own_page_does_not_reach_others(elsewhere, stranger, bees):
    own = services.default_notebook(user=stranger, character=bees.notebook.character)

    for verb in ("approve", "reject", "forget", "undo", "pin", "unpin"):
        assert change(elsewhere, own, **{verb: bees.uid}).status_code == 404
    bees.refresh_from_db()
    assert (bees.status, bees.pinned) == ("active", False)


def test_guests_are_asked_to_sign_in(client, luna):
    answer = client.get(f"/app/characters/{luna.uid}/memory")

    assert answer.status_code == 302
    assert "/accounts/login/" in answer.url


def test_forms_need_their_token(owner, notebook, bees):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)

    assert change(browser, notebook, forget=bees.uid).status_code == 403
    assert known(notebook) == ["Ana keeps bees."]


# Jobs on a chat


def test_summary_is_written_anew_by_a_job(browser, chat, summary):
    browser.post(f"/app/summaries/{summary.uid}", {"action": "again"})

    summary.refresh_from_db()
    assert summary.stale
    job = Job.objects.get()
    assert (job.kind, job.key) == ("summarise", chat.uid)
    page = browser.get(f"/app/chats/{chat.uid}/memory").content.decode()
    assert "Summing up: waiting for its turn" in page
    assert "data-open" in page


@pytest.mark.parametrize(
    ("work", "kind", "place"),
    [("rebuild", "summarise", "summary"), ("read", "extract", "facts-heading")],
)
def test_work_is_asked_for_once(browser, chat, work, kind, place):
    for _ in range(2):
        answer = browser.post(f"/app/chats/{chat.uid}/memory/work", {"work": work})
        assert answer.url == f"/app/chats/{chat.uid}/memory#{place}"

    assert [job.kind for job in Job.objects.all()] == [kind]


def test_work_that_is_switched_off_is_not_asked_for(browser, chat, notebook):
    services.set_switches(notebook, remembers=False, summarises=False)

    for work in ("rebuild", "read"):
        browser.post(f"/app/chats/{chat.uid}/memory/work", {"work": work})
    page = browser.get(f"/app/chats/{chat.uid}/memory").content.decode()

    assert Job.objects.count() == 0
    assert "Summaries are switched off" in page
    assert "Remembering is switched off" in page


def test_unknown_work_is_refused(browser, chat):
    answer = browser.post(f"/app/chats/{chat.uid}/memory/work", {"work": "burn"})

    assert (answer.status_code, Job.objects.count()) == (400, 0)


def test_progress_is_told(browser, chat):
    browser.post(f"/app/chats/{chat.uid}/memory/work", {"work": "rebuild"})
    path = f"/app/chats/{chat.uid}/memory/progress?kind=summarise"

    Job.objects.update(state="running", done=3, total=12)
    running = browser.get(path).content.decode()
    Job.objects.update(state="failed", error="No <b>model</b>.")
    failed = browser.get(path).content.decode()

    assert "3 of 12" in running
    assert "data-open" in running
    assert "No &lt;b&gt;model&lt;/b&gt;." in failed
    assert "data-open" not in failed


def test_each_kind_of_work_is_told_where_it_is_asked_for(browser, chat):
    path = f"/app/chats/{chat.uid}/memory"
    browser.post(f"{path}/work", {"work": "read"})
    page = browser.get(path).content.decode()

    summary, facts = page.split("Remembered facts")
    assert ("data-open" in summary, "data-open" in facts) == (False, True)
    assert "data-open" in browser.get(f"{path}/progress?kind=extract").content.decode()
    assert "data-open" not in browser.get(f"{path}/progress?kind=summarise").content.decode()


def test_memory_is_one_step_away(browser, chat):
    assert 'href="/app/memory"' in browser.get("/app/chats").content.decode()
    assert (
        f'class="button quiet chat-memory" href="/app/chats/{chat.uid}/memory"'
        in browser.get(f"/app/chats/{chat.uid}").content.decode()
    )
