"""Driving a turn from its opening to its close, whoever is or is no longer listening."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from accounts.suspension import find_suspension
from billing import ledger
from billing.limits.admission import Admission
from chats import closing, live
from chats.live import LiveTurn
from chats.models import Chat, Turn
from chats.values import Closed, Opened, Outcome
from core import metrics
from core.errors import ReverieError, Unavailable
from core.hop import hop
from core.loop import spawn
from engine.events import Batch, Finished, UsageReport
from engine.loop import Loop
from engine.run import Limits, run
from engine.tokens import completed, default_counter
from llm import registry
from memory.changes import pending
from memory.tools import Session

log = structlog.get_logger(__name__)

CLOSE_TRIES: Final = 5


class Driver:
    """One turn in this process: pumps the provider's events into a `LiveTurn`, then closes.

    It may `ask` before it is started, to be dropped if that cannot be.
    """

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self._admission = Admission()
        self.turn = LiveTurn(uid=opened.uid, chat_uid=opened.chat_uid, reply_uid=opened.reply_uid)
        self._session = Session(opened.offer) if opened.offer is not None else None
        self._loop: Loop | None = None
        self._events: AsyncGenerator[Batch] | None = None
        self._asking: asyncio.Task[Batch | None] | None = None
        self._usage: UsageReport | None = None
        self._finish: Finished | None = None
        self._stop_reason = ""
        self._stop_error: ReverieError | None = None
        self._has_started = self._has_first = False
        self._is_closing = False
        self._started = time.monotonic()
        self._first_token: float | None = None
        self._heart: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Ask the model now. What it answers waits for the start."""
        self._asking = spawn(self._first_batch())

    async def drop(self) -> None:
        """Break off what was asked."""
        asking = self._asking
        if asking is not None and not asking.done():
            asking.cancel()
            await asyncio.wait({asking})
        if asking is not None and not asking.cancelled():
            asking.exception()  # or it would be told as one that nobody looked at
        if self._events is not None:
            await self._events.aclose()

    def start(self, admission: Admission) -> None:
        self._admission = admission
        live.running[self.opened.uid] = self.turn
        drivers[self.opened.uid] = self
        self._take_early()
        self.task = spawn(self._drive())

    def _take_early(self) -> None:
        """What the model has answered already is there for whoever listens first."""
        asking = self._asking
        if asking is None or not asking.done() or asking.cancelled() or asking.exception():
            return
        if (first := asking.result()) is not None:
            self._has_first = True
            self._take(first)

    def stop(self, reason: str, error: ReverieError | None = None) -> None:
        """End the run now; what came so far is kept. A second call changes nothing.

        With `error` the stream of the caller ends with it. A run that is over is left alone, or
        its end would never be told.
        """
        if self.task is not None and not self._stop_reason and not self._is_closing:
            self._stop_reason = reason
            self._stop_error = error
            # A task that is cancelled before its first step never takes it.
            if self._has_started:
                self.task.cancel()

    async def _drive(self) -> None:
        metrics.turn_started()
        error: ReverieError | None = None
        self._has_started = True
        try:
            await self._announce_opened()
            self.turn.announced()
            self._beat_later()
            if not self._stop_reason:
                await self._pump()
        except asyncio.CancelledError:
            if not self._stop_reason:
                raise
            if self.task is not None:
                self.task.uncancel()
        except ReverieError as raised:
            error = raised
        except Exception:
            log.exception("turn_crashed", turn=self.opened.uid)
            error = Unavailable("The reply failed inside this server.", code="internal_error")
            error.status = 500
        finally:
            if self._heart is not None:
                self._heart.cancel()
            self._is_closing = True
        await self.drop()
        await self._close(error or self._stop_error)

    async def _pump(self) -> None:
        if not self._has_first:
            first = await (self._asking or self._first_batch())
            if first is None:
                return
            self._take(first)
        if self._events is None:
            return
        # Who waits for the first words gets them before more is read, or saved.
        await asyncio.sleep(0)
        async for batch in self._events:
            self._take(batch)

    async def _first_batch(self) -> Batch | None:
        self._events = self._asked()
        return await anext(self._events, None)

    def _asked(self) -> AsyncGenerator[Batch]:
        """The events of the reply. Raises if there is nobody to ask."""
        provider = registry.provider_for(self.opened.spec)
        limits = Limits(
            first_token_seconds=settings.FIRST_TOKEN_SECONDS,
            idle_seconds=settings.IDLE_TOKEN_SECONDS,
        )
        generation = self.opened.generation
        if self._session is None:
            return run(provider, generation, limits=limits)
        self._loop = Loop(
            provider,
            generation,
            self._session,
            limits=limits,
            counter=default_counter(),
            prompt_tokens=self.opened.prompt_tokens,
        )
        return self._loop.events()

    def _take(self, batch: Batch) -> None:
        """Pass on what the caller may see at once; keep usage and finish until all is saved."""
        last = batch[-1]
        if type(last) is Finished or type(last) is UsageReport:
            visible: Batch = []
            for event in batch:
                if type(event) is Finished:
                    self._finish = event
                elif type(event) is UsageReport:
                    self._usage = event
                else:
                    visible.append(event)
            batch = visible
        if batch:
            if self._first_token is None:
                self._first_token = time.monotonic()
            self.turn.push(batch)

    async def _close(self, error: ReverieError | None) -> None:
        outcome = self._outcome(error)
        closed = await self._commit(outcome)
        if closed is None:
            error = error or Unavailable("The reply could not be saved. Please try again.")
            closed = Closed(message_uid="", amount_micro=0, version=self.opened.version)
        if self._stop_reason == "shutdown" and error is None and not outcome.text:
            error = Unavailable("The server is restarting. Please try again.", retry_after=5)
        tail: Batch = [
            UsageReport(
                outcome.prompt_tokens,
                outcome.completion_tokens,
                outcome.cached_tokens,
                outcome.estimated,
            ),
            self._finish or Finished("stop"),
        ]
        if self._session is not None and self._session.refused:
            metrics.tool_calls_refused(self._session.refused)
            log.info("memory_calls_refused", turn=self.opened.uid, count=self._session.refused)
        await self._announce_closed(outcome, closed)
        self.turn.end(tail, error)
        live.running.pop(self.opened.uid, None)
        drivers.pop(self.opened.uid, None)
        metrics.turn_ended(outcome.state, self.opened.surface, outcome)

    async def _commit(self, outcome: Outcome) -> Closed | None:
        """Close the turn's row, trying for a while. None leaves it to the sweeper."""
        for attempt in range(CLOSE_TRIES):
            try:
                return await hop(_close, self.opened, outcome, self._admission)
            except DatabaseError:
                log.exception("turn_close_failed", turn=self.opened.uid, attempt=attempt)
                await asyncio.sleep(0.2 * 2**attempt)
        return None

    def _outcome(self, error: ReverieError | None) -> Outcome:
        turn, opened = self.turn, self.opened
        text, reasoning = turn.text, turn.reasoning
        usage = self._counted(text, reasoning)
        is_whole = error is None and not self._stop_reason
        if is_whole:
            state = Turn.State.DONE
        else:
            state = Turn.State.PARTIAL if turn.has_output else Turn.State.VOIDED
        finish = self._finish.reason if self._finish else "error" if error else "stopped"
        now = time.monotonic()
        return Outcome(
            text=text,
            reasoning=reasoning,
            state=state,
            finish_reason=finish,
            prompt_tokens=usage.prompt_tokens or opened.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            estimated=usage.estimated,
            error_code=error.code if error else "",
            error_message=error.message if error else "",
            # Calls that were broken off are none.
            tool_calls=turn.tool_calls if is_whole else (),
            changes=tuple(self._session.changes) if self._session else (),
            rounds=tuple(self._loop.rounds) if self._loop else (),
            first_token_ms=(
                None
                if self._first_token is None
                else int((self._first_token - self._started) * 1000)
            ),
            duration_ms=int((now - self._started) * 1000),
        )

    def _counted(self, text: str, reasoning: str) -> UsageReport:
        """What was used, as the upstream counted it, or as we do where it did not say."""
        if self._loop is not None:
            return self._usage or self._loop.usage()

        def made() -> int:
            count = default_counter().count
            calls = sum(count(call.name + call.arguments) for call in self.turn.tool_calls)
            return count(text) + (count(reasoning) if reasoning else 0) + calls

        return completed(self._usage, lambda: self.opened.prompt_tokens, made)

    async def _announce_opened(self) -> None:
        opened = self.opened
        if not opened.chat_uid:
            return
        await live.publish(
            opened.chat_uid,
            {
                "event": "opened",
                "turn": opened.uid,
                "message": opened.reply_uid,
                "user_message": opened.user_message_uid,
                "kind": str(opened.kind),
                "surface": str(opened.surface),
                "key": opened.api_key_name,
                "model": opened.spec.slug,
                "version": opened.version,
            },
        )

    async def _announce_closed(self, outcome: Outcome, closed: Closed) -> None:
        if not self.opened.chat_uid:
            return
        await self.turn.flush()
        await live.publish(
            self.opened.chat_uid,
            {
                "event": "closed",
                "turn": self.opened.uid,
                "message": closed.message_uid,
                "state": str(outcome.state),
                "error": outcome.error_message,
                "error_code": outcome.error_code,
                "version": closed.version,
            },
        )

    def _beat_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._heart = loop.call_later(settings.TURN_HEARTBEAT_SECONDS, lambda: spawn(self._beat()))

    async def _beat(self) -> None:
        """Renew the lease and note the text so far: what a killed process leaves behind."""
        try:
            changes = self._session.changes if self._session else ()
            refused = await hop(
                _renew, self.opened, self.turn.text, pending(changes), self._admission
            )
            if refused is not None:
                self.stop("ended", refused)
        except DatabaseError:
            log.warning("turn_heartbeat_failed", turn=self.opened.uid)
        if not self.turn.ended:
            self._beat_later()


drivers: dict[str, Driver] = {}
"""Drivers of this process's running turns, by turn uid."""


def _close(opened: Opened, outcome: Outcome, admission: Admission) -> Closed:
    """Close the turn and give its seat back, before its caller can ask for the next one."""
    closed = closing.close_turn(opened, outcome)
    admission.release()
    return closed


def _renew(
    opened: Opened, text: str, changes: list[dict[str, Any]], admission: Admission
) -> ReverieError | None:
    admission.renew()
    return renew(opened, text, changes)


def renew(opened: Opened, text: str, changes: list[dict[str, Any]]) -> ReverieError | None:
    """Renew a turn's lease and hold. Returns why it must not go on, if it must not."""
    until = timezone.now() + timedelta(seconds=settings.TURN_LEASE_SECONDS)
    with transaction.atomic():
        ledger.extend(key=opened.hold_key, seconds=settings.TURN_LEASE_SECONDS * 10)
        Turn.objects.filter(uid=opened.uid, state=Turn.State.RUNNING).update(
            lease_expires_at=until, partial=text, changes=changes or None
        )
        Chat.objects.filter(uid=opened.chat_uid, turn=opened.uid).update(lease_expires_at=until)
    return find_suspension(opened.user_id, opened.api_key_uid)
