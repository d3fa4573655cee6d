"""Start everything: `reverie serve` migrates, makes sure of a model, and serves.

Each option can also be set in the environment: HOST, PORT, REVERIE_DATA, REVERIE_WORKERS,
REVERIE_LLM, REVERIE_LLM_KEY, REVERIE_LLM_MODEL, REVERIE_GGUF.
"""

import argparse
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from reverie.env import env_int, env_str

_ENVIRONMENT: Final = {
    "host": "HOST",
    "port": "PORT",
    "data": "REVERIE_DATA",
    "workers": "REVERIE_WORKERS",
    "llm": "REVERIE_LLM",
    "llm_key": "REVERIE_LLM_KEY",
    "llm_model": "REVERIE_LLM_MODEL",
    "gguf": "REVERIE_GGUF",
}
_PORT_MOST: Final = 65535
_EVERY_ADDRESS: Final = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, help="port to listen on (8000)")
    parser.add_argument("--data", help="folder for everything that is kept (./data)")
    parser.add_argument(
        "--workers", type=int, help="processes; more than one needs PostgreSQL and Redis"
    )
    parser.add_argument("--llm", help="address of an OpenAI-compatible server")
    parser.add_argument("--llm-key", help="its API key")
    parser.add_argument("--llm-model", help="which of its models answers")
    parser.add_argument("--gguf", help="a GGUF file to run here")


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number <= _PORT_MOST:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to {_PORT_MOST}")
    return number


def run(options: argparse.Namespace) -> int:
    """Put the options into the environment, then load Django and start."""
    for name, variable in _ENVIRONMENT.items():
        if (value := getattr(options, name)) is not None:
            os.environ[variable] = str(value)
    host, port = env_str("HOST") or "127.0.0.1", env_int("PORT", 8000, least=1)
    if port > _PORT_MOST:
        return _fail(f"PORT is {port}; a port is a number from 1 to {_PORT_MOST}", code=2)
    if problem := _unwritable(Path(env_str("REVERIE_DATA") or "data").expanduser()):
        return _fail(problem)
    _allow_own_names(host)
    import django  # noqa: PLC0415 - the environment is set only now

    django.setup()
    launch = import_module("reverie.launch")
    try:
        launch.launch(host, port, workers=env_int("REVERIE_WORKERS", 1, least=1))
    except launch.CannotStart as error:
        return _fail(str(error))
    return 0


def _unwritable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"The data folder {folder} cannot be written: {error.strerror}."
    return ""


def _allow_own_names(host: str) -> None:
    """Whoever listens to the network wants to be called by this machine's names."""
    if env_str("REVERIE_ALLOWED_HOSTS") or host in ("127.0.0.1", "localhost", "::1"):
        return
    names = {"localhost", "127.0.0.1", "[::1]", ".localhost"}
    if host in _EVERY_ADDRESS:
        own = socket.gethostname()
        names |= {own, f"{own}.local", *_addresses_of(own)}
    else:
        names.add(f"[{host}]" if ":" in host else host)
    os.environ["REVERIE_ALLOWED_HOSTS"] = ",".join(sorted(names))


def _addresses_of(name: str) -> set[str]:
    """This machine's addresses: those of its name, and the one it would call out from."""
    found: set[str] = set()
    try:
        found |= {str(row[4][0]) for row in socket.getaddrinfo(name, None, socket.AF_INET)}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # connecting a datagram socket sends nothing
            found.add(probe.getsockname()[0])
    except OSError:
        return found
    return found


def _fail(reason: str, code: int = 1) -> int:
    sys.stderr.write(f"reverie: {reason}\n")
    return code
