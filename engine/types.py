"""What goes into the engine: messages, sampling and the request handed to a provider.

Values only. Who stores them, who pays and which protocol they came from is decided elsewhere.
"""

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]


class ChatMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One message of a prompt, as providers see it. `name` is the speaker, if there are several.

    `extra` holds wire fields that a stateless request passes through (tool calls, images).
    """

    role: Role
    content: str
    name: str | None = None
    extra: dict[str, Any] | None = None


class Sampling(msgspec.Struct, frozen=True):
    """How to sample. None leaves the choice to the provider. `extra` is passed on as it is."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    extra: dict[str, Any] = {}


class GenerationRequest(msgspec.Struct, frozen=True):
    """Everything a provider needs for one reply. `model` is the upstream's own name for it.

    With `template`, the name of an instruct template, the messages are sent as one text, and
    `reply_name` says who speaks next. Otherwise they are sent as they are.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling = Sampling()
    template: str = ""
    reply_name: str | None = None
