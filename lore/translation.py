"""From JavaScript's regular expressions to those of the `regex` module. Pure."""

import re
from typing import Final

EXPANSION_MOST: Final = 20_000
"""Counted repeats are unrolled when compiled, so `(a{999}){999}` would take all memory."""
NESTING_MOST: Final = 100

_WORD: Final = "A-Za-z0-9_"
_CLASSES: Final = {"d": "0-9", "w": _WORD}
_BOUNDARY: Final = (
    f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))",
)
_LINE_ENDS: Final = r"\n\r\u2028\u2029"
_CONTROLS: Final = {"n": r"\n", "r": r"\r", "t": r"\t", "v": r"\x0b", "f": r"\x0c", "0": r"\x00"}
_COUNT: Final = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_HEX: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_PROPERTY: Final = re.compile(r"[pP]\{[\w=]+\}")
_NAME: Final = re.compile(r"<([A-Za-z_]\w*)>")
_OPENINGS: Final = ("(?:", "(?=", "(?!", "(?<=", "(?<!")
_LAST_CODE_POINT: Final = 0x10FFFF


class Untranslatable(ValueError):
    """JavaScript would refuse this pattern, or it is larger than any that is meant."""


def translate(source: str, flags: str) -> str:
    """The same pattern for `regex.VERSION0`. Raises Untranslatable."""
    return _Translator(source, flags).run()


