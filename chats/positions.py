"""Places in a reply, written as event ids so that a broken stream can be taken up again."""

from typing import NamedTuple

from core.errors import Invalid


class Position(NamedTuple):
    """Characters of reasoning and of text that were already sent."""

    reasoning: int = 0
    text: int = 0

    def __str__(self) -> str:
        return f"{self.reasoning}.{self.text}"


def parse(event_id: str) -> Position:
    """The position an event id names. Raises Invalid for anything we did not write."""
    reasoning, _, text = event_id.partition(".")
    if not (reasoning.isdecimal() and text.isdecimal()) or len(event_id) > 24:  # noqa: PLR2004
        raise Invalid(
            "Last-Event-ID is not one that this server sent; it looks like 0.120.",
            code="invalid_event_id",
            param="Last-Event-ID",
        )
    return Position(int(reasoning), int(text))
