"""From text to a tree of macros. Linear in the text, and no deeper than DEPTH_MOST.

A run of braces is read in pairs: `{{{char}}}` is a macro in single braces. A `{{` without its
`}}` is text, and so is everything between braces that are nested too deep.
"""

import re
from typing import Final, TypeAlias

import msgspec

DEPTH_MOST: Final = 32

_ANGLES: Final = re.compile(r"<(USER|BOT|CHAR|GROUP|CHARIFNOTGROUP)>", re.IGNORECASE)
_BRACES: Final = re.compile(r"\{{2,}|\}{2,}")
_KEYWORD: Final = re.compile(
    r"\s*(?:(?P<keeps>#)\s*)?(?P<word>if|else|/\s*if)(?P<sep>\s*::|\s*:|\s+|$)", re.IGNORECASE
)


class Macro(msgspec.Struct, frozen=True):
    """What stands between `{{` and its `}}`: text and inner macros. `end` is after the braces."""

    start: int
    end: int
    body: "Parts"


class Condition(msgspec.Struct, frozen=True):
    """An `{{if}}` with its two branches."""

    start: int
    end: int
    test: "Parts"
    then: "Parts"
    otherwise: "Parts"


Node: TypeAlias = Macro | Condition
Parts: TypeAlias = tuple[str | Node, ...]


def normalised(text: str) -> str:
    """The angle forms as macros."""

    def macro(match: re.Match[str]) -> str:
        word = match[1].lower()
        return "{{char}}" if word == "bot" else f"{{{{{word}}}}}"

    return _ANGLES.sub(macro, text) if "<" in text else text


def parse(text: str) -> Parts:
    """The parts of a text, in order. Joined as written they give the text back."""
    positions, mates = _matched(text)
    frames: list[list[str | Node]] = [[]]
    starts: list[int] = []
    at = index = 0
    while index < len(positions):
        position, mate = positions[index], mates[index]
        if mate > index and len(starts) >= DEPTH_MOST:
            index = mate
        elif mate >= 0:
            if at < position:
                frames[-1].append(text[at:position])
            at = position + 2
            if mate > index:
                starts.append(position)
                frames.append([])
            else:
                node = Macro(starts.pop(), at, _folded(frames.pop()))
                frames[-1].append(node)
        index += 1
    if at < len(text):
        frames[-1].append(text[at:])
    return _folded(frames[0])


def _matched(text: str) -> tuple[list[int], list[int]]:
    """Where pairs of braces stand, and for each the index of its partner, or -1."""
    positions: list[int] = []
    mates: list[int] = []
    waiting: list[int] = []
    for match in _BRACES.finditer(text):
        is_open = text[match.start()] == "{"
        first = match.start() + (len(match[0]) % 2 if is_open else 0)
        for position in range(first, match.end() - 1, 2):
            index = len(positions)
            positions.append(position)
            mates.append(-1)
            if is_open:
                waiting.append(index)
            elif waiting:
                mates[index] = waiting.pop()
                mates[mates[index]] = index
    return positions, mates


class _Open:
    """An `{{if}}` whose end has not come yet."""

    def __init__(self, macro: Macro, test: Parts, keeps: bool) -> None:
        self.macro = macro
        self.test = test
        self.keeps = keeps
        self.then: list[str | Node] = []
        self.turn: Macro | None = None
        self.otherwise: list[str | Node] = []

    def add(self, part: str | Node) -> None:
        (self.then if self.turn is None else self.otherwise).append(part)

    def closed(self, end: int) -> Condition:
        form = tuple if self.keeps else _dedented
        return Condition(self.macro.start, end, self.test, form(self.then), form(self.otherwise))

    def as_written(self) -> list[str | Node]:
        turn = [] if self.turn is None else [self.turn]
        return [self.macro, *self.then, *turn, *self.otherwise]


def _folded(parts: list[str | Node]) -> Parts:
    """The parts with each `{{if}}…{{else}}…{{/if}}` made into one condition."""
    done: list[str | Node] = []
    opened: list[_Open] = []
    too_deep = 0
    for part in parts:
        target = opened[-1].add if opened else done.append
        word, macro = _keyword(part)
        if word is None or macro is None:
            target(part)
        elif word["word"].lower() == "if":
            test, inline = _tested(macro, word.end())
            if inline is not None:
                target(Condition(macro.start, macro.end, test, _dedented(inline), ()))
            elif len(opened) < DEPTH_MOST:
                opened.append(_Open(macro, test, bool(word["keeps"])))
            else:
                too_deep += 1
                target(part)
        elif not opened or too_deep:
            too_deep -= word["word"].lower() != "else" and too_deep > 0
            target(part)
        elif word["word"].lower() == "else":
            if opened[-1].turn is None:
                opened[-1].turn = macro
            else:
                target(part)
        else:
            block = opened.pop().closed(macro.end)
            (opened[-1].add if opened else done.append)(block)
    return tuple(done + [part for block in opened for part in block.as_written()])


def _keyword(part: str | Node) -> tuple[re.Match[str] | None, Macro | None]:
    """The match, if this is an `if`, an `else` or an end of one."""
    if type(part) is not Macro or not part.body or type(part.body[0]) is not str:
        return None, None
    match = _KEYWORD.match(part.body[0])
    if match is None:
        return None, None
    rest = bool(part.body[0][match.end() :].strip()) or len(part.body) > 1
    is_if = match["word"].lower() == "if"
    is_one = (rest and bool(match["sep"])) if is_if else not rest
    return (match, part) if is_one else (None, None)


def _tested(macro: Macro, start: int) -> tuple[Parts, list[str | Node] | None]:
    """The test of an `if`, and what follows it inside the braces (`{{if::test::text}}`)."""
    head = macro.body[0]
    parts = ((head[start:] if isinstance(head, str) else ""), *macro.body[1:])
    for index, part in enumerate(parts):
        if isinstance(part, str) and "::" in part:
            test, _, rest = part.partition("::")
            return (*parts[:index], test), [rest, *parts[index + 1 :]]
    return parts, None


def _dedented(parts: list[str | Node]) -> Parts:
    """A branch without the space around it and without the indentation of its first line."""
    if not parts:
        return ()
    indent = ""
    if isinstance(parts[0], str):
        leading = parts[0][: len(parts[0]) - len(parts[0].lstrip())]
        _, newline, last = leading.rpartition("\n")
        indent = last if newline else ""
        parts[0] = parts[0].lstrip()
    if isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    if not indent:
        return tuple(parts)
    return tuple(
        part.replace(f"\n{indent}", "\n") if isinstance(part, str) else part for part in parts
    )
