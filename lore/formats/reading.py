"""Reading fields of a lorebook file, mending what is often wrong and noting it. Pure."""

import re
from enum import IntEnum
from typing import Any, Final, TypeVar

KEYS_MOST: Final = 1_000
KEY_CHARS_MOST: Final = 4_000
CONTENT_CHARS_MOST: Final = 500_000
TEXT_CHARS_MOST: Final = 20_000
LABEL_CHARS_MOST: Final = 2_000
WHOLE_MOST: Final = 10**9
UID_MOST: Final = 2**53

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,15}(\.\d{1,9})?\s*", re.ASCII)
_WORDS: Final = {"true": True, "false": False, "1": True, "0": False}

Choice = TypeVar("Choice", bound=IntEnum)


class Notes:
    """What was mended. The same thing in many entries makes one line."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def add(self, message: str) -> None:
        self._times[message] = self._times.get(message, 0) + 1

    def lines(self) -> list[str]:
        return [
            message if times == 1 else f"{message} ({times} times)"
            for message, times in self._times.items()
        ]


class Reader:
    """Reads fields of one JSON object. A missing field and null give the default silently.

    `mended` collects the paths of fields whose value was wrong; it is shared with the readers
    of objects inside this one.
    """

    def __init__(
        self,
        data: dict[str, Any],
        notes: Notes,
        path: tuple[str, ...] = (),
        mended: set[tuple[str, ...]] | None = None,
    ) -> None:
        self.data = data
        self.mended = set() if mended is None else mended
        self._notes = notes
        self._path = path

    def mend(self, name: str, was: str) -> None:
        """Note that the field `name` was wrong and is not to be given back as it was."""
        self._notes.add(f"`{'.'.join((*self._path, name))}` {was}.")
        self.mended.add((*self._path, name))

    def inside(self, name: str) -> "Reader":
        value = self.data.get(name)
        if value is not None and not isinstance(value, dict):
            self.mend(name, "was no object and was left out")
        found = value if isinstance(value, dict) else {}
        return Reader(found, self._notes, (*self._path, name), self.mended)

    def mapping(self, name: str) -> dict[str, Any]:
        return self.inside(name).data

    def text(self, name: str, default: str = "", most: int = LABEL_CHARS_MOST) -> str:
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.mend(name, "was no text and was left out")
            return default
        if not isinstance(value, str):
            self.mend(name, "was a number and became a text")
        text = str(value)
        if len(text) > most:
            self.mend(name, f"was longer than {most:,} characters and was cut")
        return text[:most]

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts. One text is taken for texts with commas between them."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            self.mend(name, "was one text and was split at its commas")
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            self.mend(name, "was no list and was left out")
            return default
        return self.kept(name, value)

    def kept(self, name: str, values: list[Any]) -> tuple[str, ...]:
        """Those of the values that are texts (numbers become some), within the limits."""
        numbers = (int, float)
        texts = [
            str(value)
            for value in values
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        ]
        if len(texts) < len(values):
            self.mend(name, "held things that are no texts; they were left out")
        if any(isinstance(value, numbers) for value in values):
            self.mend(name, "held numbers; they became texts")
        if len(texts) > KEYS_MOST:
            self.mend(name, f"held more than {KEYS_MOST:,} texts; the others were left out")
        texts = texts[:KEYS_MOST]
        if any(len(text) > KEY_CHARS_MOST for text in texts):
            self.mend(name, f"held texts longer than {KEY_CHARS_MOST:,} characters; they were cut")
        return tuple(text[:KEY_CHARS_MOST] for text in texts)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        found = self.maybe_whole(name, default, least=least, most=most)
        return default if found is None else found

    def maybe_whole(
        self, name: str, default: int | None = None, *, least: int, most: int
    ) -> int | None:
        value = self.data.get(name)
        if value is None:
            return default
        number = _number(value)
        if number is None:
            self.mend(name, "was no number and was left out")
            return default
        if not least <= number <= most:
            self.mend(name, f"was not from {least} to {most} and was moved there")
            return least if number < least else most
        if isinstance(value, str) or number != int(number):
            self.mend(name, "was no whole number and became one")
        return int(number)

    def flag(self, name: str, default: bool) -> bool:
        found = self.maybe_flag(name, default)
        return default if found is None else found

    def maybe_flag(self, name: str, default: bool | None = None) -> bool | None:
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        meant = _WORDS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
        if meant is None:
            self.mend(name, "was neither true nor false and was left out")
            return default
        self.mend(name, "was true or false in an odd spelling")
        return meant

    def choice(self, name: str, default: Choice) -> Choice:
        """One of an enumeration's numbers."""
        kind = type(default)
        value = self.data.get(name)
        if value is None:
            return default
        number = _number(value)
        if number is None or number not in set(kind):
            self.mend(name, "was none of the known choices and was left out")
            return default
        if isinstance(value, str):
            self.mend(name, "was a number written as a text")
        return kind(int(number))


def _number(value: Any) -> int | float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None


def identity(value: Any) -> int | None:
    """The number that an entry is known by, if the value is one or is written like one."""
    number = _number(value)
    if number is None or number != int(number) or abs(number) > UID_MOST:
        return None
    return int(number)
