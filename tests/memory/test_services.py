"""Notebooks: remembering, correcting, forgetting and taking any of it back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.errors import Conflict, Invalid, NotFound
from memory import queries, rows, services
from memory.models import Memory, MemorySource, Notebook

pytestmark = pytest.mark.django_db

CHAT = "c" * 24
OTHER = "d" * 24


@pytest.fixture
def notebook(owner):
    return services.default_notebook(user=owner, character="l" * 24)


def message(number):
    return f"m{number:023}"


def learn(notebook, text, number=1, *, author="model", chat=CHAT, **given):
    return services.remember(
        notebook, text, author=author, chat=chat, message=message(number), **given
    )


def tell(notebook, text="Ana keeps bees.", **given):
    return services.remember(notebook, text, author="person", **given)


def hide(*numbers):
    uids = [message(number) for number in numbers]
    MemorySource.objects.filter(message__in=uids).update(live=False)


def rewrite(*numbers):
    uids = [message(number) for number in numbers]
    MemorySource.objects.filter(message__in=uids).update(stale=True)


def show():
    MemorySource.objects.update(live=True)


def known(notebook, chat=CHAT):
    return [memory.text for memory in queries.known(notebook.uid, chat)]


def state():
    return list(Memory.objects.values()), list(MemorySource.objects.values())


def version(notebook):
    notebook.refresh_from_db()
    return notebook.version


# Remembering


def test_remember_keeps_text_source_and_author(notebook):
    evidence = [message(1), message(2)]

    made = learn(notebook, " Ana  keeps bees. ", 2, evidence=evidence, importance=7)

    assert known(notebook) == ["Ana keeps bees."]
    assert (made.author, made.importance, made.status, made.chat) == ("model", 7, "active", "")
    source = made.sources.get()
    assert (source.chat, source.message, source.evidence) == (CHAT, message(2), evidence)
    assert version(notebook) == 1


def test_remember_without_evidence_names_the_message(notebook):
    assert learn(notebook, "Ana keeps bees.").sources.get().evidence == [message(1)]


def test_the_same_from_one_message_is_once(notebook):
    first = learn(notebook, "Ana keeps bees.")

    assert learn(notebook, "ana keeps bees") == first
    assert (Memory.objects.count(), MemorySource.objects.count()) == (1, 1)


def test_the_same_from_another_message_adds_a_source(notebook):
    first = learn(notebook, "Ana keeps bees.")

    assert learn(notebook, "Ana keeps bees!", 2) == first
    hide(1)
    assert known(notebook) == ["Ana keeps bees."]
    hide(2)
    assert known(notebook) == []


def test_what_is_withdrawn_and_learnt_again_holds_again(notebook):
    first = learn(notebook, "Ana keeps bees.")
    hide(1)

    assert learn(notebook, "Ana keeps bees.", 2) == first
    assert known(notebook) == ["Ana keeps bees."]


def test_reading_a_message_again_does_not_undo_a_decision(notebook):
    forgotten = learn(notebook, "Ana keeps bees.")
    services.forget(forgotten, author="person")
    corrected = learn(notebook, "Bo is ten.", 2)
    services.correct(corrected, "Bo is eleven.", author="person")

    assert learn(notebook, "Ana keeps bees.") == forgotten
    assert learn(notebook, "Bo is ten.", 2) == corrected
    assert known(notebook) == ["Bo is eleven."]


def test_what_was_forgotten_can_be_learnt_anew(notebook):
    services.forget(learn(notebook, "Ana keeps bees."), author="person")

    learn(notebook, "Ana keeps bees.", 2)

    assert known(notebook) == ["Ana keeps bees."]


def test_chats_keep_their_own_and_share_the_rest(notebook):
    tell(notebook, "The key is under the mat.", scope="chat", chat=CHAT)
    tell(notebook, "The key is under the mat.", scope="chat", chat=OTHER)
    tell(notebook, "Ana keeps bees.")

    assert known(notebook) == ["The key is under the mat.", "Ana keeps bees."]
    assert known(notebook, OTHER) == ["The key is under the mat.", "Ana keeps bees."]
    assert known(notebook, "e" * 24) == ["Ana keeps bees."]
    assert Memory.objects.count() == 3


def test_notebooks_do_not_hear_of_each_other(notebook, stranger):
    theirs = services.default_notebook(user=stranger, character=notebook.character)
    mine = tell(notebook)

    assert tell(theirs).uid != mine.uid
    assert (len(known(notebook)), len(known(theirs))) == (1, 1)


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ({"text": " \x00 "}, "text", "empty_memory"),
        ({"text": "x" * 1001}, "text", "memory_too_long"),
        ({"text": "x" * 501, "author": "model"}, "text", "memory_too_long"),
        ({"importance": 0}, "importance", "invalid_request"),
        ({"importance": 11}, "importance", "invalid_request"),
        ({"scope": "chat"}, "chat", "invalid_request"),
    ],
)
def test_refused_memories_change_nothing(notebook, given, param, code):
    with pytest.raises(Invalid) as raised:
        services.remember(notebook, **{"text": "Bees.", "author": "person", **given})

    assert (raised.value.param, raised.value.code) == (param, code)
    assert (Memory.objects.count(), version(notebook)) == (0, 0)


def test_a_full_notebook_takes_no_more_but_what_it_knows(notebook, monkeypatch):
    monkeypatch.setattr(rows, "MEMORIES_MOST", 1)
    first = tell(notebook)
    before = state()

    with pytest.raises(Conflict) as raised:
        tell(notebook, "Bo is ten.")

    assert raised.value.code == "notebook_full"
    assert state() == before
    assert tell(notebook) == first
    assert version(notebook) == 2


def test_a_notebook_that_is_gone_takes_nothing(notebook):
    Notebook.objects.all().delete()

    with pytest.raises(NotFound):
        tell(notebook)


# Approval


def test_models_ask_first_and_people_do_not(notebook, owner):
    services.set_approval(owner, True)

    waiting = learn(notebook, "Ana keeps bees.")
    tell(notebook, "Bo is ten.")

    assert waiting.status == "proposed"
    assert known(notebook) == ["Bo is ten."]
    services.approve(waiting)
    assert known(notebook) == ["Ana keeps bees.", "Bo is ten."]


def test_who_says_what_was_proposed_approves_it(notebook, owner):
    services.set_approval(owner, True)
    waiting = learn(notebook, "Ana keeps bees.")

    assert tell(notebook) == waiting
    assert known(notebook) == ["Ana keeps bees."]


def test_proposed_corrections_wait(notebook, owner):
    fact = tell(notebook)
    services.set_approval(owner, True)

    made = services.correct(fact, "Ana sold her bees.", author="model", message=message(1))
    services.forget(fact, author="model", message=message(2))

    assert known(notebook) == ["Ana keeps bees."]
    services.approve(made)
    assert known(notebook) == ["Ana sold her bees."]


def test_approve_and_reject_twice_are_once(notebook):
    one, other = (learn(notebook, text, status="proposed") for text in ("Bees.", "Wasps."))

    for _ in range(2):
        assert services.approve(one).status == "active"
        assert services.reject(other).status == "rejected"

    for verb, memory in ((services.approve, other), (services.reject, one)):
        with pytest.raises(Conflict):
            verb(memory)
    assert known(notebook) == ["Bees."]
    assert services.undo(other).status == "proposed"


@pytest.mark.parametrize(
    ("decide", "left"), [(services.approve_all, ["A.", "B."]), (services.reject_all, [])]
)
def test_all_that_waits_is_decided_at_once(notebook, stranger, decide, left):
    theirs = services.default_notebook(user=stranger, character="s" * 24)
    for book in (notebook, theirs):
        for text in ("A.", "B."):
            learn(book, text, status="proposed")

    assert decide(notebook) == 2
    assert decide(notebook) == 0
    assert known(notebook) == left
    assert set(theirs.memories.values_list("status", flat=True)) == {"proposed"}


def test_some_are_decided_by_uid_and_only_of_this_notebook(notebook, stranger):
    theirs = services.default_notebook(user=stranger, character="s" * 24)
    one, other, foreign = (
        learn(book, text, status="proposed")
        for book, text in ((notebook, "A."), (notebook, "B."), (theirs, "C."))
    )

    assert services.approve_all(notebook, [one.uid, foreign.uid, "x"]) == 1
    assert services.reject_all(notebook, [other.uid, one.uid, foreign.uid]) == 1
    assert services.forget_all(notebook, [one.uid, foreign.uid]) == 1
    foreign.refresh_from_db()
    assert foreign.status == "proposed"


def test_a_wish_to_forget_waits_once_and_is_decided(notebook, owner):
    fact = tell(notebook)
    services.set_approval(owner, True)

    made = {services.forget(fact, author="model", message=message(1)) for _ in range(2)}

    assert known(notebook) == ["Ana keeps bees."]
    found = queries.contents(notebook.uid).matching(status="proposed", text="BEES")
    assert set(found) == made
    assert services.approve_all(notebook) == 1
    assert known(notebook) == []
    assert queries.contents(notebook.uid).matching() == [fact]


# Correcting


def test_correct_keeps_the_old_wording_and_what_was_set(notebook):
    fact = services.set_pinned(tell(notebook, importance=8), True)

    made = services.correct(fact, "Ana kept bees.", author="person")

    assert known(notebook) == ["Ana kept bees."]
    assert (made.supersedes, made.pinned, made.importance) == (fact, True, 8)
    fact.refresh_from_db()
    assert (fact.text, fact.status) == ("Ana keeps bees.", "active")


def test_correction_holds_where_its_message_is_shown(notebook):
    fact = learn(notebook, "Ana keeps bees.")
    services.correct(fact, "Ana kept bees.", author="model", chat=CHAT, message=message(2))

    hide(2)
    assert known(notebook) == ["Ana keeps bees."]
    show()
    assert known(notebook) == ["Ana kept bees."]


def test_correct_twice_from_one_message_is_once(notebook):
    fact = learn(notebook, "Ana keeps bees.")

    made = [
        services.correct(fact, "Ana kept bees.", author="model", message=message(2))
        for _ in range(2)
    ]

    assert made[0] == made[1]
    assert Memory.objects.count() == 2


def test_the_same_wording_changes_nothing(notebook):
    fact = tell(notebook)

    assert services.correct(fact, " Ana keeps bees. ", author="person") == fact
    assert Memory.objects.count() == 1


def test_a_person_may_keep_what_was_withdrawn(notebook):
    fact = learn(notebook, "Ana keeps bees.")
    hide(1)

    services.correct(fact, "Ana keeps bees.", author="person")

    assert known(notebook) == ["Ana keeps bees."]
    show()
    assert known(notebook) == ["Ana keeps bees."]


@pytest.mark.parametrize("decide", ["correct", "forget"])
def test_who_comes_late_is_told(notebook, decide):
    fact = tell(notebook)
    if decide == "correct":
        services.correct(fact, "Ana kept bees.", author="person")
    else:
        services.forget(fact, author="person")
    before = state()

    with pytest.raises(Conflict) as raised:
        services.correct(fact, "Ana sells honey.", author="model", message=message(3))

    assert raised.value.code == "memory_changed"
    assert state() == before


@pytest.mark.parametrize("verb", ["correct", "forget"])
def test_models_do_not_reach_into_other_chats(notebook, verb):
    fact = tell(notebook, scope="chat", chat=OTHER)
    text = {"text": "Nothing."} if verb == "correct" else {}
    before = state()

    for author in ("model", "extraction"):
        with pytest.raises(NotFound):
            getattr(services, verb)(fact, **text, author=author, chat=CHAT, message=message(1))

    assert state() == before
    services.forget(fact, author="model", chat=OTHER, message=message(1))
    assert known(notebook, OTHER) == []


# Forgetting and undoing


def test_forgetting_a_correction_does_not_bring_back_what_it_corrected(notebook):
    fact = tell(notebook)
    made = services.correct(fact, "Ana kept bees.", author="person")

    services.forget(made, author="person")

    assert known(notebook) == []
    services.undo(made)
    assert known(notebook) == ["Ana kept bees."]


def test_forget_twice_is_once(notebook):
    fact = tell(notebook)

    assert services.forget(fact, author="person").status == "retired"
    assert services.forget(fact, author="person") is None
    assert services.forget(fact, author="model", message=message(1)) is None


def test_what_a_model_forgets_is_known_where_its_message_is_hidden(notebook):
    fact = tell(notebook)

    made = services.forget(fact, author="model", chat=CHAT, message=message(1))

    assert (known(notebook), made.text, made.supersedes) == ([], "", fact)
    assert services.forget(fact, author="model", chat=CHAT, message=message(1)) == made
    assert services.forget(fact, author="model", chat=CHAT, message=message(2)) is None
    assert Memory.objects.count() == 2
    hide(1)
    assert known(notebook) == ["Ana keeps bees."]
    show()
    services.undo(fact)
    assert known(notebook) == ["Ana keeps bees."]


def test_what_is_read_again_from_a_rewritten_message_counts_again(notebook):
    fact = learn(notebook, "Ana keeps bees.", 1)
    made = services.forget(fact, author="model", chat=CHAT, message=message(2))
    rewrite(2)
    assert known(notebook) == ["Ana keeps bees."]

    assert services.forget(fact, author="model", chat=CHAT, message=message(2)) == made
    assert known(notebook) == []

    better = services.correct(
        learn(notebook, "Leo is 9.", 1), "Leo is 10.", author="model", chat=CHAT, message=message(3)
    )
    rewrite(1, 3)
    assert known(notebook) == []
    assert learn(notebook, "Leo is 9.", 1) == better.supersedes
    assert known(notebook) == ["Leo is 9."]
    again = services.correct(
        better.supersedes, "Leo is 10.", author="model", chat=CHAT, message=message(3)
    )
    assert (again, known(notebook)) == (better, ["Leo is 10."])


def test_forgetting_what_is_proposed_rejects_it(notebook):
    fact = learn(notebook, "Ana keeps bees.", status="proposed")

    assert services.forget(fact, author="person").status == "rejected"
    assert services.undo(fact).status == "proposed"


def test_undo_of_a_correction_and_back(notebook):
    fact = tell(notebook)
    second = services.correct(fact, "Ana kept bees.", author="person")
    services.correct(second, "Ana sold her bees.", author="person")

    services.undo(fact)
    assert known(notebook) == ["Ana keeps bees."]
    services.undo(second)
    assert known(notebook) == ["Ana sold her bees."]
    services.undo(second)
    assert known(notebook) == ["Ana kept bees."]


def test_undo_takes_one_decision_back_at_a_time(notebook):
    fact = tell(notebook)
    made = services.correct(fact, "Ana kept bees.", author="person")
    services.undo(fact)
    services.forget(fact, author="person")

    assert known(notebook) == []
    services.undo(fact)
    assert known(notebook) == ["Ana keeps bees."]
    services.undo(made)
    assert known(notebook) == ["Ana kept bees."]


def test_undo_of_nothing_is_refused(notebook):
    fact = tell(notebook)
    before = state()

    with pytest.raises(Conflict) as raised:
        services.undo(fact)

    assert raised.value.code == "nothing_to_undo"
    assert state() == before


def test_take_back_what_a_reply_wrote(notebook):
    fact = tell(notebook)
    correction = services.correct(fact, "Ana kept bees.", author="model", message=message(1))
    services.take_back(correction)
    assert known(notebook) == ["Ana keeps bees."]

    forgotten = services.forget(fact, author="model", message=message(2))
    services.take_back(services.take_back(forgotten))
    assert known(notebook) == ["Ana keeps bees."]

    services.take_back(learn(notebook, "Bo is ten.", 3))
    assert known(notebook) == ["Ana keeps bees."]


def test_pins_and_importance(notebook):
    fact = tell(notebook)

    services.set_pinned(fact, True)
    services.set_importance(fact, 9)
    with pytest.raises(Invalid):
        services.set_importance(fact, 11)

    fact.refresh_from_db()
    assert (fact.pinned, fact.importance, version(notebook)) == (True, 9, 3)


def test_switches_are_set_one_by_one(notebook):
    assert services.set_switches(notebook, remembers=False).remembers is False
    assert services.set_switches(notebook, summarises=False).summarises is False

    notebook.refresh_from_db()
    assert (notebook.remembers, notebook.summarises) == (False, False)


def test_approval_leaves_other_preferences_alone(owner):
    owner.preferences = {"theme": "dark"}
    owner.save()

    services.set_approval(owner, True)

    owner.refresh_from_db()
    assert owner.preferences == {"theme": "dark", "memory_approval": True}


# For good


def test_erase_takes_the_whole_chain_and_nothing_else(notebook):
    fact = learn(notebook, "Ana keeps bees.")
    second = services.correct(fact, "Ana kept bees.", author="person")
    third = services.correct(second, "Ana sold her bees.", author="person")
    services.take_back(third)
    tell(notebook, "Bo is ten.")

    assert services.erase(second) == 3
    assert known(notebook) == ["Bo is ten."]
    assert (Memory.objects.count(), MemorySource.objects.count()) == (1, 0)
    with pytest.raises(NotFound):
        services.erase(second)


def test_purge_deletes_what_was_forgotten_long_ago(notebook):
    now = timezone.now()
    old, young, kept = (tell(notebook, text) for text in ("A.", "B.", "C."))
    rejected = learn(notebook, "D.", status="proposed")
    for memory in (old, young):
        services.forget(memory, author="person")
    services.reject(rejected)
    day = timedelta(days=1)
    Memory.objects.filter(uid__in=(old.uid, rejected.uid)).update(retired_at=now - 30 * day - day)
    Memory.objects.filter(uid=young.uid).update(retired_at=now - 29 * day)
    before = version(notebook)

    assert services.purge(now) == 2
    assert services.purge(now) == 0
    assert set(Memory.objects.all()) == {young, kept}
    assert version(notebook) == before + 1


def test_purge_of_a_link_keeps_the_chain(notebook):
    first = tell(notebook, "A.")
    second = services.correct(first, "B.", author="person")
    third = services.correct(second, "C.", author="person")
    long_ago = timezone.now() - timedelta(days=99)
    Memory.objects.filter(uid=second.uid).update(status="retired", retired_at=long_ago)

    services.purge(timezone.now())

    third.refresh_from_db()
    assert (third.supersedes, known(notebook)) == (first, ["C."])


# Two at once


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_memory(notebook):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    def work(number):
        try:
            return learn(notebook, "Ana keeps bees.", number % 2).uid
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(work, range(8)))

    assert len(made) == 1
    assert (Memory.objects.count(), MemorySource.objects.count()) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_two_workers_correct_once(notebook):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    fact = tell(notebook)

    def work(number):
        try:
            return services.correct(fact, f"Ana has {number} hives.", author="person").text
        except Conflict as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(work, range(4)))

    assert said[1:] == ["memory_changed"] * 3
    assert known(notebook) == [said[0]]
