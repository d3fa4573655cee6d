"""What a request asks of a model beyond words, and whether the model can do it.

What nobody has said of a model is passed on: its provider will say. What it is known not to do is
refused by name, or left out for clients of a protocol that says so of such parameters.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from core.errors import Invalid
from engine.types import ChatMessage, Sampling
from llm.registry import ModelSpec

PICTURES: Final = ("image_url", "input_image", "image")
_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")


def check(spec: ModelSpec, asked: Sampling) -> None:
    """Raise Invalid for a parameter that this model is known not to honour."""
    for names, what in _beyond(spec, asked):
        raise Invalid(
            f"{spec.slug} cannot {what}. Leave out `{names[0]}`, or choose another model:"
            " GET /v1/models lists what each can do.",
            code="unsupported_parameter",
            param=names[0],
        )


def without_beyond(spec: ModelSpec, asked: Sampling) -> Sampling:
    """The same without the parameters that this model is known not to honour."""
    out = {name for names, _ in _beyond(spec, asked) for name in names}
    kept = {name: value for name, value in asked.extra.items() if name not in out}
    return msgspec.structs.replace(asked, extra=kept)


def _beyond(spec: ModelSpec, asked: Sampling) -> Iterator[tuple[tuple[str, ...], str]]:
    """Parameters that go together, and what the model cannot do about them."""
    completes_only = bool(spec.template)
    if asked.extra.get("tools") and (spec.supports_tools is False or completes_only):
        yield _OF_TOOLS, "call tools"
    if _wants_schema(asked.extra.get("response_format")) and (
        spec.supports_json_schema is False or completes_only
    ):
        yield ("response_format",), "answer by a JSON schema"


def _wants_schema(form: Any) -> bool:
    return isinstance(form, dict) and form.get("type") == "json_schema"


def check_pictures(spec: ModelSpec, messages: Sequence[ChatMessage]) -> None:
    """Raise Invalid for a picture among messages for a model that is known not to see."""
    if spec.supports_vision is not False:
        return
    for number, message in enumerate(messages):
        parts = (message.extra or {}).get("content")
        place = picture_in(parts)
        if place is not None:
            raise Invalid(
                f"{spec.slug} cannot see pictures. Leave it out, or choose another model:"
                " GET /v1/models lists what each can do.",
                code="unsupported_content",
                param=f"messages.{number}.content.{place}",
            )


def picture_in(parts: Any) -> int | None:
    """The place of the first picture among the parts of a message, None if it has none."""
    if not isinstance(parts, list):
        return None
    kinds = (part.get("type") if isinstance(part, dict) else None for part in parts)
    return next((place for place, kind in enumerate(kinds) if kind in PICTURES), None)
