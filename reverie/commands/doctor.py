"""Say what is configured and what is wrong. Exits with 1 if anything is broken."""

import argparse
from typing import Any

from reverie.commands.output import add_json, say, say_json
from reverie.diagnosis import Finding, examine

_MARKS = {"ok": "ok  ", "warning": "note", "broken": "FAIL"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    findings = examine()
    if options.json:
        say_json([_as_json(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{_MARKS[finding.state]}  {finding.part:<10} {finding.message}")
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def _as_json(finding: Finding) -> dict[str, Any]:
    said = {"part": finding.part, "state": finding.state, "message": finding.message}
    return said if finding.numbers is None else {**said, "numbers": finding.numbers}
