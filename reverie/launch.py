"""The order of a start: claim, migrate, make sure of everything, greet, serve, stop."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management import call_command
from django.db import DatabaseError, connections

from chats import turns
from core.hop import close_pool
from jobs import queue
from reverie import firstrun, serve
from reverie.env import env_str
from reverie.jobs import EmbeddedJobs

_EVERYWHERE: Final = {"127.0.0.1", "0.0.0.0", "::", "::1"}  # noqa: S104 - compared with only


class CannotStart(Exception):
    """Why the server does not start, in one line for people."""


def launch(host: str, port: int, *, workers: int) -> None:
    """Start, serve until a signal, and clean up. Raises CannotStart."""
    if workers > 1 and not (settings.REDIS_URL and env_str("DATABASE_URL")):
        raise CannotStart(
            "Several workers need DATABASE_URL and REDIS_URL; one process needs neither."
        )
    try:
        sock = serve.listen(host, port)
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host}:{port}: {_reason(error)}."
            " Choose another port with PORT=… or --port."
        ) from error
    if errors := [message for message in run_checks() if message.level >= ERROR]:
        raise CannotStart(f"{errors[0].msg} {errors[0].hint or ''}".strip())
    with sock, _alone_in(settings.DATA_DIR):
        _prepare(host, port)
        with _embedded_jobs():
            serve.run(sock, workers=workers)


def _reason(error: OSError) -> str:
    """The plain reason; Python adds the address, which we name already."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Without Redis, one process owns a data folder: a second would end the first one's turns."""
    if settings.REDIS_URL or sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    with (folder / "serving").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(f"Another Reverie serves {folder} already.") from error
        file.write(str(os.getpid()))
        file.flush()
        yield


def _prepare(host: str, port: int) -> None:
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        first = str(error).partition("\n")[0]
        raise CannotStart(f"The database cannot be used: {first}") from error
    if not settings.REDIS_URL:
        turns.recover_all()
        queue.recover_all()
    wanted = firstrun.Wanted(
        llm=env_str("REVERIE_LLM"),
        llm_key=env_str("REVERIE_LLM_KEY"),
        llm_model=env_str("REVERIE_LLM_MODEL"),
        gguf=env_str("REVERIE_GGUF"),
    )
    welcome = firstrun.prepare(wanted, own_port=port)
    sys.stdout.write(greeting(welcome, _base_url(host, port)))
    sys.stdout.flush()
    connections.close_all()
    close_pool()


@contextlib.contextmanager
def _embedded_jobs() -> Iterator[None]:
    """With Redis, jobs belong to `reverie worker`; without, to a thread of this process."""
    if settings.REDIS_URL:
        yield
        return
    jobs = EmbeddedJobs()
    jobs.start()
    try:
        yield
    finally:
        jobs.stop()


def _base_url(host: str, port: int) -> str:
    shown = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def greeting(welcome: firstrun.Welcome, base: str) -> str:
    """What the terminal shows: where it is, how to get in, who answers, and what to paste."""
    lines = ["", f"  Reverie is at {base}", ""]
    if welcome.sign_in_token:
        link = f"{base}/sign-in/{welcome.sign_in_token}"
        lines.append(f"  Sign in (once, within a day):  {link}")
    if welcome.key:
        lines.append(f"  API key (shown only now):      {welcome.key}")
    lines.append(f"  Model:                         {welcome.model or 'none'}")
    if not welcome.model:
        lines.append(f"    All of them are switched off. Switch one on in {base}/admin/.")
    if welcome.is_stand_in:
        lines += [
            "    This is the understudy, a scripted stand-in and not an AI model. Connect a real",
            f"    one with --llm URL or --gguf FILE, or in {base}/admin/.",
        ]
    if welcome.note:
        lines.append(f"    {welcome.note}")
    if welcome.key:
        lines += ["", "  Try it:", f"  {curl_line(base, welcome.key)}"]
    return "\n".join([*lines, "", ""])


def curl_line(base: str, key: str) -> str:
    """One line to paste into a shell. It talks to Luna, who comes with every installation."""
    body = '{"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}'
    return (
        f"curl -N {base}/api/device/v1/chat/completions -H 'Authorization: Bearer {key}'"
        f" -H 'Content-Type: application/json' -d '{body}'"
    )
