"""Reading the fields of a card's data, mending what is often wrong and noting it. Pure."""

from typing import Any, Final

from characters.cards.values import Note

SHORT_CHARS_MOST: Final = 200
SHORT_FIELDS: Final = ("nickname", "creator", "character_version")


class Reader:
    """Reads fields of a card's data, mending what is often wrong and noting it."""

    def __init__(self, data: dict[str, Any], notes: list[Note]) -> None:
        self._data = data
        self._notes = notes

    def _mended(self, name: str, was: str) -> None:
        self._notes.append(Note("repaired", f"`{name}` {was}."))

    def _left(self, name: str, was: str) -> None:
        self._notes.append(Note("ignored", f"`{name}` {was}."))

    def text(self, name: str) -> str:
        value = self._data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str | int | float):
            self._left(name, "was no text and was left out")
            return ""
        text = str(value)
        if name in SHORT_FIELDS and len(text) > SHORT_CHARS_MOST:
            self._mended(name, f"was longer than {SHORT_CHARS_MOST} characters and was cut")
            return text[:SHORT_CHARS_MOST]
        return text

    def texts(self, name: str) -> list[str]:
        value = self._data.get(name)
        if value is None:
            return []
        if isinstance(value, str):
            self._mended(name, "was one text and became a list of one")
            return [value] if value else []
        if not isinstance(value, list):
            self._left(name, "was no list and was left out")
            return []
        kept = [item for item in value if isinstance(item, str)]
        if len(kept) < len(value):
            self._left(name, "held things that are no texts; they were left out")
        return kept

    def tags(self) -> list[str]:
        value = self._data.get("tags")
        if isinstance(value, str):
            self._mended("tags", "was one text and was split at its commas")
            return [tag.strip() for tag in value.split(",") if tag.strip()]
        return self.texts("tags")

    def mapping(self, name: str) -> dict[str, Any]:
        value = self._data.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self._left(name, "was no object and was left out")
        return {}

    def extensions(self) -> dict[str, Any]:
        """As they are, for they are others' to read; a note where a known one is odd."""
        found = self.mapping("extensions")
        for name, kinds in (("talkativeness", int | float), ("fav", bool)):
            if not isinstance(found.get(name), kinds | None):
                self._left(
                    f"extensions.{name}", "has an unusual kind of value and was kept as it is"
                )
        prompt = found.get("depth_prompt")
        if isinstance(prompt, dict) and not isinstance(prompt.get("depth"), int | None):
            self._left("extensions.depth_prompt.depth", "is no number and was kept as it is")
        return found

    def book(self) -> dict[str, Any] | None:
        found = self.mapping("character_book")
        return {**found, "entries": self._entries(found)} if found else None

    def _entries(self, book: dict[str, Any]) -> list[dict[str, Any]]:
        value = book.get("entries")
        if isinstance(value, dict):
            self._mended("character_book.entries", "was an object and became a list of its values")
            value = list(value.values())
        if not isinstance(value, list):
            self._left("character_book.entries", "was no list and is empty now")
            return []
        kept = [entry for entry in value if isinstance(entry, dict)]
        if len(kept) < len(value):
            self._left("character_book.entries", "held things that are no entries, now left out")
        return kept

    def assets(self) -> list[Any] | None:
        value = self._data.get("assets")
        if value is None or isinstance(value, list):
            return value
        self._left("assets", "was no list and was left out")
        return None

    def date(self, name: str) -> int | None:
        value = self._data.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not is_number:
            self._left(name, "was no number and was left out")
        most = 2**62
        return int(value) if is_number and -most < value < most else None  # type: ignore[arg-type,operator]  # is_number says so
