"""Fetching a model file: whole, in pieces, and what is refused."""

from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from core.errors import Invalid
from reverie.download import fetch

FILE = b"GGUF" + bytes(range(256)) * 400


class Shelf(BaseHTTPRequestHandler):
    """Serves one file with ranges; `/moved` leads to it and `/circle` to itself."""

    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range", ""))
        if self.path in ("/moved", "/circle"):
            self.send_response(302)
            self.send_header("Location", "/tiny.gguf" if self.path == "/moved" else "/circle")
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(FILE) - start))
        self.end_headers()
        self.wfile.write(FILE[start:])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shelf(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    server.asked = []
    Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


async def test_file_is_fetched_whole(shelf, tmp_path):
    path = await fetch(f"{shelf.url}/tiny.gguf", sha256=sha256(FILE).hexdigest())

    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == FILE


async def test_fetch_continues_where_it_broke_off(shelf, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.gguf.part").write_bytes(FILE[:1000])

    path = await fetch(f"{shelf.url}/tiny.gguf")

    assert path.read_bytes() == FILE
    assert shelf.asked == ["bytes=1000-"]


async def test_fetch_follows_where_it_is_sent(shelf):
    path = await fetch(f"{shelf.url}/moved")

    assert path.read_bytes() == FILE


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/missing", "The server answered 404."),
        ("/circle", "The address leads in circles."),
    ],
)
async def test_fetch_says_why_it_failed(shelf, place, reason):
    with pytest.raises(Invalid) as caught:
        await fetch(f"{shelf.url}{place}")

    assert caught.value.message == reason


async def test_file_with_another_digest_is_refused(shelf):
    with pytest.raises(Invalid) as caught:
        await fetch(f"{shelf.url}/tiny.gguf", sha256="0" * 64)

    assert caught.value.message == "tiny.gguf has another SHA-256 digest than the one you gave."
