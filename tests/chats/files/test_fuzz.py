"""Damaged files are read or refused, and never break the reader."""

import contextlib
import copy
import random

import pytest

from chats.files import ChatFile, merge_branches, read_chat, write_sillytavern, write_text
from core.errors import Invalid
from tests.chats.files.build import GREETING, WHOLE, jsonl

HISTORY = {"msgs": [{"src": {"is_human": True}, "text": "a"}]}
RISU = {"type": "risuChat", "data": {"message": [{"role": "user", "data": "a", "time": 1}]}}
KOBOLD = {
    "savedsettings": {"chatname": "A", "chatopponent": "B||$||C"},
    "prompt": "A: x\nB: y",
    "actions": ["{{[INPUT]}}a{{[OUTPUT]}}b"],
}
SEEDS = [
    WHOLE,
    [{**GREETING, "mes": {"message": "a"}, "swipes": [{"message": "a"}]}, GREETING],
    [{"data_visible": [["Hi", "Hello &amp;"], ["", "x"]], "data": [["Hi", "x"], ["a", "b"]]}],
    [{"messages": [{"msg": "a", "userId": "u", "retries": ["b"]}, {"msg": "c"}]}],
    [{"histories": {"histories": [HISTORY, HISTORY]}}],
    [RISU],
    [KOBOLD],
]
VALUES = [None, [], {}, -1, 7, 1e300, 2**70, "", "a", True, [None], {"message": 5}, ["a", {}]]
PIECES = [b"null", b"[]", b"{}", b"\\ud800", b"\\u0000", b'"', b"\n", b"\xff", b"9" * 40, b"[" * 60]


def cut(seed: list, chance: random.Random) -> bytes:
    """The file with some of its bytes changed."""
    data = jsonl(*seed)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = start + chance.choice([0, 0, 1, 2, 8])
        new = chance.choice([b"", bytes([chance.randrange(256)]), *PIECES])
        data = data[:start] + new + data[end:]
    return data


def swapped(seed: list, chance: random.Random) -> bytes:
    """The file with some of its values changed, so that it stays JSON."""
    lines = copy.deepcopy(seed)
    for _ in range(chance.randint(1, 3)):
        at = lines
        while True:
            place = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not at[place] or not isinstance(at[place], list | dict) or chance.random() < 0.2:
                break
            at = at[place]
        at[place] = copy.deepcopy(chance.choice(VALUES))
    return jsonl(*lines)


@pytest.mark.parametrize("change", [cut, swapped])
@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_damaged_files_are_read_or_refused(seed, change):
    chance = random.Random(seed)
    read = 0
    for _ in range(300):
        damaged = change(SEEDS[seed], chance)
        with contextlib.suppress(Invalid):
            for chat in read_chat(damaged, "x.jsonl"):
                merge_branches([chat, chat])
                b"".join(write_text(chat)).decode()
                (again,) = read_chat(b"".join(write_sillytavern(chat)))
                assert texts(again) == texts(chat)
                read += 1

    assert read > 5


def texts(chat: ChatFile) -> list[str]:
    return [message.content for message in chat.messages]
