"""The tools by which a model remembers while it replies. Pure: calls become changes to be made.

A model can change what the prompt lists, under the short handles listed there, and nothing else.
What it asks for beyond that is refused in words to it; the reply goes on.
"""

from collections.abc import Collection, Iterable
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from core.ids import short
from memory.text import normal, tidy

CHANGES_MOST: Final = 8
"""Changes that one reply can make."""
TEXT_CHARS_MOST: Final = 500
_ARGUMENTS_CHARS_MOST: Final = 4_000
_REASON_CHARS: Final = 200
_REFUSED: Final = "Refused: "

Kind = Literal["save", "update", "delete"]
Scope = Literal["character", "chat"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change to a notebook. `memory` is the uid of what is updated or deleted."""

    kind: Kind
    text: str = ""
    scope: Scope = "character"
    importance: int | None = None
    memory: str = ""


class Listed(NamedTuple):
    """A memory that the prompt lists."""

    uid: str
    text: str


class Offer(msgspec.Struct, frozen=True):
    """What one turn offers: the kinds of tools by the names they have there, and the memories
    that the prompt lists, by handle."""

    names: dict[str, Kind]
    listed: dict[str, Listed]
    notebook: str

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as requests name them."""
        return [_schema(name, kind) for name, kind in self.names.items()]


def offer(notebook: str, taken: Collection[str], listed: Iterable[Listed] = ()) -> Offer:
    """An offer of all three tools. Names that are `taken` by tools of the client stay theirs."""
    names = {_free(name, taken): kind for name, kind in _NAMES.items()}
    return Offer(names, by_handle(listed), notebook)


def by_handle(listed: Iterable[Listed]) -> dict[str, Listed]:
    """Memories by the handle that a prompt shows. Two of one handle cannot be told apart."""
    found: dict[str, Listed] = {}
    twice: set[str] = set()
    for memory in listed:
        handle = short(memory.uid)
        twice |= {handle} & found.keys()
        found[handle] = memory
    return {handle: memory for handle, memory in found.items() if handle not in twice}


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name = f"reverie_{name}"
    return name


class Session:
    """The calls of one reply: `engine.tools.Toolbox`, and the `changes` that came of them."""

    def __init__(self, offered: Offer) -> None:
        self._offer = offered
        self.changes: list[Change] = []
        self.refused = 0

    def owns(self, name: str) -> bool:
        return name in self._offer.names

    def run(self, name: str, arguments: str) -> str:
        """Note the change that a call asks for. Returns what the model is told."""
        try:
            change = self._change(self._offer.names[name], arguments)
        except _Refused as refusal:
            self.refused += 1
            return _REFUSED + str(refusal)[:_REASON_CHARS]
        if change is not None:
            self.changes.append(change)
        return _DONE[self._offer.names[name]]

    def _change(self, kind: Kind, arguments: str) -> Change | None:
        """The change, or None if it is so already."""
        if len(self.changes) >= CHANGES_MOST:
            raise _Refused(f"{CHANGES_MOST} changes in one reply is the most.")
        asked = _decoded(kind, arguments)
        if isinstance(asked, _Save):
            text = _checked(asked.text)
            if self._is_known(text):
                return None
            return Change(kind="save", text=text, scope=asked.scope, importance=asked.importance)
        memory = self._listed(asked.id)
        if isinstance(asked, _Delete):
            return Change(kind="delete", memory=memory.uid)
        text = _checked(asked.text)
        if text == memory.text and asked.importance is None:
            return None
        return Change(kind="update", text=text, importance=asked.importance, memory=memory.uid)

    def _is_known(self, text: str) -> bool:
        """Whether this reply has saved the same already."""
        said = normal(text)
        return any(c.kind == "save" and normal(c.text) == said for c in self.changes)

    def _listed(self, handle: str) -> Listed:
        found = self._offer.listed.get(handle.strip(" []")[-_HANDLE_CHARS:].lower())
        gone = {change.memory for change in self.changes if change.kind == "delete"}
        if found is None or found.uid in gone:
            raise _Refused("no memory with this id is listed.")
        return found


class _Refused(Exception):
    """A call that changes nothing. Says why, to the model."""


class _Save(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    scope: Scope = "character"
    importance: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


class _Update(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    text: str
    importance: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


class _Delete(msgspec.Struct, forbid_unknown_fields=True):
    id: str


_ASKED: Final[dict[Kind, Any]] = {"save": _Save, "update": _Update, "delete": _Delete}


def _decoded(kind: Kind, arguments: str) -> _Save | _Update | _Delete:
    if len(arguments) > _ARGUMENTS_CHARS_MOST:
        raise _Refused(f"the arguments have {len(arguments)} characters, which is too much.")
    try:
        asked: _Save | _Update | _Delete = msgspec.json.decode(arguments, type=_ASKED[kind])
    except msgspec.DecodeError as error:
        raise _Refused(str(error)) from error
    except UnicodeEncodeError as error:
        raise _Refused("the arguments are no text.") from error
    return asked


def _checked(text: str) -> str:
    text = tidy(text)
    if not text:
        raise _Refused("the text is empty.")
    if len(text) > TEXT_CHARS_MOST:
        raise _Refused(f"the text has {len(text)} characters; {TEXT_CHARS_MOST} is the most.")
    return text


_HANDLE_CHARS: Final = 8
_NAMES: Final[dict[str, Kind]] = {
    "save_memory": "save",
    "update_memory": "update",
    "delete_memory": "delete",
}
_DONE: Final[dict[Kind, str]] = {
    "save": "Saved. Go on with the reply.",
    "update": "Updated. Go on with the reply.",
    "delete": "Deleted. Go on with the reply.",
}
_PURPOSES: Final[dict[Kind, str]] = {
    "save": (
        "Remember one lasting fact that was said or decided in this conversation and will matter"
        " later: names, relationships, preferences, promises, events. One sentence that makes"
        " sense on its own. Nothing that is remembered already, nothing that passes, nothing from"
        " the instructions. The person does not see the call; reply as usual."
    ),
    "update": "Replace what is remembered under an id by what is true now.",
    "delete": "Forget what is remembered under an id because it is wrong or no longer true.",
}
_ID: Final = {
    "type": "string",
    "maxLength": 24,
    "description": "The id that stands in brackets before the memory.",
}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MOST}
_IMPORTANCE: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": 10,
    "description": "1 for a detail, 5 for most, 10 for what must never be forgotten.",
}
_SCOPE: Final = {
    "type": "string",
    "enum": ["character", "chat"],
    "description": "chat for what only matters in this story; character, the default, otherwise.",
}
_PROPERTIES: Final[dict[Kind, dict[str, Any]]] = {
    "save": {"text": _TEXT, "scope": _SCOPE, "importance": _IMPORTANCE},
    "update": {"id": _ID, "text": _TEXT, "importance": _IMPORTANCE},
    "delete": {"id": _ID},
}
_REQUIRED: Final[dict[Kind, list[str]]] = {
    "save": ["text"],
    "update": ["id", "text"],
    "delete": ["id"],
}


def _schema(name: str, kind: Kind) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": _PROPERTIES[kind],
        "required": _REQUIRED[kind],
        "additionalProperties": False,
    }
    function = {"name": name, "description": _PURPOSES[kind], "parameters": parameters}
    return {"type": "function", "function": function}
