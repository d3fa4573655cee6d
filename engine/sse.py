"""Server-sent events from bytes as they arrive, whole events at once."""

from typing import Final

from core.errors import Terminal

BUFFER_BYTES_MOST: Final = 4 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Decoder:
    """Feed it reads; it returns the data of every event that is complete.

    Lines may end with LF, CRLF or CR, data may span lines, comments and other fields are
    skipped. Works on bytes, so a character split between two reads stays whole.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False
        self._skips_lf = False
        self._held = 0
        self._data: list[bytes] = []
        self._event = b""

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """(event name, data) of each event that ends in this chunk.

        Raises Terminal if one is endless.
        """
        if self._skips_lf and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skips_lf = False
        if b"\r" in chunk:
            # A CR at the very end ends its line now; the LF that may follow it is skipped.
            self._skips_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        buffer = self._buffer + chunk if self._buffer else chunk
        if not self._started:
            if _BOM.startswith(buffer) and buffer != _BOM:
                self._buffer = buffer
                return []
            self._started = True
            buffer = buffer.removeprefix(_BOM)
        *lines, self._buffer = buffer.split(b"\n")
        if self._held + len(self._buffer) > BUFFER_BYTES_MOST:
            raise Terminal("The model's server sent an endless line.")
        return self._events(lines)

    def finish(self) -> list[tuple[bytes, bytes]]:
        """What is left when the stream ends without a blank line."""
        rest, self._buffer = self._buffer, b""
        return self._events([rest, b""])

    def _events(self, lines: list[bytes]) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        data, held, event = self._data, self._held, self._event
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
                held += len(line)
            elif not line:
                if data:
                    found.append((event, data[0] if len(data) == 1 else b"\n".join(data)))
                    data, held = [], 0
                event = b""
            elif line[:6] == b"event:":
                event = line[6:].strip()
        self._data, self._held, self._event = data, held, event
        return found
