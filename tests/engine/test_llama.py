"""The embedded engine for real: llama.cpp's server on a model that the tests write themselves."""

import asyncio
import os
import signal

import pytest

from core import http
from core.errors import ProviderError, Terminal
from engine.events import Finished, TextDelta, UsageReport
from engine.providers.llama_cpp import LlamaCpp
from engine.run import Limits, run
from engine.types import ChatMessage, GenerationRequest, Sampling
from memory.tools import offer
from tests.fakes import gguf_story

pytest.importorskip("xllamacpp", reason="the embedded engine has no wheel for this machine")
pytestmark = pytest.mark.llama


def asking(text, **sampling) -> GenerationRequest:
    return GenerationRequest(
        model="story",
        messages=(ChatMessage("user", text),),
        sampling=Sampling(temperature=0, **sampling),
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    return gguf_story.write(tmp_path_factory.mktemp("model") / "story.gguf")


@pytest.fixture
async def llama(story):
    provider = LlamaCpp("story", str(story), options={"context_tokens": 512, "threads": 1})
    yield provider
    await provider.aclose()
    await http.aclose()


async def collect(provider, request) -> tuple[str, list]:
    text, rest = [], []
    async for batch in run(provider, request, limits=Limits(30, 30)):
        for event in batch:
            (text if isinstance(event, TextDelta) else rest).append(event)
    return "".join(event.text for event in text), rest


async def test_streams_the_story_and_counts_its_tokens(llama):
    text, rest = await collect(llama, asking("Tell me.", max_tokens=25))

    usage, finished = rest
    assert text.strip() == gguf_story.STORY
    assert finished == Finished("length")
    assert isinstance(usage, UsageReport)
    assert (usage.completion_tokens, usage.estimated) == (25, False)


async def test_tools_may_be_offered_to_any_model(llama):
    tools = offer("notebook", ()).schemas()

    text, _ = await collect(llama, asking("Tell me.", max_tokens=25, extra={"tools": tools}))

    assert text.strip() == gguf_story.STORY


async def test_ends_by_itself(llama):
    text, rest = await collect(llama, asking("Be short.", max_tokens=50))

    assert text.strip() == gguf_story.SHORT
    assert rest[-1] == Finished("stop")


async def test_stop_sequence_is_not_in_the_text(llama):
    text, rest = await collect(llama, asking("Tell me.", max_tokens=50, stop=("tea",)))

    assert text.strip() == "Rain drums softly against our tin roof while Luna pours"
    assert rest[-1] == Finished("stop")


async def kill_after_five(llama) -> None:
    """Listen to a long reply and kill its process on the way."""
    heard = 0
    async for batch in run(llama, asking("Tell me.", max_tokens=400), limits=Limits(30, 5)):
        heard += len(batch)
        if heard > 5 and llama.pid is not None:
            os.kill(llama.pid, signal.SIGKILL)
            await asyncio.sleep(0.2)


async def test_crash_breaks_the_reply_and_the_next_one_works(llama):
    with pytest.raises(ProviderError):
        await kill_after_five(llama)

    text, _ = await collect(llama, asking("Be short."))

    assert text.strip() == gguf_story.SHORT


async def test_missing_file_is_a_reason_not_a_crash(tmp_path):
    provider = LlamaCpp("story", str(tmp_path / "gone.gguf"))

    with pytest.raises(Terminal) as raised:
        await collect(provider, asking("Hello?"))

    assert raised.value.message == "The model file of story is not there any more."


async def test_child_ends_with_its_provider(llama):
    await collect(llama, asking("Be short."))
    pid = llama.pid

    await llama.aclose()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
