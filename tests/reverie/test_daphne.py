"""The same ASGI application under the other server."""

import subprocess
import sys
import time

import httpx
import pytest

from tests.journeys.house import ROOT, House

pytestmark = pytest.mark.journey


def test_daphne_serves_pages_and_streams(tmp_path):
    house = House(tmp_path / "data", REDIS_URL="")
    assert house.start().stop() == 0
    key, port = house.key, str(house.port)
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", port]
    process = subprocess.Popen(
        [*command, "reverie.asgi:application"],
        env=house.environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                page = httpx.get(house.url, timeout=10)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        reply = httpx.post(
            f"{house.url}/v1/chat/completions",
            json={"model": "Luna", "messages": [{"role": "user", "content": "Hi"}], "stream": True},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
    finally:
        process.terminate()
        process.wait(timeout=20)

    assert page.status_code == 200
    assert reply.text.endswith("data: [DONE]\n\n")
