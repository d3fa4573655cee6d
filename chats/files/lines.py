"""One message of a SillyTavern chat, or of a Chub one, which only wraps its texts. Pure."""

from typing import Any, Final

import msgspec

from chats.files.dates import read_date
from chats.files.values import (
    NAME_CHARS_MOST,
    SWIPES_MOST,
    TEXT_CHARS_MOST,
    FileMessage,
    MessageRole,
    Notes,
    Swipe,
)
from core.text import normalised

NARRATOR: Final = "narrator"
# Kinds of messages that are kept from the model, yet are somebody's words.
_SPOKEN: Final = ("assistant_message",)
_KEYS: Final = frozenset(
    (
        "name",
        "is_user",
        "is_system",
        "send_date",
        "mes",
        "extra",
        "swipes",
        "swipe_id",
        "swipe_info",
    )
)
_INFO_KEYS: Final = frozenset(("send_date", "extra"))


def is_message(line: dict[str, Any]) -> bool:
    return "mes" in line or "swipes" in line


def role_of(*, is_user: bool, hidden: bool, extra: dict[str, Any]) -> MessageRole:
    if is_user:
        return "user"
    kind = extra.get("type")
    is_notice = hidden and isinstance(kind, str) and bool(kind) and kind not in _SPOKEN
    return "system" if kind == NARRATOR or is_notice else "assistant"


