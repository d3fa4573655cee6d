"""A file that somebody brought: on the disk or uploaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from characters import cards
from chats.files.header import is_header
from chats.files.values import FILE_BYTES_MOST
from core.errors import Invalid
from core.jsontext import read_json
from core.text import clean

BYTES_MOST: Final = max(FILE_BYTES_MOST, cards.FILE_BYTES_MOST)
_HEAD_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is what reports call it, `name` its file name. `reader` gives its first n bytes."""

    path: str
    name: str
    size: int
    reader: Callable[[int], bytes]

    @property
    def stem(self) -> str:
        """What other files call it by."""
        return self.name.rpartition(".")[0] or self.name

    def read(self) -> bytes:
        """All of it. Raises Invalid if it is too large or cannot be read."""
        if self.size > BYTES_MOST:
            raise Invalid(f"The file is larger than {BYTES_MOST // 2**20} MB.", param="file")
        return self._head(BYTES_MOST + 1)

    def parent(self) -> str:
        """The title of the chat that this one branched off, as its first line says; or ""."""
        first = self._head(_HEAD_BYTES).partition(b"\n")[0]
        try:
            header = read_json(first, what="chat", notes=[])
        except Invalid:
            return ""
        if not isinstance(header, dict) or not is_header(header):
            return ""
        metadata = header.get("chat_metadata")
        parent = metadata.get("main_chat") if isinstance(metadata, dict) else None
        return parent if isinstance(parent, str) else ""

    def _head(self, count: int) -> bytes:
        try:
            return self.reader(count)
        except OSError as error:
            raise Invalid(f"The file cannot be read: {error.strerror or error}.") from error


def source_at(path: Path) -> Source:
    """A file on the disk. Raises Invalid if there is none."""

    def reader(count: int) -> bytes:
        with path.open("rb") as file:
            return file.read(count)

    try:
        size = path.stat().st_size
    except OSError as error:
        raise Invalid(f"The file cannot be read: {error.strerror or error}.") from error
    return Source(clean(str(path)), clean(path.name), size, reader)
