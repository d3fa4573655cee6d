"""From JavaScript's regular expressions to those of the `regex` module. Pure."""

import re
from typing import Final

EXPANSION_MOST: Final = 20_000
"""Counted repeats are unrolled when compiled, so `(a{999}){999}` would take all memory."""
NESTING_MOST: Final = 100

_WORD: Final = "A-Za-z0-9_"
_SPACE: Final = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_NOT_SPACE: Final = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e"
    r"\u2060-\u2fff\u3001-\ufefe\uff00-\U0010ffff"
)
_SETS: Final = {
    "d": "0-9",
    "D": r"\x00-/:-\U0010ffff",
    "w": _WORD,
    "W": r"\x00-/:-@\[-\^`\{-\U0010ffff",
    "s": _SPACE,
    "S": _NOT_SPACE,
}
# Without regard to case, the Kelvin sign would be taken for a K and so for a letter of ASCII.
_BOUNDARY: Final = f"(?-i:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_NO_BOUNDARY: Final = f"(?-i:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
_LINE_ENDS: Final = r"\n\r\u2028\u2029"
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f"}
_SYNTAX: Final = "^$\\.*+?()[]{}|/"
_COUNT: Final = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_HEX: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})")
_LOW_HALF: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_CODE_POINT: Final = re.compile(r"u\{([0-9a-fA-F]{1,6})\}")
_OCTAL: Final = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_NUMBER: Final = re.compile(r"[1-9][0-9]?")
_PROPERTY: Final = re.compile(r"[pP]\{[A-Za-z0-9_=]+\}")
_NAME: Final = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)>")
_GROUP: Final = re.compile(
    r"\\.|\[(?:\\.|[^\]\\])*\]|(?P<opening>\((?!\?)|\(\?<(?![=!])(?P<name>[^>]*))", re.DOTALL
)
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
    weight of the last item, which a count multiplies. `_open_groups` holds, for each open
    bracket, the number of the group that it captures (0 for none) and whether it may be repeated.
    """

    def __init__(self, source: str, flags: str) -> None:
        self._source = source
        self._at = 0
        self._out: list[str] = []
        self._dot_all = "s" in flags
        self._lines = "m" in flags
        self._unicode = "u" in flags
        self._weights: list[list[int]] = [[0, 0]]
        self._is_repeatable = False
        found = [group for group in _GROUP.finditer(source) if group["opening"]]
        self._group_count = len(found)
        self._names = [group["name"] for group in found if group["name"]]
        if len(set(self._names)) < len(self._names):
            raise Untranslatable("two of its groups have the same name")
        self._groups_begun = 0
        self._open_groups: list[tuple[int, bool]] = []
        self._closed: set[int | str] = set()
        self._name_of: dict[int, str] = {}

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
                self._escape()
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
            self._mark(f"(?:(?<=[{_LINE_ENDS}])|\\A)" if self._lines else r"\A")
        elif char == "$":
            self._mark(f"(?:(?=[{_LINE_ENDS}])|\\Z)" if self._lines else r"\Z")
        elif char == "|":
            self._mark("|")
        elif char in "]}" and self._unicode:
            raise Untranslatable("a closing bracket stands alone")
        else:
            self._item(re.escape(char))

    def _mark(self, text: str) -> None:
        """Something that cannot be repeated."""
        self._settle()
        self._is_repeatable = False
        self._out.append(text)

    def _item(self, text: str) -> None:
        """Something that can be repeated."""
        self._settle()
        self._weights[-1][1] = 1
        self._is_repeatable = True
        self._out.append(text)

    def _settle(self) -> None:
        level = self._weights[-1]
        level[0] += level[1]
        level[1] = 0
        if level[0] > EXPANSION_MOST:
            raise Untranslatable("its repeats add up to too much")

    # Groups

    def _open(self) -> None:
        rest = self._source[self._at : self._at + 4]
        opening = next((o for o in _OPENINGS if rest.startswith(o)), "(")
        number, length = 0, len(opening)
        if opening == "(":
            self._groups_begun += 1
            number = self._groups_begun
            if rest.startswith("(?"):
                name = _NAME.match(self._source, self._at + 2)
                if name is None:
                    raise Untranslatable("a group begins in a way that JavaScript does not know")
                self._name_of[number] = name[1]
                opening, length = f"(?P<{name[1]}>", len(name[0]) + 2
        self._at += length
        self._mark(opening)
        is_look = opening in {"(?=", "(?!"}
        may_repeat = not opening.startswith("(?<") and not (is_look and self._unicode)
        self._open_groups.append((number, may_repeat))
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
        number, self._is_repeatable = self._open_groups.pop()
        self._closed |= {number, self._name_of.get(number, "")}
        self._out.append(")")

    # Repeats

    def _count(self) -> None:
        found = _COUNT.match(self._source, self._at)
        if found is None:
            if self._unicode:
                raise Untranslatable("a brace stands alone")
            self._at += 1
            self._item(r"\{")
            return
        self._at = found.end()
        times = max(int(found[1][:9]), int((found[2] or "0")[:9]), 1)
        if found[2] and int(found[1]) > int(found[2]):
            raise Untranslatable("a count ends before it begins")
        self._repeat(found[0], times)

    def _repeat(self, text: str, times: int) -> None:
        if not self._is_repeatable:
            raise Untranslatable("there is nothing to repeat")
        self._is_repeatable = False
        self._weights[-1][1] *= times
        self._settle()
        if self._source[self._at : self._at + 1] == "?":
            self._at += 1
            text += "?"
        self._out.append(text)

    # Escapes

    def _escape(self) -> None:
        """The escape at this place; the place moves behind it."""
        char = self._source[self._at + 1 : self._at + 2]
        if char in {"b", "B"}:
            self._at += 2
            self._mark(_BOUNDARY if char == "b" else _NO_BOUNDARY)
        elif (number := _NUMBER.match(self._source, self._at + 1)) and (
            self._unicode or int(number[0]) <= self._group_count
        ):
            self._at = number.end()
            self._reference(int(number[0]), number[0])
        elif char == "k" and (self._unicode or self._names):
            name = _NAME.match(self._source, self._at + 2)
            if name is None:
                raise Untranslatable("a reference names no group")
            self._at = name.end()
            self._reference(name[1], f"g<{name[1]}>")
        else:
            text, is_set = self._escaped()
            self._item(f"(?-i:[{text}])" if is_set else text)

    def _reference(self, group: int | str, text: str) -> None:
        """What a group holds; nothing if it took no part or is not closed yet."""
        exists = group in self._names if isinstance(group, str) else group <= self._group_count
        if not exists:
            raise Untranslatable("a reference names no group")
        self._item(f"(?:(?({group})\\{text}))" if group in self._closed else "(?:)")

    def _escaped(self) -> tuple[str, bool]:
        """An escaped character, or members of a set and True. Also inside of a set."""
        at = self._at + 1
        if at >= len(self._source):
            raise Untranslatable("it ends in a backslash")
        char = self._source[at]
        if char in _SETS:
            self._at = at + 1
            return _SETS[char], True
        if self._unicode and (found := _PROPERTY.match(self._source, at)):
            self._at = found.end()
            return f"\\{found[0]}", True
        code = self._coded(at)
        if code is None:
            if self._unicode and char not in _SYNTAX:
                raise Untranslatable("a character is escaped that needs no escape")
            # `\c` before no letter is a backslash, to be followed by a c.
            self._at = at if char == "c" else at + 1
            return re.escape("\\" if char == "c" else char), False
        if code > _LAST_CODE_POINT:
            raise Untranslatable("a character is named that does not exist")
        return re.escape(chr(code)), False

    def _coded(self, at: int) -> int | None:
        r"""The number of the character of `\n`, `\xHH`, `\uHHHH`, `\u{H…}`, `\cX`, `\0`, `\07`."""
        char = self._source[at]
        if char in _CONTROLS:
            self._at = at + 1
            return ord(_CONTROLS[char])
        if found := _HEX.match(self._source, at):
            self._at = found.end()
            return self._whole(int(found[1] or found[2], 16))
        if self._unicode and (found := _CODE_POINT.match(self._source, at)):
            self._at = found.end()
            return int(found[1], 16)
        letter = self._source[at + 1 : at + 2]
        if char == "c" and letter.isascii() and letter.isalpha():
            self._at = at + 2
            return ord(letter) % 32
        found = _OCTAL.match(self._source, at)
        if found is None or (self._unicode and (found[0] != "0" or letter.isdigit())):
            return None
        self._at = found.end()
        return int(found[0], 8)

    def _whole(self, code: int) -> int:
        """The character that this half of a pair and the next escape make together, if so."""
        low = _LOW_HALF.match(self._source, self._at)
        if not 0xD800 <= code < 0xDC00 or low is None:  # noqa: PLR2004 - the high halves
            return code
        self._at = low.end()
        return 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00

    # Sets

    def _class(self) -> str:
        """A set of characters. `[]` matches nothing and `[^]` anything, unlike in Python."""
        self._at += 1
        negated = self._next() == "^"
        self._at += negated
        parts: list[str] = []
        while self._next() != "]":
            parts.append(self._range())
        self._at += 1
        if not parts:
            return "(?s:.)" if negated else "(?!)"
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _next(self) -> str:
        if self._at >= len(self._source):
            raise Untranslatable("a set is not closed")
        return self._source[self._at]

    def _range(self) -> str:
        """One member of a set, or the range that it begins."""
        first, is_set = self._member()
        if self._next() != "-" or self._source[self._at + 1 : self._at + 2] in {"]", ""}:
            return first
        self._at += 1
        last, is_last_set = self._member()
        if not (is_set or is_last_set):
            return f"{first}-{last}"
        if self._unicode:
            raise Untranslatable("a range begins or ends with a set")
        return f"{first}\\-{last}"

    def _member(self) -> tuple[str, bool]:
        char = self._next()
        if char != "\\":
            self._at += 1
            return re.escape(char), False
        escaped = self._source[self._at + 1 : self._at + 2]
        if escaped in {"b", "-"}:
            self._at += 2
            return r"\x08" if escaped == "b" else r"\-", False
        return self._escaped()
