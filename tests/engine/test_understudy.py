"""The stand-in: honest, predictable, and troublesome on request."""

import pytest

from core.errors import Retryable
from engine.events import Finished, TextDelta, UsageReport
from engine.providers.understudy import Understudy
from engine.types import ChatMessage, GenerationRequest, Sampling


async def told(text, **sampling) -> tuple[str, list]:
    request = GenerationRequest(
        model="understudy", messages=(ChatMessage("user", text),), sampling=Sampling(**sampling)
    )
    events = [e async for batch in Understudy(delay_seconds=0).stream(request) for e in batch]
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    return said, [event for event in events if not isinstance(event, TextDelta)]


async def test_says_what_it_is_and_answers_alike():
    said, (usage, finished) = await told("Hello there")

    assert "not an AI model" in said
    assert 'You said: "Hello there"' in said
    assert (await told("Hello there"))[0] == said
    assert isinstance(usage, UsageReport)
    assert usage.completion_tokens > 5
    assert finished == Finished("stop")


async def test_obeys_limit_and_stop():
    said, rest = await told("Hello there", max_tokens=3)
    cut, _ = await told("Hello there", stop=("You said",))

    assert len(said.split()) == 3
    assert rest == [UsageReport(2, 3), Finished("length")]
    assert "You said" not in cut


@pytest.mark.parametrize(("word", "retry_after"), [("FAIL500", None), ("FAIL429", 3)])
async def test_fails_when_told_to(word, retry_after):
    with pytest.raises(Retryable) as raised:
        await told(f"please {word}")

    assert raised.value.retry_after == retry_after
