"""`python -m bench.recall`: Reverie's recall beside plain systems, in one run, without an LLM."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.recall.data import CONVERSATIONS, load
from bench.recall.report import asked, tables
from bench.recall.systems import SYSTEMS
from bench.recall.timing import SIZES, times


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(prog="python -m bench.recall", description=__doc__)
    known.add_argument("--data", type=Path, default=CONVERSATIONS, help="folder of JSON lines")
    known.add_argument("--only", nargs="+", default=[], help="names of conversations")
    known.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    known.add_argument("--split", action="store_true", help="each conversation by itself as well")
    known.add_argument("--time", action="store_true", help="measure time, not quality")
    known.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="messages, for --time")
    return known


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    loaded = load(options.data)
    conversations = [each for each in loaded if not options.only or each.name in options.only]
    if not conversations:
        raise SystemExit(f"No such conversation; there are {', '.join(c.name for c in loaded)}.")
    systems = {name: SYSTEMS[name] for name in options.systems}
    if options.time:
        print(times(systems, conversations, options.sizes))
        return
    results = {name: asked(make, conversations) for name, make in systems.items()}
    print(tables("All", results))
    for each in conversations if options.split else ():
        own = {
            name: [s for s in scored if s.question.conversation == each.name]
            for name, scored in results.items()
        }
        print("\n" + tables(each.name, own))


if __name__ == "__main__":
    main()
