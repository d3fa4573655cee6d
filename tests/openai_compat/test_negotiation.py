"""Whether a reply streams when the request does not say."""

import pytest

from openai_compat.negotiation import wants_stream


@pytest.mark.parametrize("headers", [{}, {"X-Stainless-Lang": "python"}, {"User-Agent": "curl/8"}])
@pytest.mark.parametrize("explicit", [True, False])
def test_explicit_stream_always_wins(headers, explicit):
    assert wants_stream(explicit, headers) is explicit


@pytest.mark.parametrize(
    ("headers", "streams"),
    [
        ({"User-Agent": "curl/8.5.0", "Accept": "*/*"}, True),
        ({}, True),
        ({"Accept": "text/event-stream"}, True),
        ({"User-Agent": "Mozilla/5.0", "Accept": "application/json, text/plain, */*"}, True),
        ({"User-Agent": "OpenAI/Python 3.52.0", "Accept": "application/json"}, False),
        ({"X-Stainless-Lang": "js", "Accept": "*/*"}, False),
        ({"x-stainless-retry-count": "0"}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "application/json; charset=utf-8"}, False),
        ({"User-Agent": "ai-sdk/openai-compatible/3.0.92"}, False),
        ({"User-Agent": "python-httpx/0.28.1", "Accept": "*/*"}, False),
    ],
)
def test_absent_stream_depends_on_who_calls(headers, streams):
    assert wants_stream(None, headers) is streams