class Line:
    """Reads one message, mending what is often wrong. `where` begins its notes: "Line 7"."""

    def __init__(self, line: dict[str, Any], where: str, notes: Notes) -> None:
        self._where = where
        self._notes = notes
        self._line = self._shortened(line)
        self.wrapped = False  # whether texts came as objects, as Chub writes them

    def message(self) -> FileMessage:
        line = self._line
        content, rest = self._text(line.get("mes"), "mes")
        unknown = {key: value for key, value in line.items() if key not in _KEYS}
        if rest:
            unknown["chub"] = rest
        extra = self._object(line, "extra")
        sent_at = self._date(line, unknown)
        swipes, index = self._versions(content, is_said=line.get("mes") is not None)
        hidden = _is_true(line.get("is_system"))
        name = line.get("name")
        return FileMessage(
            role=role_of(is_user=_is_true(line.get("is_user")), hidden=hidden, extra=extra),
            name=name[:NAME_CHARS_MOST] if isinstance(name, str) else "",
            content=swipes[index].content if swipes else content,
            sent_at=sent_at,
            hidden=hidden,
            swipes=swipes,
            swipe_index=index,
            extra=extra,
            unknown=unknown,
        )

    def _note(self, text: str) -> None:
        self._notes.add(f"{self._where}: {text}.")

    def _shortened(self, line: dict[str, Any]) -> dict[str, Any]:
        """The same with no more swipes than are kept, the one that is shown among them."""
        swipes, infos, shown = (line.get(key) for key in ("swipes", "swipe_info", "swipe_id"))
        if not isinstance(swipes, list) or len(swipes) <= SWIPES_MOST:
            return line
        self._note(f"only {SWIPES_MOST} of {len(swipes)} swipes were kept")
        last = SWIPES_MOST - 1
        if not isinstance(shown, int) or not last < shown < len(swipes):
            return {**line, "swipes": swipes[:SWIPES_MOST]}
        short = {**line, "swipes": [*swipes[:last], swipes[shown]], "swipe_id": last}
        if isinstance(infos, list):
            short["swipe_info"] = infos[:last] + infos[shown : shown + 1]
        return short

    def _text(self, value: Any, key: str) -> tuple[str, dict[str, Any]]:
        """A text, and what else was in the object around it."""
        rest: dict[str, Any] = {}
        if isinstance(value, dict) and "message" in value:
            self.wrapped = True
            rest = {k: item for k, item in value.items() if k != "message"}
            value = value["message"]
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            if value is not None:
                self._note(f"`{key}` was no text and is empty now")
            return "", rest
        if len(value) > TEXT_CHARS_MOST:
            self._note("the text was longer than a megabyte and was cut")
        return value[:TEXT_CHARS_MOST], rest

    def _object(self, holder: dict[str, Any], key: str) -> dict[str, Any]:
        value = holder.get(key)
        if isinstance(value, dict):
            return value
        if value:
            self._note(f"`{key}` was no object and was left out")
        return {}

    def _date(self, holder: dict[str, Any], unknown: dict[str, Any]) -> Any:
        """The time; one that cannot be read is put into `unknown` as it is."""
        value = holder.get("send_date")
        moment = read_date(value)
        if moment is None and value:
            self._note("`send_date` could not be read and was kept as it was")
            unknown["send_date"] = value
        return moment

    def _versions(self, content: str, *, is_said: bool) -> tuple[tuple[Swipe, ...], int]:
        """The swipes and which of them is shown. `content` wins where the two disagree."""
        swipes = self._swipes()
        if not swipes:
            return (), 0
        index = self._index(swipes, content)
        if is_said and swipes[index].content != content:
            index = self._agreed(swipes, index, content)
        return tuple(swipes), index

    def _agreed(self, swipes: list[Swipe], index: int, content: str) -> int:
        """Makes the swipes hold `content`; where it is then. No version's words are lost."""
        found = next((i for i, swipe in enumerate(swipes) if swipe.content == content), None)
        if found is not None:
            self._note("the text is that of another swipe than `swipe_id` says")
            return found
        if normalised(swipes[index].content) != normalised(content) and len(swipes) < SWIPES_MOST:
            self._note("the text is that of no swipe and became one more")
            swipes.append(Swipe(content=content))
            return len(swipes) - 1
        self._note("the text differed from that of its swipe, which was set right")
        swipes[index] = msgspec.structs.replace(swipes[index], content=content)
        return index

    def _index(self, swipes: list[Swipe], content: str) -> int:
        value = self._line.get("swipe_id")
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(swipes):
            return value
        if value is not None:
            self._note("`swipe_id` names no swipe")
        same = (i for i, swipe in enumerate(swipes) if swipe.content == content)
        return next(same, len(swipes) - 1)

    def _swipes(self) -> list[Swipe]:
        value = self._line.get("swipes")
        if not isinstance(value, list):
            if value is not None:
                self._note("`swipes` was no list and was left out")
            return []
        infos = self._infos(len(value))
        return [self._swipe(item, info) for item, info in zip(value, infos, strict=True)]

    def _swipe(self, value: Any, info: dict[str, Any]) -> Swipe:
        content, rest = self._text(value, "swipes")
        unknown = {key: item for key, item in info.items() if key not in _INFO_KEYS}
        if rest:
            unknown["chub"] = rest
        sent_at = self._date(info, unknown)
        extra = self._object(info, "extra")
        return Swipe(content=content, sent_at=sent_at, extra=extra, unknown=unknown)

    def _infos(self, count: int) -> list[dict[str, Any]]:
        """What `swipe_info` says of each of `count` swipes; {} where it says nothing."""
        value = self._line.get("swipe_info")
        if isinstance(value, dict):
            value = self._listed(value, count)
        if not isinstance(value, list):
            if value is not None:
                self._note("`swipe_info` was no list and was left out")
            value = []
        if len(value) > count:
            self._note("`swipe_info` tells of more swipes than there are")
        known = [item if isinstance(item, dict) else {} for item in value[:count]]
        return known + [{}] * (count - len(known))

    def _listed(self, infos: dict[str, Any], count: int) -> list[Any]:
        """A list from an object: one with the numbers of swipes for keys, or that of one swipe."""
        if any(key.isdecimal() for key in infos):
            return [infos.get(str(index)) for index in range(count)]
        index = self._line.get("swipe_id")
        place = index if isinstance(index, int) and 0 <= index < count else 0
        return [infos if at == place else None for at in range(count)]


def _is_true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() == "true")
