"""Start everything: `reverie serve` migrates, makes sure of a model, and serves.

Each option can also be set in the environment: HOST, PORT, REVERIE_DATA, REVERIE_WORKERS,
REVERIE_LLM, REVERIE_LLM_KEY, REVERIE_LLM_MODEL, REVERIE_GGUF.
"""

import argparse
import os
import sys
from pathlib import Path

_ENVIRONMENT = {
    "host": "HOST",
    "port": "PORT",
    "data": "REVERIE_DATA",
    "workers": "REVERIE_WORKERS",
    "llm": "REVERIE_LLM",
    "llm_key": "REVERIE_LLM_KEY",
    "llm_model": "REVERIE_LLM_MODEL",
    "gguf": "REVERIE_GGUF",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (8000)")
    parser.add_argument("--data", help="folder for everything that is kept (./data)")
    parser.add_argument("--workers", help="processes; more than one needs PostgreSQL and Redis")
    parser.add_argument("--llm", help="address of an OpenAI-compatible server")
    parser.add_argument("--llm-key", help="its API key")
    parser.add_argument("--llm-model", help="which of its models answers")
    parser.add_argument("--gguf", help="a GGUF file to run here")


def run(options: argparse.Namespace) -> int:
    for name, variable in _ENVIRONMENT.items():
        if (value := getattr(options, name)) is not None:
            os.environ[variable] = value
    host = os.environ.get("HOST") or "127.0.0.1"
    port, workers = _number("PORT", 8000), _number("REVERIE_WORKERS", 1)
    if (problem := _unwritable()) is not None:
        return _fail(problem)
    return _serve(host, port, workers)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:  # noqa: PLR2004 - ports end there
        sys.stderr.write(f"reverie: {name} is {text!r}; it must be a whole number.\n")
        sys.exit(2)
    return int(text)


def _unwritable() -> str | None:
    folder = Path(os.environ.get("REVERIE_DATA") or "data").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"The data folder {folder} cannot be written: {error.strerror}."
    return None


def _fail(reason: str) -> int:
    sys.stderr.write(f"reverie: {reason}\n")
    return 1


def _serve(host: str, port: int, workers: int) -> int:
    import django  # noqa: PLC0415 - the environment is set now

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    from chats import turns  # noqa: PLC0415
    from core.hop import close_pool  # noqa: PLC0415
    from reverie import firstrun, serve  # noqa: PLC0415
    from reverie.jobs import EmbeddedJobs  # noqa: PLC0415

    if workers > 1 and not (settings.REDIS_URL and os.environ.get("DATABASE_URL")):
        return _fail("Several workers need DATABASE_URL and REDIS_URL; one process needs neither.")
    try:
        sock = serve.listen(host, port)
    except serve.CannotListen as error:
        return _fail(str(error))
    call_command("migrate", verbosity=0, interactive=False)
    wanted = firstrun.Wanted(
        **{name: os.environ.get(_ENVIRONMENT[name], "") for name in ("llm", "llm_key", "llm_model", "gguf")}
    )
    welcome = firstrun.prepare(wanted, own_port=port)
    _greet(welcome, host, port)
    if workers > 1:
        sock.close()
        serve.serve_with_workers(host, port, workers)
        return 0
    jobs = None
    if not settings.REDIS_URL:
        turns.recover_all()
        jobs = EmbeddedJobs()
        jobs.start()
    close_pool()
    try:
        serve.serve_here(sock)
    finally:
        if jobs is not None:
            jobs.stop()
    return 0


def _greet(welcome, host: str, port: int) -> None:  # type: ignore[no-untyped-def]  # a firstrun.Welcome
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    base = f"http://{shown}:{port}"
    lines = [
        "",
        f"  Reverie is at {base}",
        "",
        f"  Sign in (once, within a day):  {base}/sign-in/{welcome.sign_in_token}",
        f"  API key (shown only now):      {welcome.key}",
        f"  Model:                         {welcome.model}",
    ]
    if welcome.is_stand_in:
        lines.append(
            "     This is the understudy, a scripted stand-in and not an AI model. Connect a real"
            f" one with\n     --llm URL or --gguf FILE, or in {base}/admin/."
        )
    if welcome.note:
        lines.append(f"     {welcome.note}")
    lines += [
        "",
        "  Try it:",
        f"  curl -N {base}/api/device/v1/chat/completions -H 'Authorization: Bearer {welcome.key}'"
        " -H 'Content-Type: application/json'"
        ' -d \'{"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}\'',
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
