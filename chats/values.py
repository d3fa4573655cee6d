"""The values that pass between the halves of a turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from accounts.models import ApiKey, User
from billing.limits.admission import Admission
from chats.models import Turn
from chats.tree import Node, Place
from chats.voices import Fallback
from engine.events import UsageReport
from engine.tools import ToolCall
from engine.types import GenerationRequest, Sampling
from llm.registry import ModelSpec
from memory.tools import Change, Offer
from memory.vectors import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks of a chat, whatever surface they ask from.

    `rule` says what chose the character. `question` is what they say as a vector, where one could
    be had in time. `ready` is told of the turn when all of its opening but the commit is done.
    """

    user: User
    surface: str
    api_key: ApiKey | None = None
    kind: str = Turn.Kind.REPLY
    sampling: Sampling = field(default_factory=Sampling)
    idempotency_key: str | None = None
    fingerprint: str = ""
    rule: str = ""
    question: Question | None = None
    admission: Admission = field(default_factory=Admission, compare=False)
    ready: "Ready | None" = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A turn that has begun: what to run, and what closing it will need.

    `chat_uid` is "" for a turn that leaves no trace: then only the money is settled.
    `rule` says what chose the character; `sync` what became of the stored conversation.
    `path` is what is shown above the reply, as far as it was read.
    `state` is what lasts on the branch of the reply (`chats.state`). `offer` are the memory tools
    that the model has; `answers` is the message that the reply answers. What lies before position
    `summarise_to` should be summed up, and is not yet. `fallback` says whose place `spec` took.
    """

    uid: str
    user_id: int
    surface: str
    spec: ModelSpec
    generation: GenerationRequest
    prompt_tokens: int
    api_key_uid: str = ""
    api_key_name: str = ""
    character_uid: str = ""
    character_name: str = ""
    chat_uid: str = ""
    kind: str = Turn.Kind.REPLY
    path: Sequence[Node] = ()
    place: Place = field(default_factory=lambda: Place(None, 0))
    reply_uid: str = ""
    user_message_uid: str = ""
    has_versions: bool = False
    rule: str = ""
    sync: str = ""
    version: int = 0
    state: dict[str, Any] | None = None
    offer: Offer | None = None
    answers: str = ""
    summarise_to: int = 0
    fallback: Fallback | None = None
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def hold_key(self) -> str:
        return f"turn:{self.uid}"


Ready: TypeAlias = Callable[[Opened], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A turn that this very request began before: attach to it instead of answering twice."""

    turn: Turn
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: what it produced and what it used.

    `tool_calls` are for the client, `changes` for the notebook; `rounds` is the usage of each
    request, where tools made it several.
    """

    text: str
    reasoning: str
    state: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    estimated: bool = False
    error_code: str = ""
    error_message: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    changes: tuple[Change, ...] = ()
    rounds: tuple[UsageReport, ...] = ()
    first_token_ms: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A turn that has ended. `message_uid` is "" when nothing was saved."""

    message_uid: str
    amount_micro: int
    version: int
