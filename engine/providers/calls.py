"""Tool calls as upstreams stream them, whatever liberties they take, made regular.

Seen in the wild: no index, the same index for all, no id, the same id for all, names in pieces,
names repeated with every piece, arguments as an object, calls that take turns.
"""

from typing import Any

import msgspec

from core.ids import new_uid
from engine.events import Batch, ToolCallDelta
from engine.tools import CALLS_MOST


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class CallPiece(msgspec.Struct):
    """One element of a chunk's `tool_calls`."""

    index: int | None = None
    id: str | int | None = None
    function: _Function | None = None


class _Call:
    """A call under way. It is told once arguments begin, for then its name is whole."""

    __slots__ = ("given_id", "is_told", "name", "number")

    def __init__(self, number: int, given_id: str) -> None:
        self.number = number
        self.given_id = given_id
        self.name = ""
        self.is_told = False

    def is_another(self, given_id: str) -> bool:
        """Whether a piece that brings a name and this id begins another call."""
        return bool(self.given_id and given_id and given_id != self.given_id)

    def add_name(self, piece: str, *, is_head: bool) -> None:
        """Names come whole, in pieces, or again and again."""
        is_again = piece == self.name and (is_head or len(piece) > 1)
        if not self.is_told and not is_again:
            self.name += piece


class CallReader:
    """Turns pieces of calls into events: each call is numbered from 0 and begins with an id of
    its own and its whole name. Calls beyond `CALLS_MOST` are dropped."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._ids: set[str] = set()

    def read(self, pieces: list[CallPiece], out: Batch) -> None:
        for piece in pieces:
            function = piece.function or _Function()
            given_id = "" if piece.id is None else str(piece.id)
            call = self._find(piece.index, given_id, function.name or "")
            if call is None:
                continue
            if function.name:
                call.add_name(function.name, is_head=bool(given_id))
            if arguments := _text(function.arguments):
                self._tell(call, arguments, out)

    def _find(self, index: int | None, given_id: str, name: str) -> _Call | None:
        """The call that a piece belongs to; None for one too many."""
        if index is None:
            known = self._of_id(given_id) if given_id else self._last(name)
        else:
            known = self._by_index.get(index)
        if known is None or (name and known.is_another(given_id)):
            return self._begin(index, given_id)
        known.given_id = known.given_id or given_id
        return known

    def _of_id(self, given_id: str) -> _Call | None:
        return next((call for call in self._calls if call.given_id == given_id), None)

    def _last(self, name: str) -> _Call | None:
        """Without index and id: what goes on is the last call, unless another name begins."""
        last = self._calls[-1] if self._calls else None
        return None if last is not None and last.is_told and name else last

    def _begin(self, index: int | None, given_id: str) -> _Call | None:
        if len(self._calls) >= CALLS_MOST:
            return None
        call = _Call(len(self._calls), given_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _tell(self, call: _Call, arguments: str, out: Batch) -> None:
        if not call.is_told:
            call.is_told = True
            id_ = call.given_id
            if not id_ or id_ in self._ids:
                id_ = f"call_{new_uid()}"
            self._ids.add(id_)
            out.append(ToolCallDelta(call.number, "", id_, call.name))
        if arguments:
            out.append(ToolCallDelta(call.number, arguments))

    def end(self, out: Batch) -> None:
        """Tell of calls without arguments."""
        for call in self._calls:
            if not call.is_told:
                self._tell(call, "", out)


def _text(arguments: Any) -> str:
    """Arguments as JSON: some servers send the object itself."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return msgspec.json.encode(arguments).decode()
