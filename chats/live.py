"""Turns while they run: the events as they come, for the caller and for everybody who watches.

A `LiveTurn` lives in one process. Its caller reads it directly. Pages and other processes read
the chat's channel group, where deltas arrive coalesced; the caller's own stream never waits
for that.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from io import StringIO
from typing import Any, Final

import structlog
from django.db import transaction
from redis import RedisError

from chats.positions import Position
from core.errors import ReverieError
from core.layers import layer, may_listen
from core.loop import spawn, submit
from engine.events import Batch, ReasoningDelta, TextDelta, ToolCallDelta
from engine.tools import ToolCall, gathered

log = structlog.get_logger(__name__)

COALESCE_SECONDS: Final = 0.06
IDLE_SECONDS: Final = 10.0
PUBLISH_SECONDS: Final = 1.0
REST_SECONDS: Final = 2.0

_silent_until = 0.0

running: dict[str, "LiveTurn"] = {}
"""Turns of this process that have not ended, by turn uid."""


def group_of(chat_uid: str) -> str:
    return f"chat.{chat_uid}"


async def publish(chat_uid: str, event: dict[str, Any]) -> None:
    """Tell who watches the chat. A Redis that is down is left alone for a moment.

    The turn goes on without: watchers catch up from the rows when they look again.
    """
    global _silent_until  # noqa: PLW0603 - the process's own
    channels, group = layer(), group_of(chat_uid)
    if time.monotonic() < _silent_until or not may_listen(channels, group):
        return
    try:
        async with asyncio.timeout(PUBLISH_SECONDS):
            await channels.group_send(group, {"type": "chat.event", "event": event})
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        _silent_until = time.monotonic() + REST_SECONDS
        log.warning("watchers_not_told", error=type(error).__name__)


def announce_change(chat_uid: str, version: int) -> None:
    """After the current transaction commits, tell those who show this chat to read it again."""
    transaction.on_commit(
        lambda: submit(publish(chat_uid, {"event": "changed", "version": version}))
    )


class _Inbox:
    """What one subscriber has not read yet, and the future it sleeps on."""

    __slots__ = ("batch", "waiter")

    def __init__(self) -> None:
        self.batch: Batch = []
        self.waiter: asyncio.Future[None] | None = None

    async def sleep(self, seconds: float) -> None:
        """Return when woken, or after `seconds`."""
        loop = asyncio.get_running_loop()
        self.waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self.waiter
        finally:
            timer.cancel()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class LiveTurn:
    """One running turn: what it produced so far and who is listening.

    `tail` holds the usage and the finish, which come only when the reply is saved.
    `on_abandoned` is called when the last subscriber leaves before the end.
    """

    def __init__(self, *, uid: str, chat_uid: str, reply_uid: str) -> None:
        self.uid = uid
        self.chat_uid = chat_uid
        self.reply_uid = reply_uid
        self.tail: Batch = []
        self.error: ReverieError | None = None
        self.ended = False
        self.on_abandoned: Callable[[], None] | None = None
        self._text = StringIO()
        self._reasoning = StringIO()
        self._tool_deltas: list[ToolCallDelta] = []
        self._inboxes: list[_Inbox] = []
        self._broadcast = _Broadcast(self)
        self.position = Position()

    @property
    def text(self) -> str:
        return self._text.getvalue()

    @property
    def reasoning(self) -> str:
        return self._reasoning.getvalue()

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The client's tools that were called."""
        return gathered(self._tool_deltas)

    @property
    def has_output(self) -> bool:
        return bool(self.position.text or self.position.reasoning or self._tool_deltas)

    def push(self, batch: Batch) -> None:
        """Take in the events of one upstream read and hand them to all who listen."""
        reasoning, text = self.position
        for event in batch:
            if type(event) is TextDelta:
                text += self._text.write(event.text)
            elif type(event) is ReasoningDelta:
                reasoning += self._reasoning.write(event.text)
            elif type(event) is ToolCallDelta:
                self._tool_deltas.append(event)
        self.position = Position(reasoning, text)
        for inbox in self._inboxes:
            inbox.batch.extend(batch)
            inbox.wake()
        self._broadcast.soon()

    def end(self, tail: Batch, error: ReverieError | None = None) -> None:
        """Nothing more will come: `tail` closes a good stream, `error` a broken one."""
        self.tail = tail
        self.error = error
        self.ended = True
        for inbox in self._inboxes:
            inbox.wake()

    def announced(self) -> None:
        """Those who show the chat know of this turn: from now on they are told what comes."""
        self._broadcast.begin()

    async def flush(self) -> None:
        """Send what watchers have not seen yet; called before the turn is announced closed."""
        await self._broadcast.flush()

    async def events(
        self, after: Position | None = None, *, idle_seconds: float = IDLE_SECONDS
    ) -> AsyncIterator[Batch]:
        """Everything from `after` on, to the end. Raises the turn's error once all is read.

        An empty batch says that nothing came for `idle_seconds`: time for a keep-alive.
        """
        inbox = _Inbox()
        inbox.batch = self._since(after or Position())
        self._inboxes.append(inbox)
        try:
            while True:
                if inbox.batch:
                    batch, inbox.batch = inbox.batch, []
                    yield batch
                elif self.ended:
                    break
                else:
                    await inbox.sleep(idle_seconds)
                    if not inbox.batch and not self.ended:
                        yield []
            if self.error is not None:
                raise self.error
            yield self.tail
        finally:
            self._inboxes.remove(inbox)
            if not self._inboxes and not self.ended and self.on_abandoned is not None:
                self.on_abandoned()

    @property
    def is_watched(self) -> bool:
        return bool(self._inboxes)

    def _since(self, position: Position) -> Batch:
        batch: Batch = []
        if rest := self.reasoning[position.reasoning :]:
            batch.append(ReasoningDelta(rest))
        if rest := self.text[position.text :]:
            batch.append(TextDelta(rest))
        batch.extend(self._tool_deltas)
        return batch


class _Broadcast:
    """Sends what is new to the chat's group, at most once per `COALESCE_SECONDS`."""

    __slots__ = ("_has_begun", "_sending", "_sent", "_timer", "_turn")

    def __init__(self, turn: LiveTurn) -> None:
        self._turn = turn
        self._sent = Position()
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._has_begun = False

    def begin(self) -> None:
        self._has_begun = True
        if self._turn.position != self._sent:
            self.soon()

    def soon(self) -> None:
        if self._timer is None and self._has_begun:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(COALESCE_SECONDS, self._start)

    def _start(self) -> None:
        self._timer = None
        if self._turn.ended:
            return
        if self._sending is not None and not self._sending.done():
            self.soon()
        elif self._turn.position != self._sent:
            self._sending = spawn(self._send())

    async def _send(self) -> None:
        turn, since = self._turn, self._sent
        if turn.position == since:
            return
        self._sent = turn.position
        await publish(
            turn.chat_uid,
            {
                "event": "delta",
                "turn": turn.uid,
                "message": turn.reply_uid,
                "at": since.text,
                "text": turn.text[since.text :],
                "reasoning": turn.reasoning[since.reasoning :],
            },
        )

    async def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is not None and not self._sending.done():
            await asyncio.wait({self._sending})
        await self._send()
