"""`python -m bench.lore`: activating lorebook entries, beside a search for each key by itself.

The books are synthetic, three keys an entry, of which about one in a thousand entries is called.
They are compiled before the measuring, as they are when Reverie serves.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Final

from lore.activation import activate
from lore.books import Bound, compile_book
from lore.scene import Said, Scene, Settings
from lore.timed import State
from lore.values import Book, Entry

SIZES: Final = (1_000, 10_000, 100_000)
ROUNDS: Final = 40
NAIVE_ROUNDS: Final = 5
KEYS_EACH: Final = 3
WINDOWS: Final = {"4k tokens": (8, 2_000), "20 x 2,000 characters": (20, 2_000)}
_CALLED_SHARE: Final = 1_000
_ONSETS: Final = (*"bcdfghklmnprstvw", "br", "dr", "gr", "kr", "sh", "st", "th", "tr")
_RHYMES: Final = (*"aeiou", "an", "ar", "el", "en", "er", "ia", "in", "is", "on", "or", "os", "um")


def word(rng: random.Random) -> str:
    """One that could be a name, of two to four syllables."""
    return "".join(rng.choice(_ONSETS) + rng.choice(_RHYMES) for _ in range(rng.randint(2, 4)))


def book_of(size: int, rng: random.Random) -> Book:
    """Entries with keys of one or two words."""
    entries = []
    for uid in range(size):
        keys = [
            word(rng) if rng.random() < 0.7 else f"{word(rng)} {word(rng)}"
            for _ in range(KEYS_EACH)
        ]
        entries.append(Entry(uid=uid, keys=tuple(keys), content=f"What {keys[0]} is. " * 5))
    return Book(entries=tuple(entries))


def scene_of(book: Book, messages: int, chars: int, rng: random.Random) -> Scene:
    """Prose of words that are no keys, with the keys of some entries among them."""
    common = [word(rng) + "s" for _ in range(2_000)]
    called = rng.sample(book.entries, max(1, len(book.entries) // _CALLED_SHARE))
    spread = [rng.choice(entry.keys) for entry in called]
    said = []
    for number in range(messages):
        words = rng.choices(common, k=chars // 11) + spread[number::messages]
        rng.shuffle(words)
        said.append(Said(("Ann", "Rex")[number % 2], " ".join(words)[:chars], number % 2 == 1))
    return Scene(messages=tuple(said), length=messages, char_names=frozenset({"Rex"}))


def naive(book: Book, scene: Scene, depth: int) -> list[int]:
    """What is least: is some key of the entry in the text?"""
    text = "\n".join(said.text for said in scene.messages[-depth:]).lower()
    return [entry.uid for entry in book.entries if any(key in text for key in entry.keys)]


def measured(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    times = []
    work()
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def row(name: str, messages: int, chars: int, size: int) -> list[str]:
    """One line of the table, for one window and one size of a book."""
    rng = random.Random(size)
    book = book_of(size, rng)
    scene = scene_of(book, messages, chars, rng)
    settings = Settings(scan_depth=messages, budget_tokens=10**9)
    started = time.perf_counter()
    bound = Bound(compile_book(book, "book"), "global")
    compiling = (time.perf_counter() - started) * 1000
    middle, high = measured(lambda: activated(bound, settings, scene), ROUNDS)
    plain, _ = measured(lambda: len(naive(book, scene, messages)), NAIVE_ROUNDS)
    called = activated(bound, settings, scene)
    figures = (f"{compiling:,.0f}", f"{middle:.2f}", f"{high:.2f}", f"{plain:,.1f}")
    return [name, f"{size:,}", str(called), *figures]


def activated(bound: Bound, settings: Settings, scene: Scene) -> int:
    result = activate([bound], settings, scene, State(), count=lambda text: len(text) // 4)
    return len(result.activated)


def main() -> None:
    heads = ("window", "entries", "called", "compile ms", "p50 ms", "p95 ms", "naive p50 ms")
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    for name, (messages, chars) in WINDOWS.items():
        for size in SIZES:
            sys.stdout.write(f"| {' | '.join(row(name, messages, chars, size))} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m bench.lore", description=__doc__).parse_args()
    main()
