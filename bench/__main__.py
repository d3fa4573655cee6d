"""`make bench`: Reverie beside nginx and LiteLLM, interleaved in one run, as ratios.

Reverie does its whole stateful turn; the peers pass a request through. Each server runs with
one worker on one core; the mock upstream and the client share the other. Method and figures:
docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import uvloop

from bench import measure, processes
from bench.client import LONG, Target

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
RESULTS = Path(__file__).parent / "results"


async def round_of(target: Target, targets: list[Target], found: dict[str, list[float]]) -> None:
    """Every repeatable figure of one target, once."""
    await measure.rest(targets)
    found["ttft c=1 ms"].append(await measure.ttft(target, 1))
    found["ttft c=50 ms"].append(await measure.ttft(target, 50))
    await measure.rest(targets)
    single = await measure.cpu(target, "chunks=1", 160)
    burst = await measure.cpu(target, "chunks=200", 80)
    found["cpu ms/request"].append(single)
    found["cpu s/1k chunks"].append(max(0.0, burst - single) / 199)
    middle, worst = await measure.lag(target)
    found["lag p50 ms"].append(middle)
    found["lag p99 ms"].append(worst)


async def run(targets: list[Target], upstream: Target) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, list[float]]] = {t.name: defaultdict(list) for t in targets}
    for target in targets:
        await measure.warm_up(target)
    for number in range(ROUNDS):
        for target in targets:
            print(f"round {number + 1}: {target.name}", file=sys.stderr)
            await round_of(target, targets, found[target.name])
    for streams in (500, 1000):
        for target in targets:
            if target is upstream:
                continue
            print(f"{streams} open streams: {target.name}", file=sys.stderr)
            grown, left = await measure.memory(target, upstream, streams)
            found[target.name][f"KiB/stream at {streams}"].append(grown)
            found[target.name][f"left after {streams} vanish"].append(left)
    for target in targets:
        print(f"with jobs, and long messages: {target.name}", file=sys.stderr)
        row = found[target.name]
        row["cpu ms with jobs"].append(await measure.cpu_with_jobs(target, 160, lanes="jobs"))
        long = await measure.cpu(target, "chunks=1", 160, lanes=LONG, spread=1)
        row["cpu ms/long request"].append(long)
        later = await measure.cpu_with_jobs(target, 160, lanes=f"{LONG}er")
        row["cpu ms long with jobs"].append(later)
    return {
        name: {figure: statistics.median(values) for figure, values in figures.items()}
        for name, figures in found.items()
    }


def table(result: dict[str, dict[str, float]]) -> str:
    figures = list(dict.fromkeys(f for row in result.values() for f in row))
    direct = result.get("direct", {})
    lines = [f"| target | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
    for name, row in result.items():
        cells = []
        for figure in figures:
            value = row.get(figure)
            if value is not None and figure.startswith("ttft") and name != "direct":
                value -= direct[figure]
            cells.append("-" if value is None else f"{value:.4g}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


async def main() -> None:
    processes.pin(processes.CLIENT_CORE)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(processes.mock())
        targets = [
            upstream,
            stack.enter_context(processes.reverie(upstream, name="reverie sqlite")),
        ]
        if database := os.environ.get("BENCH_DATABASE_URL"):
            targets.append(
                stack.enter_context(
                    processes.reverie(upstream, name="reverie postgresql", database=database)
                )
            )
        others = [stack.enter_context(peer(upstream)) for peer in _peers()]
        targets += [target for target in others if target is not None]
        result = await run(targets, upstream)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=1))
    print(table(result))


def _peers() -> list:
    wanted = os.environ.get("BENCH_PEERS", "nginx,litellm").split(",")
    return [getattr(processes, name) for name in wanted if name in ("nginx", "litellm")]


if __name__ == "__main__":
    # Knows no arguments, and so no long run begins for one that is mistyped, or for --help.
    argparse.ArgumentParser(prog="python -m bench", description=__doc__).parse_args()
    uvloop.run(main())
