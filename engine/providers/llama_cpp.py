"""The embedded engine: llama.cpp's server in a supervised child process.

The engine may crash; it never takes this process with it. A child that died is started again
at the next request, no more often than the backoff allows.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from core.errors import Retryable, Terminal
from engine.events import Batch
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike
from engine.types import GenerationRequest

START_SECONDS: Final = 300
STOP_SECONDS: Final = 3
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_BACKOFF_SECONDS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
_STEADY_SECONDS: Final = 60


class LlamaCpp:
    """One GGUF file, served by one child process that is started when first needed."""

    def __init__(self, name: str, path: str, *, options: dict[str, Any] | None = None) -> None:
        self.name = name
        self._path = path
        given = options or {}
        self._settings = {
            "path": path,
            "alias": Path(path).stem,
            "context_tokens": int(given.get("context_tokens", 8192)),
            "parallel": int(given.get("parallel", 4)),
            "threads": int(given.get("threads", 0)),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._upstream: OpenAILike | None = None
        self._starting = asyncio.Lock()
        self._failures = 0
        self._started_at = 0.0

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Batch]:
        upstream = await self._ready()
        stream = upstream.stream(request)
        try:
            async for batch in stream:
                yield batch
        finally:
            await stream.aclose()

    async def list_models(self) -> list[UpstreamModel]:
        name, window = self._settings["alias"], self._settings["context_tokens"]
        return [UpstreamModel(str(name), int(str(window)))]

    async def aclose(self) -> None:
        """End the child: it stops when its input closes, and is killed if it does not."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _ready(self) -> OpenAILike:
        """The server's address, starting the child if none lives. Raises Retryable, Terminal."""
        async with self._starting:
            if self.pid is None or self._upstream is None:
                await self._start()
            assert self._upstream is not None
            return self._upstream

    async def _start(self) -> None:
        if not await asyncio.to_thread(Path(self._path).is_file):
            raise Terminal(f"The model file of {self.name} is not there any more.")
        self._wait_its_turn()
        self._started_at = time.monotonic()
        self._upstream = None
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.providers.llama_child",
            json.dumps(self._settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
        )
        try:
            address = await self._address(self._process)
        except asyncio.CancelledError:
            # Whoever asked has left while the model loaded: no half-started child stays behind.
            self._process.kill()
            raise
        self._upstream = OpenAILike(self.name, address)

    def _wait_its_turn(self) -> None:
        """Refuse to start again too soon after a crash. A child that ran for long starts anew."""
        if not self._started_at:
            return
        ran = time.monotonic() - self._started_at
        self._failures = 0 if ran > _STEADY_SECONDS else self._failures + 1
        pause = _BACKOFF_SECONDS[min(self._failures - 1, len(_BACKOFF_SECONDS) - 1)]
        if self._failures and ran < pause:
            raise Retryable(f"{self.name} crashed and is starting again.", retry_after=1)

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None
        line = b""
        with contextlib.suppress(TimeoutError):
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        try:
            return str(json.loads(line)["address"])
        except (json.JSONDecodeError, KeyError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise Terminal(f"{self.name} could not load its model file.") from error
