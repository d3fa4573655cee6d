"""Asks every question of every system and prints tables."""

import statistics
from collections.abc import Callable, Sequence

import msgspec

from bench.recall.data import KINDS, Conversation, Question
from bench.recall.metrics import NAMES, interval, measure
from bench.recall.systems import System

WITH_INTERVAL = ("R@10", "B1024")


class Scored(msgspec.Struct, frozen=True):
    question: Question
    figures: dict[str, float]


def asked(make: Callable[[], System], conversations: Sequence[Conversation]) -> list[Scored]:
    """Every question, each put to a store that holds its own conversation only."""
    scored = []
    for conversation in conversations:
        system = make()
        system.extend(conversation.turns)
        scored += [Scored(q, measure(system.search(q.text), q)) for q in conversation.questions]
    return scored


def row(name: str, scored: Sequence[Scored]) -> list[str]:
    cells = [name]
    for figure in NAMES:
        values = [each.figures[figure] for each in scored]
        cell = f"{100 * statistics.fmean(values):.1f}"
        if figure in WITH_INTERVAL:
            low, high = interval(values)
            cell += f" ({100 * low:.0f}–{100 * high:.0f})"
        cells.append(cell)
    return cells


def kinds_row(name: str, scored: Sequence[Scored], figure: str) -> list[str]:
    cells = [name]
    for kind in KINDS:
        values = [each.figures[figure] for each in scored if each.question.kind == kind]
        cells.append(f"{100 * statistics.fmean(values):.1f}" if values else "-")
    return cells


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])


def tables(title: str, results: dict[str, list[Scored]]) -> str:
    """All figures, then two of them by kind of question."""
    count = len(next(iter(results.values())))
    parts = [f"### {title}: {count} questions"]
    parts.append(table(("system", *NAMES), [row(name, found) for name, found in results.items()]))
    for figure in WITH_INTERVAL:
        rows = [kinds_row(name, found, figure) for name, found in results.items()]
        parts.append(table((f"{figure} by kind", *KINDS), rows))
    return "\n\n".join(parts)
