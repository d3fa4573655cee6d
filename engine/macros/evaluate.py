"""Carrying out a parsed text, left to right, inner macros first, within fixed bounds.

Bounds: how many macros, how deep, and by how much the text may grow. Past them the rest stays
as written, so no text can cost more than the bounds say.
"""

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, TypeAlias

from engine.macros.context import MacroContext
from engine.macros.parser import Condition, Macro, Node, Parts, normalised, parse
from engine.macros.variables import Variables, is_true, shorthand

STEPS_MOST: Final = 20_000
GROWTH_MOST: Final = 1_000_000
DEPTH_MOST: Final = 48

_HEAD: Final = re.compile(r"\s*(?P<name>[^\W\d][\w+-]*)(?P<sep>\s*::|\s*:|\s+|$)")

# Text, and whether it stood there or came from an inner macro: only what stood there separates.
Piece: TypeAlias = tuple[str, bool]


class Call:
    """One macro, ready to be answered: its name, its arguments, and where it stands.

    `is_test` asks only whether there is something: nothing may change by the answer.
    """

    def __init__(
        self, name: str, args: list[list[Piece]], start: int, *, is_test: bool = False
    ) -> None:
        self.name = name
        self.args = args
        self.start = start
        self.is_test = is_test

    def text(self, index: int = 0) -> str:
        """An argument without the space written around it. What inner macros gave is kept."""
        if index >= len(self.args):
            return ""
        return joined(trimmed(self.args[index]))

    def rest(self, index: int) -> str:
        """Everything from an argument on, for values that may hold `::` themselves."""
        pieces: list[Piece] = []
        for arg in self.args[index:]:
            pieces += [("::", True), *arg] if pieces else arg
        return joined(trimmed(pieces))


Handler: TypeAlias = Callable[["Run", Call], str | None]


class Run:
    """One expansion: the context, what has been used of the bounds, and what has come out."""

    def __init__(self, context: MacroContext, table: Mapping[str, Handler]) -> None:
        self.context = context
        self.table = table
        self.scopes = {
            ".": Variables(context.variables),
            "$": Variables(context.global_variables),
        }
        self.hidden_keys: list[str] = []
        self.comments: list[str] = []
        self.banned: list[str] = []
        self.is_original_used = False
        self._source = ""
        self._digests: dict[str, str] = {}
        self._inside: set[str] = set()
        self.steps = self._depth = self._growth = 0

    def whole(self, text: str) -> str:
        """A whole text, be it the given one or one that a macro brings in."""
        before, self._source = self._source, normalised(text)
        pieces = self.pieces(parse(self._source))
        self._source = before
        return "".join(_unescaped(text) if written else text for text, written in pieces)

    def brought_in(self, name: str, text: str) -> str | None:
        """An authored text with macros of its own. None inside itself."""
        if name in self._inside:
            return None
        self._growth += len(text)
        self._inside.add(name)
        value = self.whole(text)
        self._inside.discard(name)
        return value

    def digest(self) -> str:
        """What stands for the text at hand in seeds."""
        if self._source not in self._digests:
            data = self._source.encode("utf-8", "surrogatepass")
            self._digests[self._source] = blake2b(data, digest_size=16).hexdigest()
        return self._digests[self._source]

    def pieces(self, parts: Parts) -> list[Piece]:
        """The parts, each carried out. `{{trim}}` eats the newlines on both sides."""
        out: list[Piece] = []
        eats = False
        for part in parts:
            if isinstance(part, str):
                text, written = part, True
            elif _is_trim(part):
                _eat_back(out)
                eats = True
                continue
            else:
                text, written = self._node(part), False
            if eats:
                text = text.lstrip("\r\n")
                eats = not text
            out.append((text, written))
        return out

    def render(self, parts: Parts) -> str:
        return joined(self.pieces(parts))

    def tested(self, name: str) -> str | None:
        """What a macro without arguments has to give, None if there is no such macro."""
        handler = self.table.get(name.lower())
        call = Call(name.lower(), [], 0, is_test=True)
        return None if handler is None else handler(self, call)

    def written(self, node: Node) -> str:
        return self._source[node.start : node.end]

    def _node(self, node: Node) -> str:
        spent = self.steps >= STEPS_MOST or self._growth >= GROWTH_MOST
        if spent or self._depth >= DEPTH_MOST:
            return self.written(node)
        self.steps += 1
        self._depth += 1
        value = self._condition(node) if isinstance(node, Condition) else self._macro(node)
        self._depth -= 1
        self._growth += max(0, len(value) - (node.end - node.start))
        return value if self._growth <= GROWTH_MOST else self.written(node)

    def _macro(self, macro: Macro) -> str:
        head = macro.body[0].lstrip() if macro.body and isinstance(macro.body[0], str) else ""
        if head.startswith("//"):
            return ""
        if head.startswith((".", "$")):
            value = shorthand(self, macro.body)
            return self.written(macro) if value is None else value
        pieces = self.pieces(macro.body)
        call = _called(pieces, macro.start)
        handler = None if call is None else self.table.get(_table_name(call.name))
        value = None if call is None or handler is None else handler(self, call)
        return f"{{{{{joined(pieces)}}}}}" if value is None else value

    def _condition(self, node: Condition) -> str:
        return self.render(node.then if self._holds(node.test) else node.otherwise)

    def _holds(self, test: Parts) -> bool:
        head = test[0].lstrip() if isinstance(test[0], str) else ""
        turned = head.startswith("!")
        if isinstance(test[0], str):
            head = head.removeprefix("!").lstrip()
            test = (head, *test[1:])
        if head.startswith((".", "$")):
            value = shorthand(self, test)
        else:
            value = self.tested(head.strip()) if len(test) == 1 else None
        return is_true(self.render(test) if value is None else value) != turned


