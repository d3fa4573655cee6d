"""What a turn asks the model: prompt, tools, and what they may cost."""

from typing import Any, Final, NamedTuple

import msgspec
import orjson

from chats import abilities, context, exchanges
from chats.context import Composed, Moment
from chats.models import Chat
from core.ids import short
from engine.assemble import MESSAGE_OVERHEAD_TOKENS
from engine.loop import ROUNDS_MOST
from engine.tokens import default_counter
from engine.types import ChatMessage, GenerationRequest, Sampling
from memory import tools as memory_tools
from memory.tools import Listed, Offer

REQUESTS_MOST: Final = ROUNDS_MOST + 1
"""Requests that a reply with memory tools may take."""
_FREE_CHOICES: Final = (None, "auto")


class Asking(NamedTuple):
    """What goes to the provider. `tokens` is the size of the prompt with its tools."""

    generation: GenerationRequest
    composed: Composed
    tokens: int
    offer: Offer | None = None
    answers: str = ""

    @property
    def requests(self) -> int:
        """How often the prompt may be sent."""
        return 1 if self.offer is None else REQUESTS_MOST

    def without_memory(self, asked: Sampling) -> "Asking":
        """The same without our tools, for somebody who cannot pay for all of its rounds."""
        sampling = msgspec.structs.replace(self.generation.sampling, extra=asked.extra)
        generation = msgspec.structs.replace(self.generation, sampling=sampling)
        return self._replace(generation=generation, offer=None)


def ask(moment: Moment, asked: Sampling) -> Asking:
    """Everything for the model. `moment.path` ends with what is answered, calls of tools too.

    Raises Invalid for what is asked that the model is known not to do.
    """
    abilities.check(moment.spec, asked)
    path, calls = exchanges.split(moment.path)
    offer = _offer(moment, asked)
    extra = _with_tools(asked.extra, offer)
    beside = _tokens(calls) + _tokens_of_tools(extra)
    composed = context.compose(
        moment._replace(
            path=path,
            tokens_beside=beside,
            after=moment.path[-1].uid if moment.path else None,
            lists_handles=offer is not None,
        )
    )
    if offer is not None:
        offer = msgspec.structs.replace(offer, listed=memory_tools.by_handle(_listed(composed)))
    generation = context.generation_for(
        moment, composed.prompt, msgspec.structs.replace(asked, extra=extra)
    )
    if calls:
        messages = _beside(generation.messages, calls, has_prefill=bool(moment.prefill))
        generation = msgspec.structs.replace(generation, messages=messages)
    return Asking(
        generation, composed, composed.prompt.tokens + beside, offer, path[-1].uid if path else ""
    )


def _offer(moment: Moment, asked: Sampling) -> Offer | None:
    """The memory tools, where model, notebook and client leave room for them.

    A choice that the client makes for its own tools, or a form that it demands of the reply,
    is kept as it is.
    """
    chat, spec = moment.chat, moment.spec
    if not (spec.supports_tools and not spec.template and remembers(chat)):
        return None
    tools = asked.extra.get("tools") or []
    if not isinstance(tools, list) or asked.extra.get("response_format"):
        return None
    choice = asked.extra.get("tool_choice")
    if choice not in _FREE_CHOICES:
        return None
    return memory_tools.offer(chat.notebook_id or "", {_name(tool) for tool in tools})


def remembers(chat: Chat) -> bool:
    return chat.notebook is not None and chat.notebook.remembers


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name")) if isinstance(function, dict) else ""


def _with_tools(extra: dict[str, Any], offer: Offer | None) -> dict[str, Any]:
    if offer is None:
        return extra
    return {**extra, "tools": [*(extra.get("tools") or []), *offer.schemas()]}


def _tokens(messages: tuple[ChatMessage, ...]) -> int:
    count = default_counter().count
    wires = [orjson.dumps(message.extra).decode() for message in messages]
    return sum(
        count(message.content) + count(wire) + MESSAGE_OVERHEAD_TOKENS
        for message, wire in zip(messages, wires, strict=True)
    )


def _tokens_of_tools(extra: dict[str, Any]) -> int:
    tools = extra.get("tools")
    return default_counter().count(orjson.dumps(tools).decode()) if tools else 0


def _listed(composed: Composed) -> list[Listed]:
    """The memories that the prompt lists with a handle."""
    return [
        Listed(block.uids[0], block.text.removeprefix(f"- [{short(block.uids[0])}] "))
        for block in composed.prompt.manifest.blocks
        if block.kept and block.name == "memories" and block.uids
    ]


def _beside(
    messages: tuple[ChatMessage, ...], calls: tuple[ChatMessage, ...], *, has_prefill: bool
) -> tuple[ChatMessage, ...]:
    """The calls at the end of a prompt, before what the reply goes on from."""
    if has_prefill:
        return (*messages[:-1], *calls, messages[-1])
    return (*messages, *calls)
