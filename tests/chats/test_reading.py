"""Chats are read for memories by jobs: what is new, once, with where each fact was said."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.invariants import check
from billing.ledger import get_account
from billing.models import Charge, Hold, Usage
from chats import memorising, reading, services
from chats.models import Chat, Message
from core.errors import Conflict
from engine.events import Finished, TextDelta, UsageReport
from jobs import running
from jobs.models import Job
from jobs.work import claim_next
from llm import registry
from llm.models import Model, Provider
from memory import queries, rows
from memory.models import Memory, MemorySource, Reading
from memory.services import forget, remember, set_approval, set_switches
from tests.chats.talking import again, reread, say
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(db):
    """A model that can read; `provider` scripts what it answers."""
    kind = Provider.Kind.OPENAI_LIKE
    given = {"provider__slug": "fake", "provider__kind": kind, "is_default": True}
    return ModelFactory(slug="test/model", **given)


@pytest.fixture
def scripted(db):
    """The understudy answers: rules of our own read."""
    return ModelFactory(slug="test/understudy", is_default=True)


@pytest.fixture
def chat(owner, luna):
    return services.start_chat(user=owner, character=luna)


def answer(*facts, **more):
    text = json.dumps({"facts": [{"importance": 6, "about": "person", **f} for f in facts]})
    return [TextDelta(text), UsageReport(200, 20), Finished("stop")]


def run_all():
    times = 0
    while (work := claim_next()) is not None:
        running.run(work)
        times += 1
    return times


def read(chat, **payload):
    """Ask for reading and run the job. Returns how often it ran."""
    memorising.enqueue("extract", chat.uid, user_id=chat.user_id, payload=payload)
    return run_all()


def known(chat):
    chat = reread(chat)
    return [memory.text for memory in queries.known(chat.notebook_id, chat.uid)]


def test_facts_are_kept_with_the_messages_that_state_them(provider, chat):
    mine, reply = say(chat, "I live in Bergen.", "A wet town.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [2]}))

    read(chat)

    memory = Memory.objects.get()
    assert (memory.text, memory.author, memory.scope, memory.importance) == (
        "Owner lives in Bergen.",
        "extraction",
        "character",
        6,
    )
    source = MemorySource.objects.get()
    assert (source.chat, source.message, source.evidence) == (chat.uid, mine.uid, [mine.uid])
    assert Reading.objects.get().message == reply.uid


def test_facts_about_the_character_are_of_this_chat(provider, chat):
    say(chat)
    provider.says(answer({"text": "Luna lost her key.", "from": [3], "about": "character"}))

    read(chat)

    assert (Memory.objects.get().scope, Memory.objects.get().chat) == ("chat", chat.uid)


def test_reading_is_paid_once_and_shown_as_a_job(provider, chat):
    say(chat)
    Usage.objects.all().delete()
    before = get_account(chat.user_id).balance_micro
    provider.says(answer({"text": "Owner hums.", "from": [2]}))

    read(chat)
    read(chat)

    assert list(Usage.objects.values_list("surface", "character", "amount_micro")) == [
        ("job", chat.character.uid, 220_000_000)
    ]
    assert get_account(chat.user_id).balance_micro == before - 220_000_000
    assert Memory.objects.count() == 1
    assert check() == []


def test_only_what_is_new_is_read(provider, chat):
    say(chat, "I live in Bergen.")
    provider.says(answer())
    read(chat)
    say(chat, "I work as a nurse.")
    provider.requests.clear()

    read(chat)

    data = provider.requests[0].messages[1].content
    assert "nurse" in data
    assert "Bergen" not in data


def test_known_facts_are_told_and_corrected(provider, chat):
    old = remember(reread(chat).notebook, "Owner lives in Bergen.", author="person")
    say(chat, "I moved to Oslo.")
    provider.says(answer({"text": "Owner lives in Oslo.", "from": [2], "corrects": "K1"}))

    read(chat)

    assert "K1: Owner lives in Bergen." in provider.requests[-1].messages[0].content
    assert known(chat) == ["Owner lives in Oslo."]
    assert Memory.objects.get(text="Owner lives in Oslo.").supersedes == old


def test_known_facts_are_not_doubled(provider, chat):
    remember(reread(chat).notebook, "Owner lives in Bergen.", author="person")
    say(chat)
    provider.says(answer({"text": "owner lives in bergen", "from": [2]}))

    read(chat)

    assert known(chat) == ["Owner lives in Bergen."]


@pytest.mark.parametrize(
    "said",
    [
        "I cannot do that.",
        '{"facts": "none"}',
        '{"facts": [{"text": "No source."}]}',
        '{"facts": [{"text": "Wrong source.", "from": [9]}]}',
        '{"facts": [{"text": "", "from": [1]}]}',
        '{"facts": [{"text": 7, "from": [1]}, 5]}',
        json.dumps({"facts": [{"text": "x" * 501, "from": [1]}]}),
        "[" * 5000,
    ],
)
def test_junk_makes_no_memory_and_is_not_asked_for_again(provider, chat, said):
    say(chat)
    provider.says([TextDelta(said), Finished("stop")])
    provider.requests.clear()

    read(chat)
    read(chat)

    assert Memory.objects.count() == 0
    assert len(provider.requests) == 1
    assert Charge.objects.filter(key__startswith="job:").count() == 1


def test_message_deleted_meanwhile_makes_no_memory(provider, chat, monkeypatch):
    mine, _ = say(chat, "I live in Bergen.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [2]}), answer())
    plain = reading.prompts.extract
    deletions = iter([mine.uid])

    def delete(*args, **given):
        for uid in deletions:
            services.trash_from(user=chat.user, message_uid=uid)
        return plain(*args, **given)

    monkeypatch.setattr(reading.prompts, "extract", delete)

    read(chat)

    assert Memory.objects.count() == 0
    assert Hold.objects.filter(state="open").count() == 0


def test_fact_deleted_for_good_meanwhile_is_not_corrected(provider, chat, monkeypatch):
    say(chat, "I live in Bergen. I like tea.")
    home = remember(reread(chat).notebook, "Owner lives in Oslo.", author="person")
    provider.says(
        answer(
            {"text": "Owner lives in Bergen.", "from": [2], "corrects": "K1"},
            {"text": "Owner likes tea.", "from": [2]},
        ),
        answer(),
    )
    plain = reading.prompts.extract

    def delete(*args, **given):
        Memory.objects.filter(uid=home.uid).delete()
        return plain(*args, **given)

    monkeypatch.setattr(reading.prompts, "extract", delete)

    read(chat)

    assert known(chat) == ["Owner likes tea."]
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def test_chat_thrown_away_meanwhile_is_not_asked_about_again(provider, chat, monkeypatch):
    say(chat, "I live in Bergen.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [2]}))
    plain = reading.prompts.extract

    def throw_away(*args, **given):
        Chat.objects.update(trashed_at=timezone.now())
        return plain(*args, **given)

    asked = len(provider.requests)
    monkeypatch.setattr(reading.prompts, "extract", throw_away)

    read(chat)

    assert len(provider.requests) - asked == 1
    assert Memory.objects.count() == 0
    assert Job.objects.filter(kind="extract").exclude(state="done").count() == 0


def test_another_version_of_a_reply_is_read_and_says_nothing_twice(provider, chat):
    say(chat, "I live in Bergen.", "I see.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [2]}))
    read(chat)
    again(reread(chat), answer="I understand.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [1]}))

    read(chat)

    assert (Memory.objects.count(), Reading.objects.count()) == (1, 2)


def test_forgotten_fact_does_not_return_from_the_same_messages(provider, chat):
    say(chat, "I live in Bergen.")
    provider.says(answer({"text": "Owner lives in Bergen.", "from": [2]}))
    read(chat)
    forget(Memory.objects.get(), author="person")

    read(chat, all=True)

    assert known(chat) == []


def test_approve_first_is_honoured(provider, chat):
    set_approval(chat.user, True)
    say(chat)
    provider.says(answer({"text": "Owner hums.", "from": [2]}))

    read(chat)

    assert Memory.objects.get().status == "proposed"
    assert known(chat) == []


def test_who_does_not_remember_is_not_read_to(provider, chat):
    set_switches(reread(chat).notebook, remembers=False)
    say(chat)
    provider.requests.clear()

    read(chat)

    assert provider.requests == []
    with pytest.raises(Conflict):
        memorising.read_now(chat.user, chat.uid)


def test_model_with_tools_remembers_by_itself_unless_all_is_asked_for(provider, chat):
    say(chat)
    Model.objects.update(supports_tools=True)
    registry.forget()
    provider.requests.clear()
    provider.says(answer())

    read(chat)
    assert provider.requests == []

    read(chat, all=True)
    assert len(provider.requests) == 1


def test_hidden_messages_and_lore_are_not_read(provider, chat):
    mine, _ = say(chat, "I live in Bergen.")
    Message.objects.filter(uid=mine.uid).update(hidden=True)
    services.touch(chat)
    provider.requests.clear()
    provider.says(answer())

    read(chat)

    assert "Bergen" not in provider.requests[0].messages[1].content


def test_long_chat_is_read_from_near_its_end_unless_all_is_asked_for(scripted, chat):
    rows = [
        Message(chat=chat, position=n, role="user", content=f"Line {n}.") for n in range(1, 401)
    ]
    Message.objects.bulk_create(rows)

    read(chat)
    assert Reading.objects.count() == 5
    Reading.objects.all().delete()
    times = read(chat, all=True)

    assert (Reading.objects.count(), times) == (34, 2)
    job = Job.objects.order_by("-uid").first()
    assert (job.state, job.done, job.total) == ("done", 34, 34)


def test_understudy_reads_by_rules(scripted, chat):
    say(chat, "My name is Alex Stone. I live in Bergen. I'm allergic to peanuts.")
    say(chat, "Do I live in Rome? If I live in Rome I would be warm.")

    read(chat)

    assert known(chat) == [
        "owner is called Alex Stone.",
        "owner lives in Bergen.",
        "owner is allergic to peanuts.",
    ]
    assert not Usage.objects.exclude(key__startswith="turn:").exists()


def test_somebody_without_a_name_is_the_user(scripted, chat):
    mine, _ = say(chat, "I live in Bergen.")
    Message.objects.filter(uid=mine.uid).update(speaker="You")

    read(chat)

    assert known(chat) == ["The user lives in Bergen."]


def test_understudy_corrects_by_rules(scripted, chat):
    say(chat, "I live in Bergen. I love tea.")
    read(chat)
    say(chat, "I moved to Oslo. I don't like tea anymore.")
    read(chat)

    assert known(chat) == ["owner lives in Oslo.", "owner does not like tea."]
    assert Memory.objects.count() == 4


def test_correction_leaves_with_its_message(scripted, chat):
    say(chat, "I live in Bergen.")
    read(chat)
    moved, _ = say(chat, "I moved to Oslo.")
    read(chat)

    services.trash_from(user=chat.user, message_uid=moved.uid)

    assert known(chat) == ["owner lives in Bergen."]


def test_turns_ask_each_time_twelve_messages_have_come(scripted, chat):
    asked = []
    for _ in range(12):
        say(chat)
        asked.append(Job.objects.filter(kind="extract", state="queued").count())
        run_all()

    assert asked == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_rested_chats_are_asked_for(scripted, chat, stranger, luna):
    say(chat)
    Chat.objects.update(active_at=timezone.now() - timedelta(minutes=15))
    fresh = services.start_chat(user=chat.user, character=luna)

    assert memorising.ask_for_rested(timezone.now()) == 1
    assert list(Job.objects.values_list("key", flat=True)) == [chat.uid]
    assert fresh.uid != chat.uid


def test_a_rest_is_asked_for_once_and_the_next_one_again(scripted, chat):
    now = timezone.now()
    say(chat)
    Chat.objects.update(active_at=now - timedelta(minutes=15))
    assert memorising.ask_for_rested(now) == 1
    run_all()

    assert memorising.ask_for_rested(now + timedelta(minutes=10)) == 0

    say(chat)
    Job.objects.update(created_at=now - timedelta(hours=1))
    Chat.objects.update(active_at=now - timedelta(minutes=12))
    assert memorising.ask_for_rested(now) == 1


def test_read_now_reads_everything(scripted, chat):
    say(chat, "I live in Bergen.")

    memorising.read_now(chat.user, chat.uid)
    run_all()

    assert known(chat) == ["owner lives in Bergen."]
    assert [(p.kind, p.state, p.is_open) for p in memorising.progress(chat.user, chat.uid)] == [
        ("extract", "done", False)
    ]


def reads_of(table, captured):
    return sum(f'FROM "{table}"' in query["sql"] for query in captured.captured_queries)


def test_a_notebook_is_read_once_however_many_facts_are_new(provider, chat):
    counts = []
    for facts in (["Owner hums."], ["Owner sails.", "Owner paints.", "Owner knits."]):
        say(chat)
        provider.says(answer(*({"text": text, "from": [2]} for text in facts)))
        with CaptureQueriesContext(connection) as captured:
            read(chat)
        counts.append(reads_of("memory_memory", captured))

    # What is known goes into the prompt, what holds is asked for again once it is locked.
    assert counts == [2, 2]
    assert known(chat) == ["Owner hums.", "Owner sails.", "Owner paints.", "Owner knits."]


def test_facts_of_one_answer_know_of_each_other(provider, chat):
    say(chat, "I hum.")
    provider.says(answer({"text": "Owner lives in Oslo.", "from": [2]}))
    read(chat)
    say(chat, "I hum in Bergen.", "Do hum on.")
    facts = (
        {"text": "Owner hums.", "from": [1]},
        {"text": "owner  HUMS.", "from": [2]},
        {"text": "Owner lives in Bergen.", "from": [1], "corrects": "K1"},
        {"text": "Owner lives in Bergen.", "from": [2]},
        {"text": "Owner hums.", "from": [2]},
    )
    provider.says(answer(*facts))

    read(chat)

    assert known(chat) == ["Owner hums.", "Owner lives in Bergen."]
    found = {m.text: m.sources.count() for m in Memory.objects.all()}
    assert found == {"Owner lives in Oslo.": 1, "Owner hums.": 2, "Owner lives in Bergen.": 1}


def test_facts_of_one_answer_fill_a_notebook_no_further_than_it_goes(provider, chat, monkeypatch):
    monkeypatch.setattr(rows, "MEMORIES_MOST", 2)
    say(chat)
    texts = ("Owner hums.", "Owner sails.", "Owner paints.")
    provider.says(answer(*({"text": text, "from": [2]} for text in texts)))

    read(chat)

    assert known(chat) == ["Owner hums.", "Owner sails."]
