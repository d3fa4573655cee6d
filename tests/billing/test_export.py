"""Cells that a spreadsheet would run are made harmless, and nothing else is touched."""

import pytest

from billing.export import harmless


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n"])
def test_formulas_become_text(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Starting grant", "a=b", "5 - 3", "turn:1", "'quoted'"])
def test_words_stay_as_they_are(text):
    assert harmless(text) == text