def joined(pieces: list[Piece]) -> str:
    return "".join(text for text, _ in pieces)


def trimmed(pieces: list[Piece]) -> list[Piece]:
    """Without the space that was written around them."""
    pieces = list(pieces)
    if pieces and pieces[0][1]:
        pieces[0] = (pieces[0][0].lstrip(), True)
    if pieces and pieces[-1][1]:
        pieces[-1] = (pieces[-1][0].rstrip(), True)
    return pieces


def split(pieces: list[Piece], separator: str) -> list[list[Piece]]:
    """Cut at each separator that was written, not at those that inner macros brought."""
    parts: list[list[Piece]] = [[]]
    for text, written in pieces:
        first, *others = text.split(separator) if written else [text]
        parts[-1].append((first, written))
        parts += [[(other, written)] for other in others]
    return parts


def _called(pieces: list[Piece], start: int) -> Call | None:
    match = _HEAD.match(pieces[0][0]) if pieces and pieces[0][1] else None
    if match is None or (not match["sep"] and len(pieces) > 1):
        return None
    rest = pieces[0][0][match.end() :]
    has_args = ":" in match["sep"] or len(pieces) > 1 or rest.strip()
    args = split([(rest, True), *pieces[1:]], "::") if has_args else []
    return Call(match["name"].lower(), args, start)


def _table_name(name: str) -> str:
    """`time_UTC+2` carries its argument in its name."""
    return "time_utc" if name.startswith("time_utc") else name


def _is_trim(node: Node) -> bool:
    if not isinstance(node, Macro) or len(node.body) != 1 or not isinstance(node.body[0], str):
        return False
    return node.body[0].strip().lower() == "trim"


def _eat_back(out: list[Piece]) -> None:
    while out:
        text, written = out.pop()
        if rest := text.rstrip("\r\n"):
            out.append((rest, written))
            return


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return text.replace("\\{\\{", "{{").replace("\\}\\}", "}}")
