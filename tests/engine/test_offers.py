"""Lists of models in the words of several providers, and lists that are none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.providers.base import UpstreamModel
from engine.providers.offers import MODELS_MOST, offers_of

ROUTED = {
    "id": "vendor/big",
    "name": "Vendor: Big",
    "context_length": 131_072,
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
    "pricing": {"prompt": "0.00000025", "completion": "0.000001", "request": "0"},
    "supported_parameters": ["tools", "temperature", "structured_outputs"],
}
TALKS = {"answers": True, "embeddings": False, "images": False, "speech": False, "video": False}


def one(row) -> UpstreamModel:
    (found,) = offers_of({"data": [row]})
    return found


def test_a_routers_list_says_all_of_it():
    assert one(ROUTED) == UpstreamModel(
        name="vendor/big",
        context_tokens=131_072,
        title="Vendor: Big",
        prices=(Decimal("0.00000025"), Decimal("0.000001")),
        able={**TALKS, "vision": True, "tools": True, "json_schema": True},
    )


@pytest.mark.parametrize(
    ("row", "able"),
    [
        ({}, {}),
        ({"supported_parameters": ["temperature"]}, {"tools": False, "json_schema": False}),
        (
            {"architecture": {"input_modalities": ["text"], "output_modalities": ["image"]}},
            {**TALKS, "answers": False, "images": True, "vision": False},
        ),
        (
            {"architecture": {"output_modalities": ["embeddings"]}},
            {**TALKS, "answers": False, "embeddings": True},
        ),
        ({"type": "chat"}, {**TALKS, "completion": False}),
        ({"type": "language"}, {**TALKS, "completion": True}),
        ({"type": "video"}, {**TALKS, "answers": False, "video": True, "completion": False}),
        (
            {"capabilities": {"completion_chat": True, "function_calling": True, "vision": False}},
            {"answers": True, "tools": True, "vision": False},
        ),
        ({"supports_chat": True, "supports_tools": False}, {"answers": True, "tools": False}),
        ({"abilities": ["tools", "vision", "image"]}, {"tools": True, "vision": True}),
    ],
)
def test_abilities_in_other_words(row, able):
    assert one({"id": "m", **row}).able == able


@pytest.mark.parametrize(
    ("row", "tokens"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_window": 8192}, 8192),
        ({"max_context_length": 32_768}, 32_768),
        ({"context_length": 10**12}, 100_000_000),
        ({"context_length": True, "context_window": 7}, 7),
        ({"context_length": -1}, None),
        ({"context_length": "8192"}, None),
    ],
)
def test_windows_in_other_words(row, tokens):
    assert one({"id": "m", **row}).context_tokens == tokens


@pytest.mark.parametrize(
    "pricing",
    [
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "0.1"},
        {"prompt": "0.1", "completion": "free"},
        {"prompt": "NaN", "completion": "0"},
        {"prompt": "Infinity", "completion": "0"},
        {"prompt": "1e-999999999", "completion": "0"},
        {"prompt": "2", "completion": "0"},
        {"prompt": True, "completion": 0},
        {"input": 0.2, "output": 0.4},
        "0.1",
    ],
)
def test_what_is_no_price_is_unsaid(pricing):
    assert one({"id": "m", "pricing": pricing}).prices is None


def test_numbers_are_prices_too():
    listed = one({"id": "m", "pricing": {"prompt": 1e-07, "completion": 0}})

    assert listed.prices == (Decimal("1e-7"), Decimal(0))


def test_a_bare_list_is_one_too_and_odd_names_are_left_out():
    rows = [{"id": "a"}, {"id": "b\nc"}, {"id": ""}, {"id": 7}, {"id": "x" * 151}, {}]

    assert offers_of(rows) == [UpstreamModel("a")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["name", "context_length", "architecture", "pricing", "supported_parameters", "type",
     "capabilities", "abilities", "meta", "supports_tools"]
)  # fmt: skip


@given(st.dictionaries(FIELDS, JSON), st.dictionaries(st.text(), JSON))
def test_whatever_a_list_holds_a_named_model_comes_out(row, inner):
    found = one({**row, "id": "m", "architecture": inner or row.get("architecture")})

    assert found.name == "m"
    assert all(type(is_so) is bool for is_so in found.able.values())


def test_a_list_has_an_end():
    rows = [{"id": str(number)} for number in range(MODELS_MOST)]

    assert len(offers_of(rows)) == MODELS_MOST
    with pytest.raises(TypeError):
        offers_of([*rows, {"id": "one more"}])
