"""One call of a model on behalf of a job: reserve, ask, and settle together with the results."""

from collections.abc import Callable
from typing import Final, NamedTuple

from django.conf import settings

from accounts.suspension import find_suspension
from billing import ledger
from billing.ledger import Metered
from core import loop
from core.ids import new_uid
from core.text import clean
from engine.assemble import MESSAGE_OVERHEAD_TOKENS
from engine.events import TextDelta, UsageReport
from engine.run import Limits, run
from engine.tokens import completed, default_counter
from engine.types import ChatMessage, GenerationRequest, Sampling
from jobs.work import Stopping, Work
from llm import registry
from llm.models import Provider
from llm.registry import ModelSpec

SURFACE: Final = "job"
_HOLD_SECONDS: Final = 900
_MARGIN: Final = 1.25
"""Tokenizers of upstreams may count more than ours."""
_TEMPERATURE: Final = 0.2
_CHARS_MOST: Final = 40_000


class Order(NamedTuple):
    """What a model is asked, and for whom: the character and the most tokens of the answer."""

    spec: ModelSpec
    messages: tuple[ChatMessage, ...]
    reply_tokens: int
    character: str


class _Reply(NamedTuple):
    text: str
    usage: UsageReport


def is_scripted(spec: ModelSpec) -> bool:
    """Whether this is the understudy, who cannot read: rules of our own do the work."""
    return spec.provider.kind == Provider.Kind.UNDERSTUDY


def ask(
    work: Work, order: Order, write: Callable[[str], None], *, total: int | None = None
) -> None:
    """Ask a model and hand its answer to `write`, in the transaction that charges for it.

    That transaction is also a step of the job, out of `total`. Raises InsufficientCredits before
    anything was asked, ProviderError, Lost, Stopping; then nothing is written and nothing costs.
    """
    if work.user_id is None:
        raise ValueError("a job that asks a model has somebody who pays")
    if find_suspension(work.user_id, "") is not None:
        raise Stopping
    key = f"job:{work.uid}:{new_uid()}"
    spec = order.spec
    prompt = _size(order.messages)
    worst = Metered(
        model=spec.slug,
        prompt_tokens=int(prompt * _MARGIN),
        completion_tokens=order.reply_tokens,
        cached_tokens=0,
        estimated=True,
        input_multiplier_micro=spec.input_multiplier_micro,
        output_multiplier_micro=spec.output_multiplier_micro,
        surface=SURFACE,
        character=order.character,
    )
    ledger.reserve(
        user_id=work.user_id, key=key, amount_micro=worst.price_micro, seconds=_HOLD_SECONDS
    )
    try:
        reply = loop.wait(_gather(order, prompt), tick=work.keep)
        with work.writing(total=total):
            ledger.settle(key=key, user_id=work.user_id, usage=_used(worst, reply.usage))
            write(reply.text)
    except BaseException:
        ledger.void(key=key)
        raise


def _size(messages: tuple[ChatMessage, ...]) -> int:
    count = default_counter().count
    return sum(count(message.content) + MESSAGE_OVERHEAD_TOKENS for message in messages)


def _used(worst: Metered, usage: UsageReport) -> Metered:
    return Metered(
        model=worst.model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        estimated=usage.estimated,
        input_multiplier_micro=worst.input_multiplier_micro,
        output_multiplier_micro=worst.output_multiplier_micro,
        surface=SURFACE,
        character=worst.character,
    )


async def _gather(order: Order, prompt_tokens: int) -> _Reply:
    """The whole answer and what it used, by our own count if the upstream does not say."""
    spec = order.spec
    request = GenerationRequest(
        model=spec.upstream_name,
        messages=order.messages,
        sampling=Sampling(temperature=_TEMPERATURE, max_tokens=order.reply_tokens),
        template=spec.template,
        reply_name="Record" if spec.template else None,
    )
    limits = Limits(
        first_token_seconds=settings.FIRST_TOKEN_SECONDS, idle_seconds=settings.IDLE_TOKEN_SECONDS
    )
    pieces: list[str] = []
    size = 0
    usage: UsageReport | None = None
    async for batch in run(registry.provider_for(spec), request, limits=limits):
        for event in batch:
            if type(event) is TextDelta and size < _CHARS_MOST:
                pieces.append(event.text)
                size += len(event.text)
            elif type(event) is UsageReport:
                usage = event
    text = clean("".join(pieces))
    count = default_counter().count
    return _Reply(text, completed(usage, lambda: prompt_tokens, lambda: count(text)))
