"""Prices are exact: what is typed, what is listed, and what a reply comes to."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.models import AMOUNT_MOST, BALANCE_MOST
from billing.pricing import price
from core.errors import Invalid
from llm.models import CONTEXT_MOST
from llm.prices import MULTIPLIER_MOST, UNIT, fraction, from_dollars, micro_of

MICRO = st.integers(0, MULTIPLIER_MOST)
TOKENS = st.integers(0, 2**40)
DOLLARS = st.decimals(0, 1, allow_nan=False, allow_infinity=False, places=None)


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("0", 0),
        ("1", UNIT),
        ("0.25", 250_000),
        (" 2.5 ", 2_500_000),
        ("0.000001", 1),
        ("0.1", 100_000),
        ("1.10000000", 1_100_000),
        ("10000", MULTIPLIER_MOST),
    ],
)
def test_a_typed_price_is_taken_exactly(text, micro):
    assert micro_of(text) == micro


@pytest.mark.parametrize(
    "text",
    [
        "", ".5", "5.", "-1", "+1", "1e3", "1e-999999999", "NaN", "Infinity", "0,25", "1_0", "½",
        "٣", "0.0000001", "1.2345678", "10000.000001", "9" * 400, "0." + "0" * 400 + "1", "1 2",
    ],
)  # fmt: skip
def test_another_price_is_refused(text):
    with pytest.raises(Invalid):
        micro_of(text)


@given(MICRO)
@example(MULTIPLIER_MOST - 1)
def test_what_is_shown_reads_back_as_the_same(micro):
    text = fraction(micro)

    assert micro_of(text) == micro
    assert Fraction(text) == Fraction(micro, UNIT)
    assert "." not in text or not text.endswith(("0", "."))


@given(DOLLARS, st.integers(1, 10**9))
@example(Decimal("0.0000000000015"), 1_000_000)
@example(Decimal("1e-40"), 1)
def test_listed_prices_round_up_by_less_than_a_millionth(dollars, rate):
    exact = Fraction(dollars) * rate * UNIT

    micro = from_dollars(dollars, rate)

    if exact >= MULTIPLIER_MOST:
        assert micro == MULTIPLIER_MOST
    else:
        assert 0 <= micro - exact < 1


def test_a_dollar_for_a_million_tokens_is_one_credit_a_token():
    assert from_dollars(Decimal("0.000001"), 1_000_000) == UNIT


@given(TOKENS, TOKENS, MICRO, MICRO)
def test_a_price_is_the_exact_sum(prompt, reply, into, out):
    cost = price(prompt, reply, input_multiplier_micro=into, output_multiplier_micro=out)

    assert type(cost) is int
    assert Fraction(cost, UNIT) == prompt * Fraction(fraction(into)) + reply * Fraction(
        fraction(out)
    )


@given(TOKENS, TOKENS, TOKENS, MICRO, MICRO)
def test_the_parts_of_a_reply_cost_what_the_whole_does(prompt, first, second, into, out):
    prices = {"input_multiplier_micro": into, "output_multiplier_micro": out}

    parts = price(prompt, first, **prices) + price(0, second, **prices)

    assert parts == price(prompt, first + second, **prices)


def test_the_dearest_reply_of_the_largest_window_fits_the_ledger():
    dearest = price(
        CONTEXT_MOST,
        CONTEXT_MOST // 2,
        input_multiplier_micro=MULTIPLIER_MOST,
        output_multiplier_micro=MULTIPLIER_MOST,
    )

    assert AMOUNT_MOST < dearest < BALANCE_MOST < 2**63
