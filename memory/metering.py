"""What embeddings of a provider's model cost, booked like a reply: held, then settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billing import ledger
from billing.ledger import Metered
from billing.pricing import price
from core.ids import new_uid
from engine.embedding.base import Embedded
from engine.tokens import default_counter
from llm.registry import ModelSpec

HOLD_SECONDS: Final = 120
# For tokenizers that count more than ours.
_MARGIN_PERCENT: Final = 50
_TOKENS_BESIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside for one request to an embedding model."""

    key: str
    user_id: int
    spec: ModelSpec


def reserve(user_id: int, spec: ModelSpec | None, texts: Sequence[str]) -> Hold | None:
    """Set credits aside for these texts. Raises InsufficientCredits; then nothing has changed.

    None for the embedded model, which costs nothing and is not counted. A hold whose work died
    is released by the sweeper.
    """
    if spec is None:
        return None
    counter = default_counter()
    tokens = sum(counter.count(text) + _TOKENS_BESIDE for text in texts)
    tokens += tokens * _MARGIN_PERCENT // 100
    hold = Hold(f"embed:{new_uid()}", user_id, spec)
    amount = price(
        tokens, 0, input_multiplier_micro=spec.input_multiplier_micro, output_multiplier_micro=0
    )
    ledger.reserve(user_id=user_id, key=hold.key, amount_micro=amount, seconds=HOLD_SECONDS)
    return hold


def settle(hold: Hold | None, result: Embedded, *, surface: str = "job") -> int:
    """Charge what was used; in the transaction that stores what was made. Twice is once."""
    if hold is None:
        return 0
    return ledger.settle(
        key=hold.key,
        user_id=hold.user_id,
        usage=Metered(
            model=hold.spec.slug,
            prompt_tokens=result.tokens,
            completion_tokens=0,
            cached_tokens=0,
            estimated=result.estimated,
            input_multiplier_micro=hold.spec.input_multiplier_micro,
            output_multiplier_micro=0,
            surface=surface,
        ),
    )


def void(hold: Hold | None) -> None:
    """Release a hold that came to nothing."""
    if hold is not None:
        ledger.void(key=hold.key)
