"""Zip archives within bounds: reading members into memory, writing them stored. Pure.

Read from the end record backwards, so that an archive behind a picture is found too. Nothing is
unpacked to disk, and an archive inside the archive stays closed.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from characters.cards.values import ARCHIVE_BYTES_MOST, Member, Note, named, refuse
from core.errors import Invalid

MEMBERS_MOST: Final = 2000
# Text packs about 20 to 1; what packs much better than that is made to fill the memory.
RATIO_MOST: Final = 200
_RATIO_FREE_BYTES: Final = 1024 * 1024
_PATH_CHARS_MOST: Final = 240
_PATH_PARTS_MOST: Final = 16

_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LONG_END: Final = struct.Struct("<4sQ2H2L4Q")
_LONG_POINTER_BYTES: Final = 20
_LONG_END_MARK: Final = b"PK\x06\x06"
_LONG_EXTRA: Final = 1  # an entry's field with the numbers that its own places cannot hold
_END_MARK, _ENTRY_MARK, _LOCAL_MARK = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_EXTRAS_MOST: Final = 32
_EXTRA_HEAD: Final = struct.Struct("<2H")
_COMMENT_MOST: Final = 0xFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x0001, 0x0800
_KIND_MASK, _FILE, _FOLDER, _LINK = 0o170000, 0o100000, 0o040000, 0o120000
_SPACE: Final = 0x20
_BEYOND, _BEYOND_SHORT = 0xFFFFFFFF, 0xFFFF
_DOS_DATE: Final = 0x21  # 1980-01-01, so that equal cards make equal files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One line of the archive's own list."""

    path: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    start: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive's members by path, in their order, and what stood before it in the file."""

    members: dict[str, bytes]
    before: bytes


def is_archive(data: bytes) -> bool:
    """Whether there is an end record, wherever the archive begins."""
    return _end_of(data) is not None


def read_archive(data: bytes, *, notes: list[Note]) -> Archive:
    """Every member, in memory. Raises Invalid with the reason if a bound or a rule is broken."""
    entries, base = _entries(data)
    files = [entry for entry in entries if not entry.path.endswith("/")]
    _check(files, entries)
    members: dict[str, bytes] = {}
    lost: list[str] = []
    wrong: list[str] = []
    for entry in files:
        content = _unpacked(data, entry, base)
        if content is None or len(content) != entry.size:
            lost.append(entry.path)
            continue
        if zlib.crc32(content) != entry.crc:
            wrong.append(entry.path)
        members[entry.path] = content
    if lost:
        notes.append(Note("ignored", f"Damaged in the archive and left out: {named(lost)}."))
    if wrong:
        told = f"Kept in spite of a wrong checksum in the archive: {named(wrong)}."
        notes.append(Note("repaired", told))
    first = min((base + entry.start for entry in entries), default=0)
    return Archive(members, data[:first])


def _end_of(data: bytes) -> int | None:
    at = len(data)
    lowest = max(0, len(data) - _COMMENT_MOST - _END.size)
    while (at := data.rfind(_END_MARK, lowest, at)) >= 0:
        if at + _END.size <= len(data):
            return at
    return None


def _entries(data: bytes) -> tuple[list[_Entry], int]:
    """The archive's list, and by how much its offsets are short for what stands before it."""
    end, count, length, offset = _ending(data)
    if count > MEMBERS_MOST:
        raise refuse(
            f"The archive has {count} members; {MEMBERS_MOST} is the most.", "card_too_complex"
        )
    base = end - length - offset
    if base < 0:
        raise _damaged_list()
    entries: list[_Entry] = []
    place = end - length
    for _ in range(count):
        entry, place = _entry(data, place, end)
        entries.append(entry)
    return entries, base


def _ending(data: bytes) -> tuple[int, int, int, int]:
    """(where the list ends, its count, its length, its offset), of plain and zip64 archives."""
    at = _end_of(data)
    if at is None:
        raise refuse("The archive has no end; it was cut off.", "card_damaged")
    _, disk, _, _, count, length, offset, _ = _END.unpack_from(data, at)
    if _BEYOND in (length, offset) or count == _BEYOND_SHORT:
        at -= _LONG_POINTER_BYTES + _LONG_END.size
        if at < 0 or not data.startswith(_LONG_END_MARK, at):
            raise _damaged_list()
        *_, disk, _, _, count, length, offset = _LONG_END.unpack_from(data, at)
    if disk:
        raise refuse("Archives in several parts are not read.", "card_not_readable")
    return at, count, length, offset


def _damaged_list() -> Invalid:
    return refuse("The archive's list of members is damaged.", "card_damaged")


def _entry(data: bytes, place: int, end: int) -> tuple[_Entry, int]:
    if place + _ENTRY.size > end or not data.startswith(_ENTRY_MARK, place):
        raise _damaged_list()
    head = _ENTRY.unpack_from(data, place)
    flags, method, crc = head[3], head[4], head[7]
    name_at = place + _ENTRY.size
    extra_at = name_at + head[10]
    comment_at = extra_at + head[11]
    numbers = _long_numbers(data[extra_at:comment_at], [head[9], head[8], head[16]])
    entry = _Entry(
        path=_path(data[name_at:extra_at], flags),
        flags=flags,
        method=method,
        crc=crc,
        size=numbers[0],
        packed=numbers[1],
        start=numbers[2],
        mode=head[15] >> 16,
    )
    return entry, comment_at + head[12]


