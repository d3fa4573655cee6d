"""Multipliers: credits per token as whole millionths. Exact arithmetic, never a float.

What a person types is taken exactly or refused. What a provider lists in dollars becomes the
next whole millionth above it: rounding costs the house nothing, and nobody a millionth or more.
"""

import re
from decimal import Decimal
from typing import Final

from core.errors import Invalid

UNIT: Final = 1_000_000
DIGITS: Final = 6
MULTIPLIER_MOST: Final = 10_000 * UNIT
"""Ten thousand credits a token: with the largest window a reply's price still fits 64 bits."""
CREDITS_PER_DOLLAR: Final = 1_000_000
"""A dollar for a million tokens is one credit a token, unless an operator says otherwise."""
_NUMBER: Final = re.compile(r"(?P<whole>[0-9]{1,9})(?:\.(?P<rest>[0-9]{1,40}))?")


def micro_of(text: str) -> int:
    """`0.25` credits per token as 250,000. Raises Invalid for what is no such number."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise Invalid("A price is a number such as 0.25.", param="multiplier")
    rest = (found["rest"] or "").rstrip("0")
    if len(rest) > DIGITS:
        raise Invalid(f"A price has at most {DIGITS} decimals.", param="multiplier")
    micro = int(found["whole"]) * UNIT + int(rest.ljust(DIGITS, "0"))
    if micro > MULTIPLIER_MOST:
        most = MULTIPLIER_MOST // UNIT
        raise Invalid(f"{most:,} credits per token is the most.", param="multiplier")
    return micro


def from_dollars(price: Decimal, credits_per_dollar: int) -> int:
    """The multiplier for a price in dollars per token, rounded up to a whole millionth."""
    top, bottom = price.as_integer_ratio()
    return min(-(-top * credits_per_dollar * UNIT // bottom), MULTIPLIER_MOST)


def fraction(micro: int) -> str:
    """250,000 as `0.25`: all of its digits and no more."""
    whole, rest = divmod(micro, UNIT)
    return f"{whole}.{rest:0{DIGITS}d}".rstrip("0") if rest else str(whole)
