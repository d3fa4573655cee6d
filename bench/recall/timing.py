"""Time per recall and per ingested message as a store grows, and as ratios against BM25."""

import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.recall.data import Conversation, Said
from bench.recall.report import table
from bench.recall.systems import System

SIZES = (1_000, 10_000, 100_000)
ASKED = 40
SINGLY = 100
WARM = 2_000
START = datetime(2020, 1, 1, tzinfo=UTC)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def synthetic(conversations: Sequence[Conversation], count: int) -> list[Said]:
    """Messages of one to four sentences, drawn from all that was written; the same every time.

    One word in fifty is a new one, as names and places keep coming in long chats.
    """
    rng = random.Random(count)
    turns = [turn for each in conversations for turn in each.turns]
    sentences = [s for turn in turns for s in _SENTENCE_END.split(turn.text)]
    speakers = ("user", "assistant")
    made = []
    for number in range(count):
        words = " ".join(rng.choices(sentences, k=rng.randint(1, 4))).split()
        fresh = [f"{w}{rng.randrange(count)}" if rng.random() < 0.02 else w for w in words]
        when = START + timedelta(minutes=7 * number)
        made.append(
            Said("synthetic", f"m{number}", str(number // 40), when.isoformat(),
                 speakers[number % 2], " ".join(fresh))
        )  # fmt: skip
    return made


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def one_size(system: System, turns: Sequence[Said], questions: Sequence[str]) -> list[float]:
    """Milliseconds: a message in bulk, a message alone, median and 95th percentile of recall."""
    bulk = timed(partial(system.extend, turns[:-SINGLY])) / (len(turns) - SINGLY)
    system.search(questions[0])
    alone = statistics.median(timed(partial(system.extend, [turn])) for turn in turns[-SINGLY:])
    system.search(questions[0])
    recalls = [timed(partial(system.search, question)) for question in questions]
    return [bulk, alone, statistics.median(recalls), statistics.quantiles(recalls, n=20)[-1]]


def times(
    systems: dict[str, Callable[[], System]],
    conversations: Sequence[Conversation],
    sizes: Sequence[int] = SIZES,
) -> str:
    """A table with every system at every size; ratios are against BM25 at the same size."""
    rng = random.Random(2)
    everything = [q.text for each in conversations for q in each.questions]
    questions = rng.sample(everything, min(ASKED, len(everything)))
    rows: list[list[str]] = []
    earlier: dict[str, list[float]] = {}
    for make in systems.values():  # word caches are warm in a server
        make().extend(synthetic(conversations, WARM))
    for size in sizes:
        turns = synthetic(conversations, size)
        found = {name: one_size(make(), turns, questions) for name, make in systems.items()}
        for name, figures in found.items():
            peer = found.get("bm25", figures)
            ratios = [f"{figures[i] / peer[i]:.1f}" for i in (0, 2)]
            grown = f"{figures[2] / earlier[name][2]:.1f}" if name in earlier else "-"
            rows.append([f"{size:,}", name, *(f"{ms:.3f}" for ms in figures), *ratios, grown])
        earlier = found
    heads = (
        "messages", "system", "ingest ms", "ingest alone ms", "recall p50 ms", "recall p95 ms",
        "ingest / bm25", "recall / bm25", "recall growth",
    )  # fmt: skip
    return table(heads, rows)
