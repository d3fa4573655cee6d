"""OpenAI's chunk, as far as we read it: typed, so that decoding one costs little."""

import re
from typing import Any, Final

import msgspec

from core.errors import ProviderError, Retryable, Terminal
from engine.events import (
    Batch,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from engine.providers.calls import CallPiece, CallReader


class _Delta(msgspec.Struct, gc=False):
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallPiece] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class _CachedTokens(msgspec.Struct, gc=False):
    cached_tokens: int | float | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    prompt_tokens_details: _CachedTokens | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_RETRYABLE_STATUS: Final = {408, 409, 425, 429}
_TERMINAL_CODES: Final = {
    "authentication_error",
    "context_length_exceeded",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request_error",
}
# What these say may quote the operator's key.
_SECRETIVE_STATUS: Final = {401, 403}
_SERVER_ERROR: Final = 500
_MESSAGE_CHARS: Final = 300
_TOKENS_MOST: Final = 10**8
_SECONDS: Final = re.compile(r"[0-9]{1,9}")

_decode = msgspec.json.Decoder(_Chunk).decode


class Reader:
    """Turns the chunks of one stream into events, whatever liberties its server takes.

    Usage may come with choices, without, twice, in parts or never; of each number the last counts.
    The finish may be missing or repeated; the first counts, and both wait for the end of the
    stream.
    `trims` drops the space before the first word of a text completion.
    """

    def __init__(self, *, trims: bool = False) -> None:
        self._trims = trims
        self._usage: UsageReport | None = None
        self._finish: FinishReason | None = None
        self._calls: CallReader | None = None
        self.is_done = False

    def read(self, data: bytes, out: Batch) -> None:
        """Add the events of one chunk to `out`. Raises for an error event."""
        if data == b"[DONE]":
            self.is_done = True
            return
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Retryable("The model's server sent something that cannot be read.") from error
        if chunk.error:
            raise failure_of(chunk.error)
        if chunk.usage is not None:
            self._note_usage(chunk.usage)
        if chunk.choices:
            self._choice(chunk.choices[0], out)

    def _choice(self, choice: _Choice, out: Batch) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            if content := delta.content:
                text = content if isinstance(content, str) else _joined(content)
                out.append(TextDelta(_clean(text)))
            if thought := delta.reasoning_content or delta.reasoning:
                out.append(ReasoningDelta(_clean(thought)))
            if delta.tool_calls:
                self._calls = self._calls or CallReader()
                self._calls.read(delta.tool_calls, out)
        elif choice.text:
            self._say(choice.text, out)
        if choice.finish_reason and self._finish is None:
            if choice.finish_reason == "error":
                raise Retryable("The model's server reported an error.")
            self._finish = _FINISH.get(choice.finish_reason, "stop")

    def _say(self, text: str, out: Batch) -> None:
        """A piece of a text completion."""
        text = _clean(text.lstrip() if self._trims else text)
        if text:
            self._trims = False
            out.append(TextDelta(text))

    def _note_usage(self, usage: _Usage) -> None:
        if usage.prompt_tokens is None and usage.completion_tokens is None:
            return
        before = self._usage or UsageReport(0, 0)
        details = usage.prompt_tokens_details
        prompt = _count(usage.prompt_tokens) or before.prompt_tokens
        self._usage = UsageReport(
            prompt,
            _count(usage.completion_tokens) or before.completion_tokens,
            min(prompt, _count(details.cached_tokens) if details else before.cached_tokens),
        )

    def ending(self) -> Batch:
        """Usage and finish, once the stream is over. Raises if it broke off."""
        if self._finish is None and not self.is_done:
            raise Retryable("The model's server broke off in the middle of the reply.")
        finish = self._finish or "stop"
        ending: Batch = []
        if self._calls is not None:
            self._calls.end(ending)
            finish = "tool_calls" if finish == "stop" else finish
        if self._usage is not None:
            ending.append(self._usage)
        return [*ending, Finished(finish)]


def _count(tokens: int | float | None) -> int:
    """A number of tokens that the database can hold, whatever was said."""
    return max(0, min(int(tokens or 0), _TOKENS_MOST))


def _joined(parts: list[Any]) -> str:
    """The text of content that came in parts."""
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def _clean(text: str) -> str:
    return text.replace("\x00", "") if "\x00" in text else text


def failure_of(error: Any) -> ProviderError:
    """An error object or text of a stream as one of ours."""
    if isinstance(error, dict):
        message = str(error.get("message") or "The model's server reported an error.")
        code = error.get("code") or error.get("type")
    else:
        message, code = str(error), None
    message = " ".join(message.split())[:_MESSAGE_CHARS]
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    if code in _TERMINAL_CODES:
        return Terminal(message)
    if isinstance(code, int) and code < _SERVER_ERROR and code not in _RETRYABLE_STATUS:
        return Terminal(message)
    return Retryable(message)


def failure_of_status(status: int, body: bytes, retry_after: str | None) -> ProviderError:
    """A refusal by status. The upstream's own words are kept if it spoke JSON."""
    words = "" if status in _SECRETIVE_STATUS else _words(body)
    message = f"The model's server answered {status}{': ' + words if words else '.'}"
    seconds = int(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else None
    if status in _RETRYABLE_STATUS or status >= _SERVER_ERROR:
        return Retryable(message, retry_after=seconds)
    return Terminal(message)


def _words(body: bytes) -> str:
    try:
        parsed = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    error = parsed.get("error") if isinstance(parsed, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(text).split())[:_MESSAGE_CHARS] if text else ""
