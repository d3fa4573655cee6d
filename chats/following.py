"""Following a turn from outside its caller: finished ones, and those another process runs.

Every process that runs turns listens on its own channel group for two orders: stop a turn,
and tell everybody its text so far. A follower takes the text from there, then the deltas.
Orders to all processes (`core.orders`) arrive here as well.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from billing.queries import cached_tokens
from chats import ending, exchanges, live, running
from chats.models import Message, Turn
from chats.node import NODE, group_of
from chats.positions import Position
from core.errors import ProviderError, ReverieError, Unavailable
from core.hop import hop
from core.layers import layer
from core.loop import spawn
from core.orders import EVERYBODY
from engine.events import Batch, Finished, ReasoningDelta, TextDelta, UsageReport
from engine.tools import ToolCall, pieces_of
from llm import registry

POLL_SECONDS: Final = 2.0
_FINISH_REASONS: Final = {"stop", "length", "tool_calls", "content_filter"}

_listener: asyncio.Task[None] | None = None


def ensure_listening() -> None:
    """Start taking orders for this process's turns, once per event loop."""
    global _listener  # noqa: PLW0603 - one listener per process
    loop = asyncio.get_running_loop()
    if _listener is None or _listener.done() or _listener.get_loop() is not loop:
        _listener = spawn(_listen())


async def _listen() -> None:
    channels = layer()
    channel = await channels.new_channel()
    for group in (group_of(NODE), EVERYBODY):
        await channels.group_add(group, channel)
    task = asyncio.current_task()
    try:
        # The client of Redis swallows a cancellation that meets it while it connects.
        while task is not None and not task.cancelling():
            order = await channels.receive(channel)
            await _obey(order)
    finally:
        for group in (group_of(NODE), EVERYBODY):
            await channels.group_discard(group, channel)


async def _obey(order: dict[str, Any]) -> None:
    match order["verb"]:
        case "end":
            ending.obey(order)
        case "forget_models":
            registry.forget()
        case _:
            await _obey_about_turn(order)


async def _obey_about_turn(order: dict[str, Any]) -> None:
    driver = running.drivers.get(order["turn"])
    if driver is None:
        return
    if order["verb"] == "stop":
        driver.stop("stopped")
    elif order["verb"] == "tell":
        await live.publish(driver.opened.chat_uid, snapshot_event(driver))


def snapshot_event(driver: running.Driver) -> dict[str, Any]:
    turn = driver.turn
    return {
        "event": "snapshot",
        "turn": turn.uid,
        "message": turn.reply_uid,
        "user_message": driver.opened.user_message_uid,
        "kind": str(driver.opened.kind),
        "model": driver.opened.spec.slug,
        "text": turn.text,
        "reasoning": turn.reasoning,
    }


async def order(node: str, turn_uid: str, verb: str) -> None:
    """Send an order to the process that runs a turn."""
    await layer().group_send(group_of(node), {"type": "node.order", "verb": verb, "turn": turn_uid})


@dataclass(frozen=True, slots=True)
class Saved:
    """What the database knows of a turn: its row, and its reply if one was saved."""

    turn: Turn
    text: str
    reasoning: str
    calls: tuple[ToolCall, ...] = ()
    cached_tokens: int = 0

    @property
    def has_ended(self) -> bool:
        return self.turn.state != Turn.State.RUNNING

    @property
    def error(self) -> ReverieError | None:
        if not self.turn.error_code:
            return None
        return ProviderError(self.turn.error_message, code=self.turn.error_code)

    def rest(self, after: Position) -> Batch:
        batch: Batch = []
        if piece := self.reasoning[after.reasoning :]:
            batch.append(ReasoningDelta(piece))
        if piece := self.text[after.text :]:
            batch.append(TextDelta(piece))
        batch += pieces_of(self.calls)
        return batch

    def tail(self) -> Batch:
        turn = self.turn
        reason = turn.finish_reason if turn.finish_reason in _FINISH_REASONS else "stop"
        usage = UsageReport(
            turn.prompt_tokens, turn.completion_tokens, self.cached_tokens, turn.estimated
        )
        return [usage, Finished(reason)]  # type: ignore[arg-type]  # checked against the literals


def read_saved(turn_uid: str) -> Saved:
    turn = Turn.objects.select_related("chat").defer("manifest").get(uid=turn_uid)
    reply = Message.objects.filter(uid=turn.reply, turn=turn.uid).first()
    cached = cached_tokens(f"turn:{turn.uid}")
    if reply is None:
        return Saved(turn, turn.partial, "", cached_tokens=cached)
    calls = exchanges.calls_in(reply.tool_calls)
    return Saved(turn, reply.content, reply.reasoning, calls, cached)


async def follow(turn_uid: str, after: Position | None = None) -> AsyncIterator[Batch]:
    """A turn's events from `after` to its end, wherever it runs or ran. Raises its error."""
    position = after or Position()
    here = live.running.get(turn_uid)
    if here is not None:
        async for batch in here.events(position):
            yield batch
        return
    saved = await hop(read_saved, turn_uid)
    if not saved.has_ended:
        async for batch, reached in _remote(saved, position):
            position = reached
            yield batch
        saved = await hop(read_saved, turn_uid)
    if rest := saved.rest(position):
        yield rest
    if saved.error is not None:
        raise saved.error
    yield saved.tail()


async def _remote(saved: Saved, position: Position) -> AsyncIterator[tuple[Batch, Position]]:
    """Deltas of a turn that another process runs, until it is closed or its process is gone."""
    channels = layer()
    channel = await channels.new_channel()
    group = live.group_of(saved.turn.chat_id)
    await channels.group_add(group, channel)
    try:
        await order(saved.turn.node, saved.turn.uid, "tell")
        while True:
            event = await _next_event(channels, channel)
            if event is None:
                latest = await hop(read_saved, saved.turn.uid)
                if latest.has_ended:
                    return
                yield [], position
            elif event.get("turn") != saved.turn.uid:
                continue
            elif event["event"] == "closed":
                return
            else:
                batch, position = _news(event, position)
                yield batch, position
    finally:
        await channels.group_discard(group, channel)


async def _next_event(channels: Any, channel: str) -> dict[str, Any] | None:
    try:
        message = await asyncio.wait_for(channels.receive(channel), POLL_SECONDS)
    except TimeoutError:
        return None
    return dict(message["event"])


def _news(event: dict[str, Any], position: Position) -> tuple[Batch, Position]:
    """The part of a snapshot or delta that lies beyond `position`; nothing if there is a gap."""
    if event["event"] == "snapshot":
        start, text, reasoning = 0, event["text"], event["reasoning"][position.reasoning :]
    elif event["event"] == "delta":
        start, text, reasoning = event["at"], event["text"], event["reasoning"]
    else:
        return [], position
    if start > position.text:
        return [], position
    batch: Batch = [ReasoningDelta(reasoning)] if reasoning else []
    if piece := text[position.text - start :]:
        batch.append(TextDelta(piece))
    return batch, Position(
        position.reasoning + len(reasoning), max(position.text, start + len(text))
    )


def unavailable() -> Unavailable:
    return Unavailable("The server is restarting. Please try again.", retry_after=5)
