"""Sums of money as people write them."""

import pytest

from billing.pricing import money


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (500, "usd", "5.00 USD"),
        (5, "eur", "0.05 EUR"),
        (123_456_789, "usd", "1,234,567.89 USD"),
        (500, "jpy", "500 JPY"),
        (1500, "kwd", "1.500 KWD"),
    ],
)
def test_money_has_the_digits_of_its_currency(cents, currency, text):
    assert money(cents, currency) == text
