"""Whether a reply is streamed when the request does not say."""

from collections.abc import Mapping
from typing import Final

_LIBRARIES: Final = (
    "openai/",
    "ai-sdk",
    "ai/",
    "asyncopenai/",
    "python-requests",
    "python-httpx",
    "langchain",
    "litellm",
    "llama-index",
    "okhttp",
    "axios",
    "node-fetch",
    "undici",
)


def wants_stream(explicit: bool | None, headers: Mapping[str, str]) -> bool:
    """An explicit `stream` wins. Else client libraries get JSON, plain HTTP callers a stream.

    Libraries parse one JSON object when they did not ask for a stream, and break on anything
    else. They are known by an `x-stainless-*` header, by an `Accept` of only JSON, or by their
    User-Agent. curl and the like get server-sent events, as the API's pages promise.
    """
    if explicit is not None:
        return explicit
    names = [name.lower() for name in headers]
    if any(name.startswith("x-stainless-") for name in names):
        return False
    accept = headers.get("Accept", "").split(";")[0].strip().lower()
    if accept == "application/json":
        return False
    agent = headers.get("User-Agent", "").lower()
    return not any(library in agent for library in _LIBRARIES)
