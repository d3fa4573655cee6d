"""Recall on trial: recorded conversations as chats, and questions asked as turns would ask them.

It fills the database that the settings name: see `reverie.commands.recall`.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from django.core.management import call_command
from django.db import connections

from accounts.models import User
from characters.models import Character
from characters.services import create_character
from chats import questioning, recalling, services, tree
from chats.embedding import sources
from chats.models import Chat, Message
from core.hop import close_pool
from core.ids import new_uid
from core.text import clean
from engine.recalled import quoted
from memory import embedders, embedding
from memory.recall.dates import short
from reverie.commands.output import complain, say
from reverie.progress import Bar

WRONG_INPUT: Final = 2
_BATCH: Final = 500
_USERS: Final = frozenset({"user", "human"})
_ASSISTANTS: Final = frozenset({"assistant", "ai", "bot", "model"})
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=30)

Name = str | int
T = TypeVar("T")


class BadLine(Exception):
    """Says which line of which file cannot be used, and why."""


class TurnLine(msgspec.Struct):
    """One turn of the input."""

    conversation: Name
    id: Name
    text: str
    speaker: str = ""
    session: Name | None = None
    time: str | None = None


class QuestionLine(msgspec.Struct):
    """One question of the input."""

    conversation: Name
    id: Name
    text: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A conversation as a chat: what its messages are called outside, and where it ends.

    `guessed` are the messages whose time the input does not say, with the time they were given.
    """

    chat: Chat
    ids: dict[str, Name]
    guessed: dict[str, float]
    end: list[tree.Node]
    asker: str
    ended_at: datetime


@dataclass(slots=True)
class Answers:
    """Prints answers in the order of their questions, as soon as that is possible."""

    waiting: dict[int, str] = field(default_factory=dict)
    printed: int = 0

    def add(self, number: int, line: str) -> None:
        self.waiting[number] = line
        while self.printed in self.waiting:
            say(self.waiting.pop(self.printed))
            self.printed += 1


def answer_all(options: argparse.Namespace) -> int:
    """Read, store, ask. Returns the exit code."""
    try:
        turns = _conversations(options.turns)
        questions = _questions(options.questions, turns)
    except BadLine as error:
        complain(f"reverie: {error}")
        return WRONG_INPUT
    try:
        call_command("migrate", verbosity=0, interactive=False)
        shown = not options.quiet and sys.stderr.isatty()
        if shown:
            complain(f"Recall goes {embedders.in_use()}.")
        _ask(turns, questions, k=options.k, shown=shown)
    finally:
        close_pool()
        connections.close_all()
    return 0


def _conversations(path: Path) -> dict[Name, list[tuple[TurnLine, datetime]]]:
    """The turns of each conversation, in their order, with the time of each."""
    found: dict[Name, list[tuple[TurnLine, datetime]]] = defaultdict(list)
    for number, turn in _lines(path, TurnLine):
        said = found[turn.conversation]
        try:
            said.append((turn, _time_of(turn, said[-1] if said else None)))
        except ValueError as error:
            raise BadLine(f"{path}, line {number}: {turn.time!r} is no ISO time.") from error
    return found


def _questions(path: Path, known: dict[Name, Any]) -> list[QuestionLine]:
    questions = []
    for number, question in _lines(path, QuestionLine):
        if question.conversation not in known:
            raise BadLine(
                f"{path}, line {number}: There are no turns of {question.conversation!r}."
            )
        questions.append(question)
    return questions


