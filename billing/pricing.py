"""What work costs. Pure integer arithmetic: no rounding, no floats."""

from typing import Final

# As Stripe counts them.
_WHOLE: Final = {
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
    "xaf", "xof", "xpf",
}  # fmt: skip
_THOUSANDTHS: Final = {"bhd", "jod", "kwd", "omr", "tnd"}


def price(
    prompt_tokens: int,
    completion_tokens: int,
    *,
    input_multiplier_micro: int,
    output_multiplier_micro: int,
) -> int:
    """Micro-credits for this many tokens. A multiplier of 1_000_000 is one credit a token."""
    return prompt_tokens * input_multiplier_micro + completion_tokens * output_multiplier_micro


def money(cents: int, currency: str) -> str:
    """A sum of the smallest unit of a currency as people write it: `5.00 USD`, `500 JPY`."""
    digits = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    whole, rest = divmod(cents, 10**digits)
    return f"{whole:,}{f'.{rest:0{digits}d}' if digits else ''} {currency.upper()}"
