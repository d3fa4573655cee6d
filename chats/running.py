"""Driving a turn from its opening to its close, whoever is or is no longer listening."""

import asyncio
import time
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from billing import ledger
from chats import closing, live
from chats.live import LiveTurn
from chats.models import Chat, Turn
from chats.values import Closed, Opened, Outcome
from core import metrics
from core.errors import ReverieError, Unavailable
from core.hop import hop
from core.loop import spawn
from engine.events import Batch, Finished, UsageReport
from engine.run import Limits, run
from engine.tokens import default_counter
from llm import registry

log = structlog.get_logger(__name__)

CLOSE_TRIES: Final = 5


class Driver:
    """One turn in this process: pumps the provider's events into a `LiveTurn`, then closes."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.turn = LiveTurn(uid=opened.uid, chat_uid=opened.chat_uid, reply_uid=opened.reply_uid)
        self._usage: UsageReport | None = None
        self._finish: Finished | None = None
        self._stop_reason = ""
        self._started = time.monotonic()
        self._first_token: float | None = None
        self._heart: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        live.running[self.opened.uid] = self.turn
        drivers[self.opened.uid] = self
        self.task = spawn(self._drive())

    def stop(self, reason: str) -> None:
        """End the run now; what came so far is kept. A second call changes nothing."""
        if self.task is not None and not self._stop_reason and not self.turn.ended:
            self._stop_reason = reason
            self.task.cancel()

    async def _drive(self) -> None:
        metrics.turn_started()
        error: ReverieError | None = None
        await self._announce_opened()
        self._beat_later()
        try:
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
        await self._close(error)

    async def _pump(self) -> None:
        provider = registry.provider_for(self.opened.spec)
        limits = Limits(
            first_token_seconds=settings.FIRST_TOKEN_SECONDS,
            idle_seconds=settings.IDLE_TOKEN_SECONDS,
        )
        async for batch in run(provider, self.opened.generation, limits=limits):
            self._take(batch)

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
        await self._announce_closed(outcome, closed)
        self.turn.end(tail, error)
        live.running.pop(self.opened.uid, None)
        drivers.pop(self.opened.uid, None)
        metrics.turn_ended(outcome.state, self.opened.surface, outcome)

    async def _commit(self, outcome: Outcome) -> Closed | None:
        """Close the turn's row, trying for a while. None leaves it to the sweeper."""
        for attempt in range(CLOSE_TRIES):
            try:
                return await hop(closing.close_turn, self.opened, outcome)
            except DatabaseError:
                log.exception("turn_close_failed", turn=self.opened.uid, attempt=attempt)
                await asyncio.sleep(0.2 * 2**attempt)
        return None

    def _outcome(self, error: ReverieError | None) -> Outcome:
        turn, opened = self.turn, self.opened
        text, reasoning = turn.text, turn.reasoning
        usage = self._usage or self._estimate(text, reasoning)
        if error is None and not self._stop_reason:
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
            first_token_ms=(
                None
                if self._first_token is None
                else int((self._first_token - self._started) * 1000)
            ),
            duration_ms=int((now - self._started) * 1000),
        )

    def _estimate(self, text: str, reasoning: str) -> UsageReport:
        counter = default_counter()
        produced = counter.count(text) + (counter.count(reasoning) if reasoning else 0)
        return UsageReport(self.opened.prompt_tokens, produced, estimated=True)

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
            await hop(renew, self.opened, self.turn.text)
        except DatabaseError:
            log.warning("turn_heartbeat_failed", turn=self.opened.uid)
        if not self.turn.ended:
            self._beat_later()


drivers: dict[str, Driver] = {}
"""Drivers of this process's running turns, by turn uid."""


def renew(opened: Opened, text: str) -> None:
    until = timezone.now() + timedelta(seconds=settings.TURN_LEASE_SECONDS)
    with transaction.atomic():
        ledger.extend(key=opened.hold_key, seconds=settings.TURN_LEASE_SECONDS * 10)
        Turn.objects.filter(uid=opened.uid, state=Turn.State.RUNNING).update(
            lease_expires_at=until, partial=text
        )
        Chat.objects.filter(uid=opened.chat_uid, turn=opened.uid).update(lease_expires_at=until)
