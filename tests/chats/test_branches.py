"""Whatever is done in whatever order: a prompt holds only what its branch has seen.

The model below knows facts, corrections and summaries as plain values and works out what holds
from which messages are shown. Every text carries a word of its own, so a prompt tells what is
in it.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from chats import passages, services
from chats.models import Chat, Message, Turn
from core.errors import NotFound
from llm import registry
from memory import facts as memory_facts
from memory import queries
from memory import services as memories
from memory.models import Memory, Summary
from tests.chats.talking import closed, opened, reread, sent
from tests.factories import CharacterFactory, ModelFactory, UserFactory
from tests.fakes.provider import FakeProvider

PICK = st.integers(0, 40)
WORD = re.compile(r"\b[mfs]\d+x\b")
FILLING = " The lantern hangs by the door and nobody knows who lit it." * 4


@dataclass(eq=False)
class Source:
    """Where a fact was learnt."""

    chat: str
    message: str
    evidence: frozenset[str]
    stale: bool = False


@dataclass(eq=False)
class Fact:
    """A fact in one notebook; an empty word forgets."""

    word: str
    notebook: str
    chat: str = ""
    sources: list[Source] = field(default_factory=list)
    corrects: "Fact | None" = None
    retired: bool = False

    def holds(self, shown: set[str]) -> bool:
        if self.retired:
            return False
        return not self.sources or any(s.message in shown and not s.stale for s in self.sources)


@dataclass(eq=False)
class Summed:
    """A summary of a branch up to a message."""

    word: str
    chat: str
    message: str
    position: int
    stale: bool = False


def above(fact: Fact) -> list[Fact]:
    found = []
    while fact.corrects is not None:
        fact = fact.corrects
        found.append(fact)
    return found


def standing(facts: list[Fact], shown: set[str]) -> list[Fact]:
    """The facts that count where these messages are shown."""
    holding = [fact for fact in facts if fact.holds(shown)]
    superseded = {id(old) for fact in holding for old in above(fact)}
    return [fact for fact in holding if fact.word and id(fact) not in superseded]


class Branches(RuleBasedStateMachine):
    """One person, one character, and all that can happen to their chats."""

    @initialize()
    def begin(self) -> None:
        self.owner = UserFactory()
        self.luna = CharacterFactory(owner=self.owner, name="Luna", first_mes="m0x Hello.")
        self.facts: list[Fact] = []
        self.summaries: list[Summed] = []
        self.trash: list[str] = []
        self.number = 0
        self.chats = [services.start_chat(user=self.owner, character=self.luna).uid]

    # What is there

    def chat(self, pick: int) -> Chat:
        """One of the chats; those in the trash come back first."""
        chat = Chat.objects.get(uid=self.chats[pick % len(self.chats)])
        if chat.trashed_at is not None:
            services.restore_chat(user=self.owner, chat_uid=chat.uid)
        return reread(chat)

    def path(self, chat: Chat, up_to: int = 10**6) -> list[Message]:
        rows = Message.objects.filter(chat=chat, active=True, position__lte=up_to)
        return list(rows.order_by("position"))

    def shown(self, but_below: Message | None = None) -> set[str]:
        """All shown messages of chats that are not in the trash."""
        rows = Message.objects.filter(chat__user=self.owner, active=True, chat__trashed_at=None)
        found = set(rows.values_list("uid", flat=True))
        if but_below is not None:
            end = but_below.position
            later = rows.filter(chat=but_below.chat_id, position__gt=end)
            found -= set(later.values_list("uid", flat=True))
        return found

    def known(self, chat: Chat, shown: set[str]) -> list[Fact]:
        mine = [fact for fact in self.facts if fact.notebook == chat.notebook_id]
        return [fact for fact in standing(mine, shown) if fact.chat in ("", chat.uid)]

    def told(self, chat: Chat, shown: set[str]) -> set[str]:
        """The words of the summaries that count in a chat."""
        return {
            s.word
            for s in self.summaries
            if s.chat == chat.uid and s.message in shown and not s.stale
        }

    def word(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}x"

    def may_say(self, chat: Chat, shown: set[str]) -> set[str]:
        here = {m.uid for m in self.path(chat)} & shown
        said = " ".join(Message.objects.filter(uid__in=here).values_list("content", flat=True))
        words = set(WORD.findall(said)) | {fact.word for fact in self.known(chat, shown)}
        return words | self.told(chat, shown)

    # Turns

    @rule(pick=PICK)
    def say(self, pick: int) -> None:
        chat = self.chat(pick)
        turn = opened(self.owner, chat, f"{self.word('m')} What of the lantern?{FILLING}")
        self.check(chat, turn, self.shown())
        closed(turn, f"{self.word('m')} I do not know.{FILLING}")

    @rule(pick=PICK, at=PICK)
    def again(self, pick: int, at: int) -> None:
        chat = self.chat(pick)
        replies = [m for m in self.path(chat) if m.role == "assistant" and m.parent_id]
        if replies:
            reply = replies[at % len(replies)]
            turn = opened(self.owner, chat, message=reply.uid, kind=Turn.Kind.REGENERATE)
            self.check(chat, turn, self.shown(but_below=reply.parent))
            closed(turn, f"{self.word('m')} Otherwise.{FILLING}")

    @rule(pick=PICK)
    def go_on(self, pick: int) -> None:
        chat = self.chat(pick)
        last = self.path(chat)[-1]
        if last.role == "assistant":
            turn = opened(self.owner, chat, kind=Turn.Kind.CONTINUE)
            self.check(chat, turn, self.shown())
            closed(turn, f" {self.word('m')} And on.")
            self.stale_summaries(last)

    @rule(pick=PICK)
    def fail(self, pick: int) -> None:
        """A turn that does not begin after all."""
        chat = self.chat(pick)
        with suppress(ZeroDivisionError), transaction.atomic():
            opened(self.owner, chat, f"{self.word('m')} Never said.{FILLING}")
            raise ZeroDivisionError

    def check(self, chat: Chat, turn: object, shown: set[str]) -> None:
        said = set(WORD.findall(sent(turn)))
        assert said <= self.may_say(chat, shown)
        # Few facts always have their place.
        known = {fact.word for fact in self.known(chat, shown)}
        assert len(known) > 3 or known <= said

    # Changes of the path

    @rule(pick=PICK, at=PICK, step=st.sampled_from([-1, 1]))
    def swipe(self, pick: int, at: int, step: int) -> None:
        path = self.path(self.chat(pick))
        with suppress(NotFound):
            message = path[at % len(path)]
            services.step_version(user=self.owner, message_uid=message.uid, step=step)

    @rule(pick=PICK, at=PICK)
    def edit(self, pick: int, at: int) -> None:
        path = self.path(self.chat(pick))
        message = path[at % len(path)]
        text = f"{self.word('m')} Edited.{FILLING}"
        services.edit_message(user=self.owner, message_uid=message.uid, content=text)
        if message.role == "assistant":
            self.stale_summaries(message)
            for fact in self.facts:
                for source in fact.sources:
                    source.stale |= message.uid in source.evidence | {source.message}

    def stale_summaries(self, message: Message) -> None:
        for summary in self.summaries:
            if summary.chat == message.chat_id and message.position <= summary.position:
                summary.stale = True

    @rule(pick=PICK, at=PICK)
    def delete(self, pick: int, at: int) -> None:
        path = self.path(self.chat(pick))
        if len(path) > 1:
            message = path[1 + at % (len(path) - 1)]
            found = services.trash_from(user=self.owner, message_uid=message.uid)
            self.trash.append(found.trash_uid)

    @rule(pick=PICK)
    def restore(self, pick: int) -> None:
        if self.trash:
            uid = self.trash.pop(pick % len(self.trash))
            message = Message.objects.filter(trash=uid).order_by("position").first()
            if message is not None and self.is_whole_above(message):
                self.chat(self.chats.index(message.chat_id))
                services.restore_trash(user=self.owner, trash_uid=uid)

    def is_whole_above(self, message: Message) -> bool:
        parent = message.parent
        return parent is None or parent.trashed_at is None

    @rule(pick=PICK)
    def trash_chat(self, pick: int) -> None:
        if len(self.chats) > 1:
            services.trash_chat(user=self.owner, chat_uid=self.chat(pick).uid)

    @rule()
    def start(self) -> None:
        if len(self.chats) < 3:
            self.chats.append(services.start_chat(user=self.owner, character=self.luna).uid)

    @rule(pick=PICK, at=PICK)
    def fork(self, pick: int, at: int) -> None:
        if len(self.chats) >= 4:
            return
        chat = self.chat(pick)
        path = self.path(chat)
        end = path[at % len(path)]
        shown = self.shown()
        fork = services.fork_chat(user=self.owner, message_uid=end.uid)
        copies = self.path(fork)
        self.chats.append(fork.uid)
        self.copy(
            chat, reread(fork), {a.uid: b.uid for a, b in zip(path, copies, strict=False)}, shown
        )

    def copy(self, chat: Chat, fork: Chat, uids: dict[str, str], shown: set[str]) -> None:
        seen = (shown - {m.uid for m in self.path(chat)}) | set(uids)
        mine = [fact for fact in self.facts if fact.notebook == chat.notebook_id]
        for fact in standing(mine, seen):
            if fact.chat in ("", chat.uid):
                sources = [
                    Source(
                        fork.uid if s.message in uids else s.chat,
                        uids.get(s.message, s.message),
                        frozenset(uids.get(uid, uid) for uid in s.evidence),
                        s.stale,
                    )
                    for s in fact.sources
                    if s.message in seen
                ]
                place = fork.uid if fact.chat else ""
                self.facts.append(Fact(fact.word, str(fork.notebook_id), place, sources))
        for s in [s for s in self.summaries if s.chat == chat.uid and s.message in uids]:
            self.summaries.append(Summed(s.word, fork.uid, uids[s.message], s.position, s.stale))

    # What is learnt

    @rule(pick=PICK, at=PICK, is_shared=st.booleans())
    def remember(self, pick: int, at: int, is_shared: bool) -> None:
        chat = self.chat(pick)
        source = self.source(chat, at)
        fact = Fact(self.word("f"), str(chat.notebook_id), "" if is_shared else chat.uid, [source])
        memories.remember(
            chat.notebook,
            self.text(fact),
            author="model",
            scope="character" if is_shared else "chat",
            **self.given(source),
        )
        self.facts.append(fact)

    @rule(pick=PICK)
    def write_down(self, pick: int) -> None:
        chat = self.chat(pick)
        fact = Fact(self.word("f"), str(chat.notebook_id))
        memories.remember(chat.notebook, self.text(fact), author="person")
        self.facts.append(fact)

    @rule(pick=PICK, at=PICK, which=PICK, forgets=st.booleans())
    def correct(self, pick: int, at: int, which: int, forgets: bool) -> None:
        chat = self.chat(pick)
        known = self.known(chat, self.shown())
        if known:
            old = known[which % len(known)]
            source = self.source(chat, at)
            new = Fact("" if forgets else self.word("f"), old.notebook, old.chat, [source], old)
            row = self.row(old)
            if forgets:
                memories.forget(row, author="model", **self.given(source))
            else:
                memories.correct(row, self.text(new), author="model", **self.given(source))
            self.facts.append(new)

    @rule(pick=PICK, which=PICK)
    def forget(self, pick: int, which: int) -> None:
        known = self.known(self.chat(pick), self.shown())
        if known:
            old = known[which % len(known)]
            memories.forget(self.row(old), author="person")
            for fact in (old, *above(old)):
                fact.retired = True

    @rule(pick=PICK, at=PICK)
    def summarise(self, pick: int, at: int) -> None:
        chat = self.chat(pick)
        path = self.path(chat)
        last = path[at % len(path)]
        same = Summary.objects.filter(chat=chat.uid, last_message=last.uid)
        if not same.exists():
            word = self.word("s")
            Summary.objects.create(
                notebook=chat.notebook,
                chat=chat.uid,
                first_position=0,
                last_position=last.position,
                last_message=last.uid,
                text=f"{word} They spoke of a lantern.",
            )
            self.summaries.append(Summed(word, chat.uid, last.uid, last.position))

    def source(self, chat: Chat, at: int) -> Source:
        path = self.path(chat)
        index = at % len(path)
        uids = frozenset(m.uid for m in path[max(0, index - 1) : index + 1])
        return Source(chat.uid, path[index].uid, uids)

    def given(self, source: Source) -> dict:
        evidence = sorted(source.evidence)
        return {"chat": source.chat, "message": source.message, "evidence": evidence}

    def text(self, fact: Fact) -> str:
        return f"{fact.word} belongs to the lantern."

    def row(self, fact: Fact) -> Memory:
        return Memory.objects.get(notebook=fact.notebook, text=self.text(fact))

    # What always holds

    @invariant()
    def everybody_knows_what_their_branch_has_seen(self) -> None:
        shown = self.shown()
        for uid in self.chats:
            chat = Chat.objects.get(uid=uid)
            known = queries.known(str(chat.notebook_id), chat.uid)
            found = sorted(word for m in known for word in WORD.findall(m.text))
            assert found == sorted(fact.word for fact in self.known(chat, shown))
            rows = Summary.objects.filter(chat=uid, live=True, stale=False)
            told = {word for s in rows for word in WORD.findall(s.text)}
            assert told == self.told(chat, shown)


@pytest.mark.django_db(transaction=True)
def test_prompts_hold_only_what_their_branch_has_seen():
    model = ModelFactory(context_tokens=1800, reply_tokens=100, is_default=True)
    registry.reset()
    registry.serve_instead(model.provider.slug, FakeProvider())
    passages.forget()
    memory_facts.forget_all()

    run_state_machine_as_test(
        Branches,
        settings=settings(
            max_examples=20,
            stateful_step_count=24,
            suppress_health_check=list(HealthCheck),
        ),
    )
