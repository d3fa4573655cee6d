"""Tail-diff: what a client's message list says about the stored conversation. Pure.

A client may send only its newest message, its whole history, or the window that fits its
context. The list is aligned to the stored path by text; lengths alone decide nothing, and
nothing is ever deleted unless the two demonstrably share a reply.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import msgspec

from core.text import normalised
from engine.tools import ToolCall

Outcome = Literal["appended", "regenerated", "trimmed", "branched", "new"]


@dataclass(frozen=True)
class Line:
    """One message of either side. `calls` are the tools that it called, with their results."""

    role: str
    content: str
    calls: tuple[ToolCall, ...] = ()

    @cached_property
    def text(self) -> str:
        """The content in comparable form."""
        return normalised(self.content)

    @cached_property
    def called(self) -> list[tuple[str, object]]:
        """The calls in comparable form. Clients write JSON anew, and some rename the ids."""
        return [(call.name, _arguments(call.arguments)) for call in self.calls]

    @property
    def results(self) -> list[str | None]:
        return [call.result for call in self.calls]

    @property
    def is_answered(self) -> bool:
        return all(call.result is not None for call in self.calls)

    def same(self, other: "Line") -> bool:
        """Whether both are one message. Some clients drop the calls, others the text beside."""
        if self.role != other.role:
            return False
        if self.calls and other.calls:
            is_quiet = not (self.text and other.text)
            return self.called == other.called and (is_quiet or self.text == other.text)
        return self.text == other.text and bool(self.text or not (self.calls or other.calls))

    def is_call(self, other: "Line") -> bool:
        """Whether both are the same call, and not only one that is like it."""
        ids = [call.id for call in self.calls]
        return bool(ids) and ids == [call.id for call in other.calls] and self.same(other)


def _arguments(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Indexes count along the stored path; -1 is before its first message.

    Add `add` below `anchor`, after moving the path from `trash_from` on to the trash. For a
    regenerate, `add` is empty and `anchor` is the user's message to answer again.
    """

    outcome: Outcome
    anchor: int = -1
    add: tuple[Line, ...] = ()
    trash_from: int | None = None
    trimmed: int = 0

    @property
    def header(self) -> str:
        return f"trimmed={self.trimmed}" if self.outcome == "trimmed" else self.outcome


def plan(sent: Sequence[Line], stored: Sequence[Line]) -> Plan:
    """Decide what `sent` means for `stored`: user and assistant lines that end with the user's
    newest, or with a call of tools and its results."""
    found = _continued(sent[-1], stored) or _aligned(sent, stored)
    if found.outcome != "new" or any(line.calls for line in sent):
        return found
    return _without_calls(sent, stored) or found


def _continued(newest: Line, stored: Sequence[Line]) -> Plan | None:
    """The client brings the results of a call: go on from there. Other results are a branch."""
    places = [place for place, line in enumerate(stored) if line.is_call(newest)]
    if not places:
        return None
    equal = [place for place in places if stored[place].results == newest.results]
    if not equal:
        return Plan("branched", places[-1] - 1, (newest,))
    is_last = equal[-1] == len(stored) - 1
    return Plan("appended" if is_last else "regenerated", equal[-1])


def _without_calls(sent: Sequence[Line], stored: Sequence[Line]) -> Plan | None:
    """For clients that keep only what was said in the end: align past the calls."""
    places = [place for place, line in enumerate(stored) if not line.calls]
    if len(places) == len(stored):
        return None
    found = _aligned(sent, [stored[place] for place in places])
    if found.outcome == "new":
        return None
    is_end = found.anchor == len(places) - 1
    anchor = len(stored) - 1 if is_end else places[found.anchor] if found.anchor >= 0 else -1
    trash_from = None if found.trash_from is None else anchor + 1
    return replace(found, anchor=anchor, trash_from=trash_from)


def _aligned(sent: Sequence[Line], stored: Sequence[Line]) -> Plan:
    *earlier, newest = sent
    if not earlier:
        return Plan("appended", len(stored) - 1, (newest,))
    end = _exact_end(earlier, stored)
    if end is not None:
        return _after_run(end, newest, stored)
    edited = _edited_at(earlier, stored)
    if edited is not None:
        first_edit, anchor = edited
        return Plan("branched", anchor, (*earlier[first_edit:], newest))
    return Plan("new", -1, tuple(sent))


def _after_run(end: int, newest: Line, stored: Sequence[Line]) -> Plan:
    """The client's earlier messages end at `stored[end]`; what follows there decides."""
    following = stored[end + 1 :]
    if not following:
        return Plan("appended", end, (newest,))
    if following[0].same(newest):
        return Plan("regenerated", end + 1)
    return Plan("trimmed", end, (newest,), trash_from=end + 1, trimmed=len(following))


def _exact_end(earlier: Sequence[Line], stored: Sequence[Line]) -> int | None:
    """Index of the last message of the latest run of `stored` that equals `earlier`."""
    if not any(line.role == "assistant" for line in earlier):
        return None
    size = len(earlier)
    for start in range(len(stored) - size, -1, -1):
        if all(stored[start + i].same(earlier[i]) for i in range(size - 1, -1, -1)):
            return start + size - 1
    return None


def _edited_at(earlier: Sequence[Line], stored: Sequence[Line]) -> tuple[int, int] | None:
    """Where an edited copy of a run begins to differ: (index in `earlier`, anchor in `stored`).

    The roles must line up, at least one reply and half of all messages must be unchanged. The
    run with the most unchanged messages wins, then the latest.
    """
    size = len(earlier)
    best: tuple[int, int] | None = None
    for start in range(len(stored) - size, -1, -1):
        run = stored[start : start + size]
        if any(a.role != b.role for a, b in zip(run, earlier, strict=True)):
            continue
        equal = [a.same(b) for a, b in zip(run, earlier, strict=True)]
        replies = any(e and line.role == "assistant" for e, line in zip(equal, run, strict=True))
        if replies and sum(equal) * 2 >= size and (best is None or sum(equal) > best[0]):
            best = (sum(equal), start)
    if best is None:
        return None
    start = best[1]
    first_edit = next(i for i in range(size) if not earlier[i].same(stored[start + i]))
    return first_edit, start + first_edit - 1
