"""JSON of strangers is bounded and cleaned, and the refusal names the thing."""

import pytest

from core.errors import Invalid
from core.jsontext import DEPTH_MOST, TOKENS_MOST, looks_like_json, read_json


def test_text_is_cleaned_in_keys_and_values():
    notes: list[str] = []

    value = read_json(
        b'\xef\xbb\xbf{"a\\u0000": ["\\ud83d", "\\ud83d\\ude00"]}', what="x", notes=notes
    )

    assert value == {"a": ["\ufffd", "\U0001f600"]}
    assert notes == ["Some characters were cut in half and were replaced."]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "thing_damaged"),
        (b"[1e999]", "thing_damaged"),
        (b"[" * (DEPTH_MOST + 2) + b"]" * (DEPTH_MOST + 2), "thing_too_complex"),
        (b"[" + b"0," * TOKENS_MOST + b"0]", "thing_too_complex"),
    ],
)
def test_what_is_broken_or_too_much_is_refused(data, code):
    with pytest.raises(Invalid) as raised:
        read_json(data, what="thing", notes=[])

    assert (raised.value.code, raised.value.param) == (code, "file")


@pytest.mark.parametrize(
    ("data", "looks"), [(b" \n{", True), (b"\xef\xbb\xbf[", True), (b"x{", False), (b"", False)]
)
def test_start_tells_json(data, looks):
    assert looks_like_json(data) is looks
