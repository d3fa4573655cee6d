"""What work costs. Pure integer arithmetic: no rounding, no floats."""


def price(
    prompt_tokens: int,
    completion_tokens: int,
    *,
    input_multiplier_micro: int,
    output_multiplier_micro: int,
) -> int:
    """Micro-credits for this many tokens. A multiplier of 1_000_000 is one credit a token."""
    return prompt_tokens * input_multiplier_micro + completion_tokens * output_multiplier_micro