class _Translator:
    """Reads the pattern once from left to right.

    `_weights` holds, for each open group, how many steps its content unrolls to, and the
    weight of the last item, which a count multiplies.
    """

    def __init__(self, source: str, flags: str) -> None:
        self._source = source
        self._at = 0
        self._out: list[str] = []
        self._dot_all = "s" in flags
        self._lines = "m" in flags
        self._unicode = "u" in flags
        self._weights: list[list[int]] = [[0, 0]]

    def run(self) -> str:
        while self._at < len(self._source):
            self._step(self._source[self._at])
        if len(self._weights) > 1:
            raise Untranslatable("a bracket is not closed")
        self._settle()
        return "".join(self._out)

    def _step(self, char: str) -> None:
        match char:
            case "\\":
                self._item(self._escape(in_class=False))
            case "[":
                self._item(self._class())
            case "(":
                self._open()
            case ")":
                self._close()
            case "*" | "+" | "?":
                self._at += 1
                self._repeat(char, 1)
            case "{":
                self._count()
            case _:
                self._plain(char)

    def _plain(self, char: str) -> None:
        self._at += 1
        if char == ".":
            self._item("(?s:.)" if self._dot_all else f"[^{_LINE_ENDS}]")
        elif char == "^":
            self._out.append(f"(?:(?<=[{_LINE_ENDS}])|\\A)" if self._lines else r"\A")
        elif char == "$":
            self._out.append(f"(?:(?=[{_LINE_ENDS}])|\\Z)" if self._lines else r"\Z")
        elif char == "|":
            self._out.append("|")
        else:
            self._item(re.escape(char))

    def _item(self, text: str) -> None:
        """Something that can be repeated."""
        self._settle()
        self._weights[-1][1] = 1
        self._out.append(text)

    def _settle(self) -> None:
        level = self._weights[-1]
        level[0] += level[1]
        level[1] = 0
        if level[0] > EXPANSION_MOST:
            raise Untranslatable("its repeats add up to too much")

    def _open(self) -> None:
        rest = self._source[self._at : self._at + 4]
        opening = next((o for o in _OPENINGS if rest.startswith(o)), "(")
        if opening == "(" and rest.startswith("(?"):
            name = _NAME.match(self._source, self._at + 2)
            if name is None:
                raise Untranslatable("a group begins in a way that JavaScript does not know")
            opening = f"(?<{name[1]}>"
        self._at += len(opening)
        self._out.append(opening)
        self._settle()
        self._weights.append([0, 0])
        if len(self._weights) > NESTING_MOST:
            raise Untranslatable("its groups are nested too deeply")

    def _close(self) -> None:
        if len(self._weights) == 1:
            raise Untranslatable("a bracket is closed that was not opened")
        self._at += 1
        self._settle()
        inner, _ = self._weights.pop()
        self._weights[-1][1] = inner + 1
        self._out.append(")")

    def _count(self) -> None:
        found = _COUNT.match(self._source, self._at)
        if found is None:
            if self._unicode:
                raise Untranslatable("a brace stands alone")
            self._at += 1
            self._item(r"\{")
            return
        self._at = found.end()
        times = max(int(found[1][:9]), int((found[3] or "0")[:9]), 1)
        if found[3] and int(found[1]) > int(found[3]):
            raise Untranslatable("a count ends before it begins")
        self._repeat(found[0], times)

    def _repeat(self, text: str, times: int) -> None:
        level = self._weights[-1]
        if level[1] == 0:
            raise Untranslatable("there is nothing to repeat")
        level[1] *= times
        self._settle()
        if self._source[self._at : self._at + 1] == "?":
            self._at += 1
            text += "?"
        self._out.append(text)

    def _escape(self, *, in_class: bool) -> str:
        """The escape at this place, translated; the place moves behind it."""
        at = self._at + 1
        if at >= len(self._source):
            raise Untranslatable("it ends in a backslash")
        char = self._source[at]
        coded = self._coded(at)
        if coded is not None:
            return coded
        self._at = at + 1
        if char in "dDwW":
            return _short(char, in_class=in_class)
        if char in "sS":
            return f"\\{char}"
        if char in "bB":
            return r"\x08" if in_class else _BOUNDARY[char == "B"]
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "123456789" and not in_class:
            return self._reference(at)
        return re.escape(char)

    def _coded(self, at: int) -> str | None:
        """`\\xHH`, `\\uHHHH`, `\\u{H…}`, `\\cX`, `\\p{…}` and `\\k<name>`."""
        if found := _HEX.match(self._source, at):
            code = int(found[1] or found[2] or found[3], 16)
            if found[3] and not self._unicode:
                return None
            if code > _LAST_CODE_POINT:
                raise Untranslatable("a character is named that does not exist")
            self._at = found.end()
            return re.escape(chr(code))
        if self._unicode and (found := _PROPERTY.match(self._source, at)):
            self._at = found.end()
            return f"\\{found[0]}"
        if self._source[at] == "k" and (found := _NAME.match(self._source, at + 1)):
            self._at = found.end()
            return f"(?P={found[1]})"
        return None

    def _reference(self, at: int) -> str:
        digits = re.compile(r"\d{1,2}").match(self._source, at)
        assert digits is not None
        self._at = digits.end()
        return f"(?:\\{digits[0]})"

    def _class(self) -> str:
        """A set of characters. `[]` matches nothing and `[^]` anything, unlike in Python."""
        self._at += 1
        negated = self._source[self._at : self._at + 1] == "^"
        self._at += negated
        parts: list[str] = []
        while self._at < len(self._source) and self._source[self._at] != "]":
            parts.append(self._member())
        if self._at >= len(self._source):
            raise Untranslatable("a set is not closed")
        self._at += 1
        if not parts:
            return "(?s:.)" if negated else "(?!)"
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _member(self) -> str:
        char = self._source[self._at]
        if char == "\\":
            return self._escape(in_class=True)
        self._at += 1
        # A hyphen means a range where it meant one; everything else means itself.
        return char if char == "-" else re.escape(char)


def _short(char: str, *, in_class: bool) -> str:
    """`\\d`, `\\w` and their opposites, which know ASCII alone in JavaScript."""
    members = _CLASSES[char.lower()]
    if char.islower():
        return members if in_class else f"[{members}]"
    if not in_class:
        return f"[^{members}]"
    return r"\x00-/:-\U0010ffff" if char == "D" else r"\x00-/:-@\[-\^`\{-\U0010ffff"
