"""Embeddings over a real socket, with what servers get wrong."""

import json

import httpx
import numpy as np
import pytest

from core import http
from core.errors import Retryable, Terminal, UpstreamTimeout
from engine.embedding import openai_like
from engine.embedding.openai_like import OpenAILikeEmbedder
from tests.fakes.upstream import running


@pytest.fixture
async def upstream():
    async with running() as fake:
        fake.type = "application/json"
        fake.headers = {"Connection": "close"}
        yield fake
        await http.aclose()


def answer(*vectors, usage=5, indexes=None) -> tuple[bytes]:
    rows = [
        {"object": "embedding", "index": index, "embedding": list(vector)}
        for index, vector in zip(indexes or range(len(vectors)), vectors, strict=True)
    ]
    body = {"object": "list", "data": rows, "model": "m"}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage, "total_tokens": usage}
    return (json.dumps(body).encode(),)


def embedder(upstream, **options) -> OpenAILikeEmbedder:
    return OpenAILikeEmbedder("fake/m", upstream.base, "m", **options)


async def test_a_request_is_what_openai_takes(upstream):
    upstream.script = answer([3, 4])

    await embedder(upstream, api_key="k-1").embed(["tea"])

    assert upstream.paths == ["/v1/embeddings"]
    assert upstream.requests == [{"model": "m", "input": ["tea"], "encoding_format": "float"}]
    assert upstream.request_headers[0]["authorization"] == "bearer k-1"


async def test_vectors_have_length_one_and_the_order_of_the_texts(upstream):
    upstream.script = answer([0, 5], [3, 4], indexes=[1, 0])

    found = await embedder(upstream).embed(["a", "b"])

    np.testing.assert_allclose(found.vectors, [[0.6, 0.8], [0, 1]], atol=1e-6)
    assert (found.vectors.dtype, found.tokens, found.estimated) == (np.float32, 5, False)


async def test_no_texts_cost_no_request(upstream):
    found = await embedder(upstream).embed([])

    assert (len(found.vectors), found.tokens, upstream.requests) == (0, 0, [])


async def test_an_empty_text_is_sent_as_a_blank(upstream):
    upstream.script = answer([1, 0])

    await embedder(upstream).embed([""])

    assert upstream.requests[0]["input"] == [" "]


async def test_without_usage_our_own_count_stands_in(upstream):
    upstream.script = answer([1, 0], usage=None)

    found = await embedder(upstream).embed(["one two three"])

    assert (found.tokens, found.estimated) == (3, True)


async def test_many_texts_go_in_several_requests(upstream, monkeypatch):
    monkeypatch.setattr(openai_like, "TEXTS_MOST", 2)
    upstream.script = answer([1, 0], [0, 1])

    found = await embedder(upstream).embed(["a", "b", "c", "d"])

    assert [request["input"] for request in upstream.requests] == [["a", "b"], ["c", "d"]]
    assert (found.vectors.shape, found.tokens) == ((4, 2), 10)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_is_refused_is_halved_down_to_one_text(upstream, status):
    upstream.status = status
    upstream.script = (b'{"error": {"message": "too many"}}',)

    with pytest.raises(Terminal) as caught:
        await embedder(upstream).embed(["a", "b", "c", "d"])

    sizes = [len(request["input"]) for request in upstream.requests]
    assert (sizes, "too many" in caught.value.message) == ([4, 2, 1], True)


class Small(OpenAILikeEmbedder):
    """A server that takes one text at a time."""

    async def _ask(self, texts):
        if len(texts) > 1:
            return httpx.Response(413)
        return httpx.Response(200, content=answer([1, len(texts[0])], usage=1)[0])


async def test_the_halves_come_together_in_order():
    found = await Small("fake/m", "http://host", "m").embed(["a", "bb", "ccc"])

    longest_last = found.vectors[:, 1] / found.vectors[:, 0]
    assert (found.tokens, longest_last.round(4).tolist()) == (3, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("status", "error"), [(401, Terminal), (404, Terminal), (429, Retryable), (503, Retryable)]
)
async def test_refusals_say_whether_to_try_again(upstream, status, error):
    upstream.status = status
    upstream.script = (b"{}",)

    with pytest.raises(error):
        await embedder(upstream).embed(["a"])

    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        (b"<html>",),
        (b"{}",),
        (b'{"data": [{"embedding": "AAAA"}]}',),
        answer([1, 0], [0, 1]),
        answer(),
        answer([]),
        answer([0, 0]),
        (b'{"data": [{"embedding": [1e999, 1]}]}',),
    ],
)
async def test_an_answer_of_the_wrong_form_is_terminal(upstream, script):
    upstream.script = script

    with pytest.raises(Terminal):
        await embedder(upstream).embed(["a"])


async def test_vectors_of_another_length_than_before_are_refused(upstream):
    upstream.script = answer([1, 0, 0])

    with pytest.raises(Terminal) as caught:
        await embedder(upstream, dimensions=2).embed(["a"])

    assert caught.value.message == "fake/m gave vectors of 3 numbers where 2 were expected."


async def test_vectors_of_unlike_length_in_one_answer_are_refused(upstream):
    upstream.script = answer([1, 0, 0], [1, 0])

    with pytest.raises(Terminal):
        await embedder(upstream).embed(["a", "b"])


async def test_silence_becomes_a_time_out(upstream, monkeypatch):
    monkeypatch.setattr(openai_like, "SECONDS", 0.05)
    upstream.holds, upstream.script = True, ()

    with pytest.raises(UpstreamTimeout):
        await embedder(upstream).embed(["a"])


async def test_a_broken_connection_may_be_tried_again(upstream):
    upstream.cuts, upstream.script = True, (b'{"data"',)

    with pytest.raises(Retryable):
        await embedder(upstream).embed(["a"])


async def test_nobody_there_may_be_tried_again():
    with pytest.raises(Retryable):
        await OpenAILikeEmbedder("fake/m", "http://127.0.0.1:9", "m").embed(["a"])
    await http.aclose()
