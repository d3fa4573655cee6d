"""What goes into the index and what comes out of it. Pure values, cheap to store."""

from collections.abc import Sequence
from typing import Final

import msgspec

# Say another number whenever `analyse` or these shapes change: what was stored is then redone.
FORMAT: Final = 1


class Turn(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message, remembered fact or lore entry. `time` is in seconds since 1970, UTC."""

    uid: str
    text: str
    speaker: str = ""
    role: str = ""
    time: float | None = None
    session: str = ""


class Analysed(msgspec.Struct, frozen=True, array_like=True):
    """A turn cut into pieces of some hundred characters, each with its terms.

    `spans` holds start and end of each piece in the text, `terms` the terms of each (with
    repeats, parted by blanks) and `marks` what each looks like, see `analysis`. A turn has
    one piece or more.
    """

    turn: Turn
    spans: tuple[tuple[int, int], ...]
    terms: tuple[str, ...]
    marks: tuple[int, ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        """The texts of the pieces: what an embedding is made of."""
        return tuple(self.turn.text[start:end] for start, end in self.spans)

    def piece(self, number: int) -> str:
        """One of them."""
        start, end = self.spans[number]
        return self.turn.text[start:end]


class Hit(msgspec.Struct, frozen=True):
    """A found turn: its best piece as it goes into a prompt, and what made its score."""

    ids: tuple[str, ...]
    text: str
    score: float
    why: dict[str, float]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, list[Analysed]])
_opening = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])


def pack(analysed: Sequence[Analysed]) -> bytes:
    """All of them as bytes that `unpack` reads."""
    return _encoder.encode((FORMAT, list(analysed)))


def unpack(data: bytes) -> list[Analysed]:
    """What `pack` was given. Raises ValueError when it was written in another format."""
    try:
        number, _ = _opening.decode(data)
        if number != FORMAT:
            raise ValueError(f"Format {number} is not {FORMAT}.")
        return _decoder.decode(data)[1]
    except msgspec.MsgspecError as error:
        raise ValueError("These bytes are no packed turns.") from error
