"""The values that pass between the halves of a turn."""

import time
from dataclasses import dataclass, field
from typing import Any

from accounts.models import ApiKey, User
from chats.models import Turn
from chats.tree import Place
from engine.types import GenerationRequest, Sampling
from llm.registry import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks of a chat, whatever surface they ask from."""

    user: User
    surface: str
    api_key: ApiKey | None = None
    kind: str = Turn.Kind.REPLY
    sampling: Sampling = field(default_factory=Sampling)
    idempotency_key: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A turn that has begun: what to run, and what closing it will need.

    `chat_uid` is "" for a turn that leaves no trace: then only the money is settled.
    `rule` says what chose the character; `sync` what became of the stored conversation.
    `state` is what lasts on the branch of the reply (`chats.state`).
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
    place: Place = field(default_factory=lambda: Place(None, 0))
    reply_uid: str = ""
    user_message_uid: str = ""
    has_versions: bool = False
    rule: str = ""
    sync: str = ""
    version: int = 0
    state: dict[str, Any] | None = None
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def hold_key(self) -> str:
        return f"turn:{self.uid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A turn that this very request began before: attach to it instead of answering twice."""

    turn: Turn
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: what it produced and what it used."""

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
    first_token_ms: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A turn that has ended. `message_uid` is "" when nothing was saved."""

    message_uid: str
    amount_micro: int
    version: int
