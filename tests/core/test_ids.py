"""Ids sort by the time they were made and use the characters they promise."""

from hypothesis import given
from hypothesis import strategies as st

from core.ids import ALPHABET, LENGTH, _encode, is_uid, new_uid


@given(st.integers(0, 2**70 - 1))
def test_a_number_is_written_in_base_32(value):
    text = _encode(value, 14)

    assert len(text) == 14
    assert sum(ALPHABET.index(char) * 32**place for place, char in enumerate(text[::-1])) == value


def test_what_is_made_later_sorts_later():
    uids = [new_uid() for _ in range(2000)]

    assert uids == sorted(set(uids))
    assert all(is_uid(uid) and len(uid) == LENGTH for uid in uids)
