"""The `reverie` command. What is not listed here is one of Django's own (`migrate`, `shell`…).

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

OWN_COMMANDS: Final = {
    "serve": "reverie.commands.serve",
    "worker": "reverie.commands.worker",
    "user": "reverie.commands.user",
    "key": "reverie.commands.key",
    "import": "reverie.commands.imports",
    "export": "reverie.commands.export",
    "model": "reverie.commands.model",
    "credits": "reverie.commands.credits",
    "doctor": "reverie.commands.doctor",
}
_BEFORE_SETTINGS: Final = {"serve"}


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit."""
    arguments = sys.argv[1:] if argv is None else argv
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        sys.exit(0 if arguments else 2)
    name, rest = arguments[0], arguments[1:]
    if name in OWN_COMMANDS:
        sys.exit(_run_own(name, rest))
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - slow

    execute_from_command_line(["reverie", *arguments])


def _run_own(name: str, rest: list[str]) -> int:
    module = import_module(OWN_COMMANDS[name])
    parser = argparse.ArgumentParser(prog=f"reverie {name}", description=module.__doc__)
    module.add_arguments(parser)
    options = parser.parse_args(rest)
    if name not in _BEFORE_SETTINGS:
        import django  # noqa: PLC0415 - slow

        django.setup()
    run: Callable[[argparse.Namespace], int] = module.run
    return _guarded(run, options)


def _guarded(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; an expected failure becomes one line on standard error."""
    from core.errors import ReverieError  # noqa: PLC0415 - after the settings

    try:
        return run(options)
    except ReverieError as error:
        sys.stderr.write(f"reverie: {error.message}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _help() -> str:
    lines = ["usage: reverie COMMAND [OPTIONS]\n\n"]
    for name, path in OWN_COMMANDS.items():
        summary = (import_module(path).__doc__ or "").strip().splitlines()[0]
        lines.append(f"  {name:<9}{summary}\n")
    lines.append("\n`reverie COMMAND --help` tells more. Django's commands work too.\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
