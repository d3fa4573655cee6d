"""Conversations with labelled questions: written for this purpose, nobody in them exists."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

CONVERSATIONS = Path(__file__).parent / "conversations"
KINDS = ("single-hop", "temporal", "multi-hop", "open-domain", "adversarial")


Row = TypeVar("Row")


class Said(msgspec.Struct, frozen=True):
    """One turn of a conversation; `time` is ISO 8601 or absent."""

    conversation: str
    id: str
    session: str
    time: str | None
    speaker: str
    text: str

    @property
    def unix(self) -> float | None:
        return datetime.fromisoformat(self.time).timestamp() if self.time else None


class Question(msgspec.Struct, frozen=True):
    """A question and the ids of the turns that hold its answer."""

    conversation: str
    id: str
    text: str
    kind: str
    evidence: tuple[str, ...]
    answer: str


class Conversation(msgspec.Struct, frozen=True):
    name: str
    turns: list[Said]
    questions: list[Question]


def _rows(path: Path, shape: type[Row]) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield msgspec.convert(json.loads(line), shape)


def load(folder: Path = CONVERSATIONS) -> list[Conversation]:
    """Every `NAME.turns.jsonl` of a folder with its `NAME.questions.jsonl`, by name."""
    found = []
    for path in sorted(folder.glob("*.turns.jsonl")):
        name = path.name.removesuffix(".turns.jsonl")
        questions = path.with_name(f"{name}.questions.jsonl")
        found.append(Conversation(name, [*_rows(path, Said)], [*_rows(questions, Question)]))
    return found
