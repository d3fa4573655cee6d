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
    "serve": ("reverie.commands.serve", "start everything and print how to get in"),
    "worker": ("reverie.commands.worker", "run jobs in a process of their own"),
    "user": ("reverie.commands.user", "create people"),
    "key": ("reverie.commands.key", "make API keys"),
    "import": (
        "reverie.commands.imports",
        "import cards, lorebooks, chats, or a SillyTavern folder",
    ),
    "export": ("reverie.commands.export", "export a character"),
    "lore": ("reverie.commands.lore", "try lorebooks on texts and recorded cases"),
    "recall": ("reverie.commands.recall", "ask recorded conversations questions"),
    "model": ("reverie.commands.model", "list, fetch and connect language models"),
    "reindex": ("reverie.commands.reindex", "make anew what recall keeps of chats"),
    "credits": ("reverie.commands.credits", "give, take back and refund credits"),
    "voucher": ("reverie.commands.vouchers", "make and disable vouchers"),
    "ledger": ("reverie.commands.ledger", "prove that the ledger adds up"),
    "doctor": ("reverie.commands.doctor", "say what is configured and what is wrong"),
}
# These choose the data folder and read the settings themselves, afterwards.
_BEFORE_SETTINGS: Final = {"serve", "recall"}
_INTERRUPTED: Final = 130


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit."""
    arguments = sys.argv[1:] if argv is None else argv
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reverie.settings")
    if not arguments or arguments in (["-h"], ["--help"], ["help"]):
        sys.stdout.write(_help())
        sys.exit(0 if arguments else 2)
    name, rest = arguments[0], arguments[1:]
    if name in OWN_COMMANDS:
        sys.exit(_run_own(name, rest))
    _run_djangos(arguments)


def _run_own(name: str, rest: list[str]) -> int:
    if name not in _BEFORE_SETTINGS:
        _set_up_django()
    module = import_module(OWN_COMMANDS[name][0])
    parser = argparse.ArgumentParser(prog=f"reverie {name}", description=module.__doc__)
    module.add_arguments(parser)
    return _guarded(module.run, parser.parse_args(rest))


def _set_up_django() -> None:
    """Read the settings. A data folder that cannot be used is one line, not a traceback."""
    import django  # noqa: PLC0415 - slow

    try:
        django.setup()
    except OSError as error:
        sys.exit(f"reverie: The data folder cannot be used: {error.strerror}: {error.filename}")


def _guarded(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; an expected failure becomes one line on standard error."""
    from django.db import DatabaseError  # noqa: PLC0415 - after the settings

    from core.errors import ReverieError  # noqa: PLC0415

    try:
        return run(options)
    except ReverieError as error:
        sys.stderr.write(f"reverie: {error.message}\n")
        return 1
    except DatabaseError as error:
        first = str(error).partition("\n")[0]
        sys.stderr.write(f"reverie: The database: {first}. `reverie doctor` tells more.\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run_djangos(arguments: list[str]) -> None:
    from django.core.management import (  # noqa: PLC0415 - slow
        execute_from_command_line,
        get_commands,
    )

    _set_up_django()
    if not arguments[0].startswith("-") and arguments[0] not in {"help", *get_commands()}:
        sys.stderr.write(f"reverie: There is no command {arguments[0]!r}.\n\n{_help()}")
        sys.exit(2)
    execute_from_command_line(["reverie", *arguments])


def _help() -> str:
    lines = ["usage: reverie COMMAND [OPTIONS]\n\n"]
    lines += [f"  {name:<9}{summary}\n" for name, (_, summary) in OWN_COMMANDS.items()]
    lines.append("\n`reverie COMMAND --help` tells more. Django's commands work too.\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
