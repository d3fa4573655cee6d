"""How good one answer of a retriever is, and the mean of many with its interval."""

import math
import random
import statistics
from collections.abc import Sequence

from bench.recall.data import Question
from bench.recall.systems import Found
from bench.recall.words import terms

BLOCK_TOKENS = 1024
CHARS_PER_TOKEN = 4
ROUNDS = 1000
NAMES = ("R@1", "R@5", "R@10", "R@50", "nDCG@10", "All@10", "B1024", "ans1024")


def distinct(found: Sequence[Found]) -> list[str]:
    """Turn ids in rank order, each once."""
    return list(dict.fromkeys(uid for each in found for uid in each.ids))


def packed(found: Sequence[Found], tokens: int = BLOCK_TOKENS) -> list[Found]:
    """What goes into a block: in rank order, passing over what no longer fits."""
    left = tokens * CHARS_PER_TOKEN
    inside = []
    for each in found:
        if len(each.text) <= left:
            inside.append(each)
            left -= len(each.text)
    return inside


def recall(ranked: Sequence[str], evidence: Sequence[str], k: int) -> float:
    return len(set(ranked[:k]) & set(evidence)) / len(set(evidence))


def ndcg(ranked: Sequence[str], evidence: Sequence[str], k: int) -> float:
    gain = sum(1 / math.log2(2 + i) for i, uid in enumerate(ranked[:k]) if uid in evidence)
    return gain / sum(1 / math.log2(2 + i) for i in range(min(k, len(set(evidence)))))


def answered(block: Sequence[Found], answer: str) -> float:
    """Share of the answer's words that stand in the block; 1 if it has no word that counts."""
    wanted = set(terms(answer))
    given = {term for each in block for term in terms(each.text)}
    return len(wanted & given) / len(wanted) if wanted else 1.0


def measure(found: Sequence[Found], question: Question) -> dict[str, float]:
    """Every figure for one question, from 0 to 1."""
    ranked, evidence = distinct(found), question.evidence
    block = packed(found)
    figures = {f"R@{k}": recall(ranked, evidence, k) for k in (1, 5, 10, 50)}
    return figures | {
        "nDCG@10": ndcg(ranked, evidence, 10),
        "All@10": float(figures["R@10"] == 1),
        "B1024": recall(distinct(block), evidence, len(ranked)),
        "ans1024": answered(block, question.answer),
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of the mean by bootstrap over the questions; the same at every call."""
    rng = random.Random(1)
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(ROUNDS))
    return means[int(ROUNDS * 0.025)], means[int(ROUNDS * 0.975) - 1]