def _lines(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    """The lines of a file with their numbers from 1. Blank ones are passed over."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                stripped = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
                if stripped:
                    yield number, decoder.decode(stripped)
    except OSError as error:
        raise BadLine(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLine(f"{path}, line {number}: {error}") from error


def _time_of(turn: TurnLine, before: tuple[TurnLine, datetime] | None) -> datetime:
    """When a turn was said. One that does not say follows the one before it.

    Such a time only parts the sessions, as pauses part them in a chat: it is shown nowhere.
    """
    if turn.time:
        moment = datetime.fromisoformat(turn.time)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if before is None:
        return datetime.now(UTC) - _MONTH
    last, at = before
    return at + (_MINUTE if last.session == turn.session else _DAY)


def _ask(
    turns: dict[Name, list[tuple[TurnLine, datetime]]],
    questions: Sequence[QuestionLine],
    *,
    k: int,
    shown: bool,
) -> None:
    """Answer conversation by conversation, so that each is stored and read only once."""
    asked: dict[Name, list[int]] = defaultdict(list)
    for number, question in enumerate(questions):
        asked[question.conversation].append(number)
    user = User.objects.create(handle="recall", password="!")  # noqa: S106 - nobody signs in
    character = create_character(owner=user, name="Somebody")
    bar, answers = Bar(len(questions), shown=shown), Answers()
    for name, numbers in asked.items():
        stored = _store(user, character, turns[name])
        for number in numbers:
            answers.add(number, _answer(stored, questions[number], k))
            bar.step()
    bar.end()


def _store(user: User, character: Character, turns: Sequence[tuple[TurnLine, datetime]]) -> Stored:
    """One conversation as a chat of the user's, its analysis and vectors made as jobs do it."""
    chat = services.start_chat(user=user, character=character, greet=False)
    roles = _roles([turn.speaker for turn, _ in turns])
    rows: list[Message] = []
    for position, (turn, at) in enumerate(turns):
        rows.append(
            Message(
                uid=new_uid(),
                chat=chat,
                parent=rows[-1] if rows else None,
                position=position,
                role=roles[turn.speaker],
                speaker=clean(turn.speaker)[:200],
                content=clean(turn.text),
                created_at=at,
            )
        )
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        Message.objects.bulk_create(batch)
    while recalling.index_chat(chat.uid):
        pass
    chat.refresh_from_db()
    used = embedders.in_use()
    for source in sources(chat) if used.is_on else ():
        embedding.bring_up_to_date(source, embedding.free_of_charge(used))
    return Stored(
        chat=chat,
        ids={row.uid: turn.id for row, (turn, _) in zip(rows, turns, strict=True)},
        guessed={
            row.uid: at.timestamp()
            for row, (turn, at) in zip(rows, turns, strict=True)
            if not turn.time
        },
        end=[tree.Node(row.role, row.content, row.uid, position=row.position) for row in rows[-1:]],
        asker=next((name for name, role in roles.items() if role == Message.Role.USER), ""),
        ended_at=turns[-1][1],
    )


def _roles(speakers: Sequence[str]) -> dict[str, str]:
    """Who speaks as the user: whoever is called so, else the first; the others answer."""
    names = list(dict.fromkeys(speakers))
    users = [name for name in names if name.casefold() in _USERS]
    others = [name for name in names if name.casefold() not in _ASSISTANTS]
    asking = set(users or others[:1])
    return {
        name: str(Message.Role.USER if name in asking else Message.Role.ASSISTANT) for name in names
    }


def _answer(stored: Stored, question: QuestionLine, k: int) -> str:
    """One line: what a turn that asks this would be given, as if all else had left the window."""
    count = len(stored.ids)
    asked = tree.Node(str(Message.Role.USER), clean(question.text), position=count)
    by_whom = questioning.Asked(stored.chat.user_id, asked.content, "trial")
    found = recalling.search(
        stored.chat,
        recalling.question_of([*stored.end, asked]),
        stored.asker,
        before=count,
        now=stored.ended_at,
        k=k,
        meaning=asyncio.run(questioning.ask(lambda: by_whom)),
    )
    hits = [
        {
            "ids": [stored.ids[uid] for uid in hit.ids],
            "text": quoted(_undated(hit.text, stored.guessed.get(hit.ids[0]))),
            "score": round(hit.score, 6),
        }
        for hit in found.hits
    ]
    answer = {"conversation": question.conversation, "id": question.id, "hits": hits}
    return msgspec.json.encode(answer).decode()


def _undated(text: str, guessed: float | None) -> str:
    """A passage without the date that was only guessed."""
    if guessed is None:
        return text
    date = short(guessed)
    return text.removeprefix(f"{date}, ").removeprefix(f"{date}: ")
