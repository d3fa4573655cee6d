"""A whole Reverie, started as a person would start it, on a port of its own."""

import atexit
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Mock:
    """The scripted upstream in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.told_upstream"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stats(self) -> dict:
        return httpx.get(f"{self.url}/stats").json()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)


class House:
    """One data folder (or database) and the server process that uses it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("REVERIE_")},
            "REVERIE_DATA": str(folder),
            "REVERIE_SECRET_KEY": "a-secret-for-tests-only-" * 3,
            "DJANGO_SETTINGS_MODULE": "reverie.settings",
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "REVERIE_REDIS_PREFIX": f"house-{uuid.uuid4().hex}",
            **_own_database(),
            **environment,
        }
        self.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
        self.process: subprocess.Popen | None = None
        self.printed = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return re.search(r"rk_[0-9A-Za-z]{42}", self.printed)[0]

    @property
    def link(self) -> str:
        found = re.search(r"http://\S+/sign-in/\S+", self.printed)[0]
        return found.replace("localhost", "127.0.0.1")

    def start(self, *arguments: str) -> "House":
        self.log = self.folder / "server.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reverie.cli", "serve", *arguments],
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            env=self.environment,
            cwd=ROOT,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        self.printed = self.log.read_text()
        assert self.process.poll() is None, self.printed
        return self

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "reverie.cli", *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=ROOT,
            timeout=120,
        )

    def ask(self, text: str, **options) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        body = {"model": "Luna", "messages": [{"role": "user", "content": text}], **options}
        return httpx.post(
            f"{self.url}/api/device/v1/chat/completions", json=body, headers=headers, timeout=60
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)

    def stop(self) -> int:
        """End it politely and return its exit code. No failure may have been logged."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        logged = self.log.read_text()
        assert "Traceback" not in logged, logged
        return code

    def rows(self, code: str) -> str:
        """What a line of Python prints in this house's shell."""
        done = self.command("shell", "-v", "0", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _own_database() -> dict[str, str]:
    """On PostgreSQL each house gets a database of its own; a Redis is shared, its names are not."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return {}
    import psycopg

    name = f"house_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    atexit.register(_drop_database, url, name)
    return {"DATABASE_URL": url.rpartition("/")[0] + f"/{name}"}


def _drop_database(url: str, name: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
