"""Variables of a chat and shared ones, and their short forms `{{.name}}` and `{{$name}}`."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.macros.parser import Parts

if TYPE_CHECKING:
    from engine.macros.evaluate import Run

NAME_CHARS_MOST: Final = 128
VALUE_CHARS_MOST: Final = 10_000
CHANGES_MOST: Final = 500

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_SHORT: Final = re.compile(
    r"\s*(?P<scope>[.$])(?P<name>[^\W\d_](?:[\w-]*[^\W_])?)\s*"
    r"(?P<how>\+\+|--|\+=|-=|\|\|=|\?\?=|\|\||\?\?|==|!=|>=|<=|=|>|<)?"
)
_FALSE: Final = {"", "false", "0", "off", "no"}


def is_true(text: str) -> bool:
    """Whether a condition holds: "", false, 0, off and no do not."""
    return text.strip().lower() not in _FALSE


class Variables:
    """Variables by name, over the ones that were there before."""

    def __init__(self, before: Mapping[str, str]) -> None:
        self._before = before
        self._now: dict[str, str | None] = {}

    def get(self, name: str) -> str | None:
        return self._now[name] if name in self._now else self._before.get(name)

    def put(self, name: str, value: str | None) -> bool:
        """Set, or delete with None. False if name or value are too long, or the names many."""
        if not name or len(name) > NAME_CHARS_MOST or len(value or "") > VALUE_CHARS_MOST:
            return False
        if name not in self._now and len(self._now) >= CHANGES_MOST:
            return False
        self._now[name] = value
        return True

    def add(self, name: str, value: str) -> bool:
        """Numbers add, text is appended."""
        before = self.get(name) or ""
        total = added(before, value)
        return self.put(name, before + value if total is None else total)

    def step(self, name: str, by: int) -> str | None:
        """One up or down. What is no number counts as 0. None if it could not be set."""
        total = added(self.get(name) or "", str(by)) or str(by)
        return total if self.put(name, total) else None

    def changes(self) -> dict[str, str | None]:
        return {k: v for k, v in self._now.items() if v != self._before.get(k)}


def number(text: str) -> Decimal | None:
    """The number that a text is, None if it is none or has too many digits."""
    return Decimal(text) if _NUMBER.fullmatch(text.strip()) else None


def added(left: str, right: str, sign: int = 1) -> str | None:
    """The sum of two numbers as text; nothing counts as 0. None if either is no number."""
    first, second = number(left or "0"), number(right)
    if first is None or second is None:
        return None
    text = format(first + sign * second, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shorthand(run: "Run", parts: Parts) -> str | None:
    """`.name`, with an operator perhaps. None if it is not one, or if it was refused."""
    head = parts[0]
    match = _SHORT.match(head) if isinstance(head, str) else None
    if match is None or not isinstance(head, str):
        return None
    rest: Parts = (head[match.end() :].lstrip(), *parts[1:])
    variables, name, how = run.scopes[match["scope"]], match["name"], match["how"]
    if how in ("++", "--", None):
        if len(rest) > 1 or (isinstance(rest[0], str) and rest[0].strip()):
            return None
        if how is None:
            return variables.get(name) or ""
        return variables.step(name, 1 if how == "++" else -1)
    value = variables.get(name)
    if how[0] in "|?":
        return _fallback(run, variables, (name, value, how), rest)
    return _operated(variables, (name, value, how), _value(run, rest))


def _value(run: "Run", parts: Parts) -> str:
    """The right side, without the space written around it."""
    if isinstance(parts[-1], str):
        parts = (*parts[:-1], parts[-1].rstrip())
    return run.render(parts)


def _fallback(
    run: "Run", variables: Variables, left: tuple[str, str | None, str], rest: Parts
) -> str | None:
    """The value, or the right side if there is none. The right side is read only if needed."""
    name, value, how = left
    if value is not None and (how.startswith("??") or is_true(value)):
        return value
    other = _value(run, rest)
    return other if not how.endswith("=") or variables.put(name, other) else None


def _operated(variables: Variables, left: tuple[str, str | None, str], right: str) -> str | None:
    """Setting gives "", comparing gives true or false."""
    name, value, how = left
    if how == "=":
        return "" if variables.put(name, right) else None
    if how == "+=":
        return "" if variables.add(name, right) else None
    if how == "-=":
        total = added(value or "", right, -1)
        return "" if total is not None and variables.put(name, total) else None
    return "true" if _compares(value or "", how, right) else "false"


def _compares(left: str, how: str, right: str) -> bool:
    first, second = number(left), number(right)
    if how in ("==", "!="):
        same = left == right or (first is not None and first == second)
        return same == (how == "==")
    if first is None or second is None:
        return False
    if how in (">", ">="):
        return first > second or (how == ">=" and first == second)
    return first < second or (how == "<=" and first == second)
