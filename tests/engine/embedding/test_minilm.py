"""The embedded model, with its real weights where they are installed."""

import threading

import numpy as np
import pytest

from core.errors import Terminal
from engine.embedding import minilm
from engine.embedding.minilm import MiniLM

needs_weights = pytest.mark.skipif(
    bool(minilm.missing_packages()), reason="needs the packages of `make semantic`"
)
SENTENCES = [
    "The cat sits outside",
    "A feline is resting in the garden",
    "The stock market fell sharply today",
]


@pytest.fixture(scope="module")
def _model():
    return MiniLM()


@pytest.fixture
def model(_model):
    return _model


@needs_weights
async def test_likenesses_are_those_of_the_original_to_three_digits(model):
    found = (await model.embed(SENTENCES)).vectors

    likeness = [float(found[a] @ found[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(likeness, [0.5659, 0.1760, 0.0929], atol=5e-4)


@needs_weights
async def test_a_text_has_one_vector_whatever_its_company(model):
    alone = (await model.embed(SENTENCES[:1])).vectors[0]
    among = (await model.embed([*SENTENCES * 9, "x " * 400])).vectors

    assert (among.shape, among.dtype) == ((28, minilm.DIMENSIONS), np.float32)
    np.testing.assert_allclose(among[0], alone, atol=1e-5)
    np.testing.assert_allclose(among[24], alone, atol=1e-5)


@needs_weights
async def test_what_is_beyond_its_window_is_cut_off(model):
    long = "lantern " * 300

    found = await model.embed([long, long + "and then a storm came", ""])

    np.testing.assert_allclose(found.vectors[0], found.vectors[1], atol=1e-6)
    assert found.tokens == 2 * minilm.TOKENS_MOST + 2


@needs_weights
async def test_the_work_is_done_in_a_thread_of_its_own():
    model = MiniLM()
    before = set(threading.enumerate())

    await model.embed(["x"])

    new = [thread.name for thread in threading.enumerate() if thread not in before]
    assert new == ["embed_0"]
    await model.aclose()


async def test_a_folder_without_a_model_is_said_in_a_sentence(tmp_path):
    with pytest.raises(Terminal) as caught:
        await MiniLM(tmp_path).embed(["x"])

    assert caught.value.message.startswith("The embedded embedding model cannot be loaded")


async def test_nothing_to_embed_loads_nothing(tmp_path):
    found = await MiniLM(tmp_path).embed([])

    assert (found.vectors.shape, found.tokens) == ((0, minilm.DIMENSIONS), 0)
