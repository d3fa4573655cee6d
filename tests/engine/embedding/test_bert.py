"""The forward pass, on a small encoder of random weights and against plain sums."""

import math

import numpy as np
import pytest

from engine.embedding.bert import Bert, gelu

WIDTH, HEADS, INNER, WORDS, LONGEST = 8, 2, 16, 20, 12


def weights(seed: int = 1, layers: int = 2) -> dict:
    chance = np.random.default_rng(seed)

    def some(*shape):
        return (chance.standard_normal(shape) * 0.5).astype(np.float32)

    found = {
        "embeddings.word_embeddings.weight": some(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": some(LONGEST, WIDTH),
        "embeddings.token_type_embeddings.weight": some(2, WIDTH),
    }
    shapes = {
        "attention.self.query": (WIDTH, WIDTH),
        "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (INNER, WIDTH),
        "output.dense": (WIDTH, INNER),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
        for part, shape in shapes.items():
            found[f"{name}.{part}.weight"] = some(*shape)
            found[f"{name}.{part}.bias"] = some(shape[0])
    for norm in norms:
        found[f"{norm}.weight"] = some(WIDTH) + 1
        found[f"{norm}.bias"] = some(WIDTH)
    return found


@pytest.fixture(scope="module")
def bert():
    return Bert(weights(), heads=HEADS)


def slow(w: dict, ids: list[int]) -> np.ndarray:
    """The same for one text, token by token, in 64 bits."""

    def linear(x, name):
        return w[f"{name}.weight"].astype(float) @ x + w[f"{name}.bias"]

    def normal(x, name):
        x = x - x.mean()
        return x / math.sqrt(x.var() + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    hidden = [
        normal(
            w["embeddings.word_embeddings.weight"][token].astype(float)
            + w["embeddings.position_embeddings.weight"][place]
            + w["embeddings.token_type_embeddings.weight"][0],
            "embeddings.LayerNorm",
        )
        for place, token in enumerate(ids)
    ]
    size = WIDTH // HEADS
    for layer in range(2):
        name = f"encoder.layer.{layer}"
        q, k, v = (
            [linear(x, f"{name}.attention.self.{part}") for x in hidden]
            for part in ("query", "key", "value")
        )
        after = []
        for place, x in enumerate(hidden):
            mixed = np.zeros(WIDTH)
            for head in range(HEADS):
                part = slice(head * size, (head + 1) * size)
                scores = [math.exp(q[place][part] @ key[part] / math.sqrt(size)) for key in k]
                for score, value in zip(scores, v, strict=True):
                    mixed[part] += score / sum(scores) * value[part]
            x = normal(
                x + linear(mixed, f"{name}.attention.output.dense"),
                f"{name}.attention.output.LayerNorm",
            )
            inner = linear(x, f"{name}.intermediate.dense")
            inner = np.array([y * 0.5 * (1 + math.erf(y / math.sqrt(2))) for y in inner])
            after.append(
                normal(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
            )
        hidden = after
    mean = np.mean(hidden, axis=0)
    return mean / np.linalg.norm(mean)


def test_it_computes_what_the_sums_say(bert):
    ids = [3, 1, 4, 1, 5]

    np.testing.assert_allclose(bert.embed([ids])[0], slow(weights(), ids), atol=2e-5)


def test_company_in_a_batch_changes_nothing(bert):
    short, long = [7, 2], [3, 1, 4, 1, 5, 9, 2, 6]

    together = bert.embed([short, long])

    np.testing.assert_allclose(together[0], bert.embed([short])[0], atol=1e-5)
    np.testing.assert_allclose(together[1], bert.embed([long])[0], atol=1e-5)


def test_vectors_have_length_one(bert):
    found = bert.embed([[1], [2, 3], [4, 5, 6]])

    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found.shape, found.dtype, bert.dimensions) == ((3, WIDTH), np.float32, WIDTH)


def test_the_order_of_words_matters(bert):
    there, back = bert.embed([[1, 2, 3], [3, 2, 1]])

    assert there @ back < 0.999


def test_gelu_is_the_exact_one_to_six_decimals():
    at = np.linspace(-6, 6, 241, dtype=np.float32)
    exact = [x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in at.tolist()]

    np.testing.assert_allclose(gelu(at), exact, atol=1e-6)