def _long_numbers(extra: bytes, short: list[int]) -> list[int]:
    """The numbers, with those that were too long for their places from the extra field."""
    at = 0
    for _ in range(_EXTRAS_MOST):
        if at + _EXTRA_HEAD.size > len(extra):
            break
        kind, length = _EXTRA_HEAD.unpack_from(extra, at)
        at += _EXTRA_HEAD.size
        if kind == _LONG_EXTRA:
            body = extra[at : at + min(length, len(extra) - at) // 8 * 8]
            long = iter(struct.unpack(f"<{len(body) // 8}Q", body))
            return [next(long, n) if n == _BEYOND else n for n in short]
        at += length
    return short


def _path(name: bytes, flags: int) -> str:
    """A member's path with forward slashes. Raises Invalid if it leads out of the archive."""
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError:
        path = name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    path = path.replace("\\", "/").removeprefix("./")
    parts = path.removesuffix("/").split("/")
    if path.startswith("/") or path[1:2] == ":" or ".." in parts:
        raise refuse("The archive has a member whose path leads out of it.", "card_unsafe")
    odd = any(part in ("", ".") for part in parts) or any(ord(letter) < _SPACE for letter in path)
    if odd or len(path) > _PATH_CHARS_MOST or len(parts) > _PATH_PARTS_MOST:
        raise refuse("The archive has a member whose path is no usable path.", "card_unsafe")
    return path


def _check(files: list[_Entry], entries: list[_Entry]) -> None:
    """Everything that the archive's list tells before a member is unpacked."""
    for entry in entries:
        kind = entry.mode & _KIND_MASK
        if kind not in (0, _FILE, _FOLDER):
            what = "a link" if kind == _LINK else "a device"
            raise refuse(f"The archive has a member that is {what}.", "card_unsafe")
        if entry.flags & _ENCRYPTED:
            raise refuse("The archive is encrypted.", "card_encrypted")
    paths = {entry.path for entry in files}
    if len(paths) < len(files):
        raise refuse("The archive has two members of one path.", "card_unsafe")
    if any(folder in paths for path in paths for folder in folders_of(path)):
        raise refuse("The archive has a member inside another member.", "card_unsafe")
    if sum(entry.size for entry in files) > ARCHIVE_BYTES_MOST:
        most = ARCHIVE_BYTES_MOST // 2**20
        raise refuse(f"The archive unpacks to more than {most} MB.", "card_too_large")
    if any(entry.size > RATIO_MOST * max(entry.packed, 1) + _RATIO_FREE_BYTES for entry in files):
        raise refuse("The archive unpacks to far more than its size.", "card_too_large")


def folders_of(path: str) -> Iterable[str]:
    """The folders that a member's path goes through, outermost first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _unpacked(data: bytes, entry: _Entry, base: int) -> bytes | None:
    """A member's bytes, never many more than declared; None if they cannot be unpacked."""
    at = base + entry.start
    if entry.method not in (_STORED, _DEFLATED):
        raise refuse("The archive is packed in a way that is not read.", "card_not_readable")
    if at + _LOCAL.size > len(data) or not data.startswith(_LOCAL_MARK, at):
        return None
    *_, name_length, extra_length = _LOCAL.unpack_from(data, at)
    start = at + _LOCAL.size + name_length + extra_length
    packed = memoryview(data)[start : start + entry.packed]
    if entry.method == _DEFLATED:
        return _inflated(packed, entry.size)
    return bytes(packed) if len(packed) == entry.size else None


def _inflated(packed: memoryview, size: int) -> bytes | None:
    """At most one byte more than was declared, so that a false size cannot fill the memory."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return machine.decompress(packed, size + 1)
    except zlib.error:
        return None


def write_archive(members: Iterable[Member]) -> bytes:
    """A zip archive with these members, stored. Paths must be ASCII and unlike each other."""
    parts: list[bytes] = []
    listed: list[bytes] = []
    offset = 0
    for path, data in members:
        name = path.encode("ascii")
        crc, size = zlib.crc32(data), len(data)
        shared = (20, 0, _STORED, 0, _DOS_DATE, crc, size, size, len(name), 0)
        parts += [_LOCAL.pack(_LOCAL_MARK, *shared), name, data]
        mode = (_FILE | 0o644) << 16
        listed += [_ENTRY.pack(_ENTRY_MARK, 0x0314, *shared, 0, 0, 0, mode, offset), name]
        offset += _LOCAL.size + len(name) + size
    count, length = len(listed) // 2, sum(map(len, listed))
    if offset + length + _END.size > ARCHIVE_BYTES_MOST or count > MEMBERS_MOST:
        raise refuse(
            "The card's files are too many or too large for one archive.", "card_too_large"
        )
    return b"".join([*parts, *listed, _END.pack(_END_MARK, 0, 0, count, count, length, offset, 0)])
