"""Any server that speaks the OpenAI API: OpenRouter, vLLM, Ollama, llama.cpp, LM Studio…"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import httpx
import msgspec
import orjson

from core import http
from core.errors import Invalid, ProviderError, Retryable, Terminal, UpstreamTimeout
from engine.events import Batch, TextDelta
from engine.instruct import render
from engine.providers.base import UpstreamModel
from engine.providers.chunks import Reader, failure_of_status
from engine.providers.offers import offers_of
from engine.sse import Decoder
from engine.types import ChatMessage, GenerationRequest, Sampling

_EXTRA: Final = attrgetter("extra")
_OK: Final = 200
_FEW: Final = 2
_DRAIN_SECONDS: Final = 0.025
_ERROR_BYTES_MOST: Final = 65_536
_BODY_BYTES_MOST: Final = 8 * 1024 * 1024
# What only a chat can ask for.
_CHAT_ONLY: Final = {
    "function_call", "functions", "parallel_tool_calls", "response_format", "tool_choice", "tools",
}  # fmt: skip
_SUFFIXES: Final = ("/chat/completions", "/completions", "/embeddings", "/models")


def api_base(url: str) -> str:
    """The address up to and including its version: what people paste comes in many forms."""
    base = url.strip().rstrip("/")
    for suffix in _SUFFIXES:
        base = base.removesuffix(suffix).rstrip("/")
    last = base.rpartition("/")[2]
    is_versioned = last[:1] == "v" and last[1:2].isdecimal()
    return base if is_versioned else f"{base}/v1"


class OpenAILike:
    """One upstream address."""

    def __init__(self, name: str, base_url: str, *, api_key: str = "") -> None:
        self.name = name
        self._base = api_base(base_url)
        self._chat = f"{self._base}/chat/completions"
        self._text = f"{self._base}/completions"
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Batch]:
        """Batches of events, one per network read. Raises Retryable or Terminal."""
        body, reader = _asked(request)
        try:
            answer = await http.post(
                self._text if request.template else self._chat,
                content=msgspec.json.encode(body),
                headers=self._headers,
            )
            try:
                if answer.status_code != _OK:
                    raise failure_of_status(
                        answer.status_code,
                        await _read(answer, _ERROR_BYTES_MOST),
                        answer.headers.get("retry-after"),
                    )
                async with aclosing(_events(answer, reader)) as batches:
                    async for batch in batches:
                        yield batch
            finally:
                await answer.aclose()
        except httpx.ConnectTimeout as error:
            # A timeout by its class, but nobody was there who could be late.
            raise Retryable(f"The connection to {self.name} failed.") from error
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(f"{self.name} did not answer in time.") from error
        except httpx.HTTPError as error:
            raise Retryable(f"The connection to {self.name} failed.") from error

    async def list_models(self) -> list[UpstreamModel]:
        """What the upstream says it serves. Raises Retryable or Terminal."""
        try:
            async with http.client().stream(
                "GET", f"{self._base}/models", headers=self._headers, timeout=10
            ) as response:
                body = await _read(response, _BODY_BYTES_MOST)
        except httpx.HTTPError as error:
            raise Retryable(f"The connection to {self.name} failed.") from error
        if response.status_code != _OK:
            raise failure_of_status(response.status_code, body, None)
        try:
            return offers_of(orjson.loads(body))
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Terminal(f"{self.name} did not list models the way OpenAI does.") from error

    async def aclose(self) -> None:
        """Nothing of its own to close: connections belong to the process's client."""


async def _events(answer: http.Answer, reader: Reader) -> AsyncGenerator[Batch]:
    if "json" in answer.headers.get("content-type", ""):
        # Some servers ignore `stream` and answer with one whole object.
        whole: Batch = []
        reader.read(await _read(answer, _BODY_BYTES_MOST), whole)
        yield [*whole, *reader.ending()]
        return
    decoder = Decoder()
    is_over = False
    while not (is_over or reader.is_done):
        piece = await answer.read()
        is_over = not piece
        batch, failure = _taken(reader, decoder.finish() if is_over else decoder.feed(piece))
        if batch:
            yield batch
        if failure is not None:
            raise failure
    yield reader.ending()
    if not answer.is_read:
        await _drain(answer)


async def _drain(answer: http.Answer) -> None:
    """Read what little follows the last event, so that the connection can be used again."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await answer.read():
                pass


def _taken(reader: Reader, events: list[tuple[bytes, bytes]]) -> tuple[Batch, ProviderError | None]:
    """The events of one read, and the failure that ended it: what came before it still counts."""
    batch: Batch = []
    try:
        for _, data in events:
            reader.read(data, batch)
            if reader.is_done:
                break
    except ProviderError as error:
        return _joined(batch), error
    return _joined(batch), None


def _joined(batch: Batch) -> Batch:
    """Pieces of text that came at once as one: everything after this costs by the event."""
    if len(batch) < _FEW:
        return batch
    joined: Batch = []
    for kind, run in groupby(batch, type):
        if kind is TextDelta:
            text = "".join([event.text for event in run if type(event) is TextDelta])
            joined.append(TextDelta(text))
        else:
            joined += run
    return joined


async def _read(answer: http.Answer | httpx.Response, most: int) -> bytes:
    """The body, cut at `most` bytes."""
    body = b""
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) >= most:
            break
    return body[:most]


def _asked(request: GenerationRequest) -> tuple[dict[str, Any], Reader]:
    """The body of the request, and what reads its answer."""
    if not request.template:
        return payload(request), Reader()
    try:
        return text_payload(request)
    except Invalid as error:
        raise Terminal(error.message) from error


def payload(request: GenerationRequest) -> dict[str, Any]:
    """The body of the upstream request: only what was asked for."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body.update(_sampling(request.sampling))
    return body


def text_payload(request: GenerationRequest) -> tuple[dict[str, Any], Reader]:
    """The same for a text completion: the messages as one text. Raises Invalid."""
    prompt = render(request.messages, request.template, reply_name=request.reply_name)
    wire = _sampling(request.sampling)
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": prompt.text,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body.update((name, value) for name, value in wire.items() if name not in _CHAT_ONLY)
    body["stop"] = list(dict.fromkeys((*prompt.stop, *request.sampling.stop)))
    # Text that goes on keeps its space; a fresh reply begins with its first word.
    return body, Reader(trims=not prompt.is_continued)


def _messages(said: Sequence[ChatMessage]) -> Sequence[ChatMessage | dict[str, Any]]:
    """Messages as they are written. Mostly they are that already."""
    if list(map(_EXTRA, said)).count(None) == len(said):
        return said
    return [message if message.extra is None else _message(message) for message in said]


def _message(message: ChatMessage) -> dict[str, Any]:
    """A message with what is passed through beside it. One without that is written as it is."""
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None:
        wire["name"] = message.name
    if message.extra:
        wire.update(message.extra)
        if not wire["content"] and "tool_calls" in message.extra:
            wire["content"] = None
    return wire


def _sampling(sampling: Sampling) -> dict[str, Any]:
    wire = dict(sampling.extra)
    for name in ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty"):
        if (value := getattr(sampling, name)) is not None:
            wire[name] = value
    if sampling.seed is not None:
        wire["seed"] = sampling.seed
    if sampling.stop:
        wire["stop"] = list(sampling.stop)
    return wire
