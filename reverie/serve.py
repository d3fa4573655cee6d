"""Running uvicorn so that streams end well: bind, serve, drain, leave with 0."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from django.conf import settings

from chats import turns
from core.loop import spawn

GRACE_SECONDS = 9


class CannotListen(Exception):
    """The address is taken or not ours. Its text is for people."""


class Server(uvicorn.Server):
    """uvicorn, told to let turns finish before it closes their connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        spawn(turns.drain(settings.TURN_DRAIN_SECONDS))
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A stop by signal is a good end, so the signal is not raised again afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CannotListen with the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(
            f"Cannot listen on {host}:{port}: {error.strerror or error}."
            " Choose another port with PORT=…"
        ) from error


def options() -> dict[str, object]:
    """What every worker runs with."""
    return {
        "loop": "auto",
        "http": "httptools",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "ws_ping_interval": 25.0,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "timeout_keep_alive": 30,
        "proxy_headers": False,
    }


def serve_here(sock: socket.socket) -> None:
    """Serve in this process until a signal comes."""
    config = uvicorn.Config("reverie.asgi:application", **options())  # type: ignore[arg-type]  # plain values
    Server(config).run(sockets=[sock])


def serve_with_workers(host: str, port: int, workers: int) -> None:
    """Serve with several processes. They share nothing but the database and Redis."""
    uvicorn.run(
        "reverie.asgi:application", host=host, port=port, workers=workers, **options()  # type: ignore[arg-type]  # plain values
    )
