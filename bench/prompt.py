"""`python -m bench.prompt`: assembling prompts of long chats, within a small and a large window.

The first figure of each pair counts every token anew, as after a restart; the second is what a
turn costs when the process has seen the messages before. A turn itself reads no more of a chat
than its window holds (`chats.tree.path`); here the whole chat is handed over.
"""

import argparse
import statistics
import sys
import time
from typing import Final

from engine.assemble import (
    Budget,
    CharacterParts,
    HistoryMessage,
    LoreParts,
    Piece,
    PromptParts,
    assemble,
)
from engine.tokens import BytePairCounter

SIZES: Final = (100, 1_000, 10_000)
WINDOWS: Final = (8_192, 131_072)
ROUNDS: Final = 15
_LINE: Final = "Message {}: the rain keeps on and nobody minds it much, least of all the keeper. "


def parts_of(size: int) -> PromptParts:
    history = tuple(
        HistoryMessage("user" if n % 2 else "assistant", _LINE.format(n) * 3, f"m{n}")
        for n in range(size)
    )
    lore = LoreParts(before=tuple(Piece(f"Fact {n}. " * 8, f"lorebook:b.{n}") for n in range(20)))
    card = CharacterParts("Mira", "Mira", description="{{char}} keeps a lighthouse. " * 40)
    return PromptParts(character=card, user_name="Tom", history=history, lore=lore)


def milliseconds(parts: PromptParts, budget: Budget, counter: BytePairCounter) -> float:
    started = time.perf_counter()
    assemble(parts, budget, counter=counter)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    rows = ["| messages | window | first ms | again ms (p50) |", "|---|---|---|---|"]
    for size in SIZES:
        parts = parts_of(size)
        for window in WINDOWS:
            budget, counter = Budget(window, 1_024), BytePairCounter()
            first = milliseconds(parts, budget, counter)
            again = [milliseconds(parts, budget, counter) for _ in range(ROUNDS)]
            rows.append(f"| {size:,} | {window:,} | {first:.1f} | {statistics.median(again):.2f} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m bench.prompt", description=__doc__).parse_args()
    main()
