"""What was said, as those who read it for memories and summaries get it. Pure."""

from typing import Final, NamedTuple

_CUT: Final = " […] "


class Said(NamedTuple):
    """One message. `speaker` is who said it, `is_person` whether that was the person."""

    uid: str
    position: int
    speaker: str
    text: str
    is_person: bool


def without_middle(text: str, chars: int) -> str:
    """A text that is too long without its middle."""
    if len(text) <= chars:
        return text
    half = max(1, (chars - len(_CUT)) // 2)
    return text[:half].rstrip() + _CUT + text[-half:].lstrip()


def quoted(said: list[Said], chars_most: int) -> str:
    """The messages numbered from 1, one after another, within so many characters.

    Lines are joined, so that no line of a message can pass for another message.
    """
    each = max(80, chars_most // max(1, len(said)))
    room = chars_most
    lines = []
    for number, message in enumerate(said, 1):
        line = " ".join(message.text.split())
        # What short messages leave over goes to those that come after them.
        allowed = max(each, room - each * (len(said) - number))
        line = without_middle(line, allowed)
        room -= len(line)
        lines.append(f"[{number}] {message.speaker}: {line}")
    return "\n".join(lines)
