"""Starting what is measured, each in a process of its own, on a core of its own."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.client import Target

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, CLIENT_CORE = 1, 0
LITELLM_ENV = Path(os.environ.get("BENCH_LITELLM", tempfile.gettempdir() + "/bench-litellm"))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def pin(core: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {core})


def start(command: list[str], *, core: int = SERVER_CORE, **options) -> subprocess.Popen:
    return subprocess.Popen(command, preexec_fn=lambda: pin(core), **options)


def wait_for(url: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(url)


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()


@contextlib.contextmanager
def mock() -> Iterator[Target]:
    process = start(
        [sys.executable, "-m", "bench.mock"],
        core=CLIENT_CORE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    yield Target("direct", port, "/v1/chat/completions", "mock", "x", (process.pid,))
    stop(process)


@contextlib.contextmanager
def reverie(upstream: Target, *, name: str, database: str = "") -> Iterator[Target]:
    """A fresh house with one worker, chats of 40 messages in its first lanes."""
    folder = tempfile.mkdtemp(prefix="reverie-bench-")
    port = free_port()
    environment = {
        **os.environ,
        "REVERIE_DATA": folder,
        "PORT": str(port),
        "REVERIE_LLM": f"http://127.0.0.1:{upstream.port}",
        "REVERIE_LLM_MODEL": "mock",
        "REVERIE_STARTING_GRANT": "1000000000",
        "REVERIE_LOG_LEVEL": "ERROR",
        "DATABASE_URL": database,
    }
    environment.pop("REDIS_URL", None)
    process = start(
        [sys.executable, "-m", "reverie.cli", "serve"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        prepared = subprocess.run(
            [sys.executable, "-m", "bench.prepare"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        path = "/api/device/v1/chat/completions"
        yield Target(name, port, path, "Luna", prepared.stdout.split()[-1], (process.pid,))
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def nginx(upstream: Target) -> Iterator[Target | None]:
    program = shutil.which("nginx")
    if program is None:
        yield None
        return
    folder, port = tempfile.mkdtemp(prefix="nginx-bench-"), free_port()
    config = Path(folder) / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null; user root;
events {{ worker_connections 8192; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  upstream mock {{ server 127.0.0.1:{upstream.port}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://mock; proxy_buffering off;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600; }} }} }}"""
    )
    process = start([program, "-c", str(config), "-p", folder], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/stats", 20)
        yield Target("nginx", port, "/v1/chat/completions", "mock", "x", _family(process.pid))
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def litellm(upstream: Target) -> Iterator[Target | None]:
    """The LiteLLM proxy from an environment of its own, made when it can be."""
    program = LITELLM_ENV / "bin" / "litellm"
    if not program.exists() and not _install_litellm():
        yield None
        return
    folder, port = tempfile.mkdtemp(prefix="litellm-bench-"), free_port()
    key = f"sk-{secrets.token_hex(24)}"
    config = Path(folder) / "config.yaml"
    config.write_text(
        "model_list:\n  - model_name: mock\n    litellm_params:\n      model: openai/mock\n"
        f"      api_base: http://127.0.0.1:{upstream.port}/v1\n      api_key: x\n"
        "litellm_settings:\n  telemetry: false\n  drop_params: true\n"
        f"general_settings:\n  master_key: {key}\n"
    )
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    process = start(
        [str(program), "--config", str(config), "--port", str(port), "--num_workers", "1"],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", 180)
        pids = _family(process.pid)
        yield Target("litellm", port, "/v1/chat/completions", "mock", key, pids)
    except TimeoutError:
        yield None
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _install_litellm() -> bool:
    made = subprocess.run([sys.executable, "-m", "venv", str(LITELLM_ENV)], check=False)
    if made.returncode:
        return False
    pip = [str(LITELLM_ENV / "bin" / "pip"), "install", "-q", "litellm[proxy]"]
    return subprocess.run(pip, check=False).returncode == 0


def _family(pid: int) -> tuple[int, ...]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (pid, *(int(child) for child in children))


def cpu_seconds(target: Target) -> float:
    """CPU time that the target's processes have used so far."""
    ticks = 0
    for pid in target.pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_kib(target: Target) -> int:
    total = 0
    for pid in target.pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total
