"""Running uvicorn so that streams end well: bind, serve, drain, leave with 0."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

GRACE_SECONDS: Final = 9
_BACKLOG: Final = 2048


class Server(uvicorn.Server):
    """uvicorn, for which a stop by signal is a good end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch the signals as always, but do not raise them again after the stop."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def run(sock: socket.socket, *, workers: int) -> None:
    """Serve until a signal comes, in this process or in several that share the socket."""
    config = uvicorn.Config("reverie.asgi:application", workers=workers, **_options())
    if workers > 1:
        Multiprocess(config, sockets=[sock]).run()
    else:
        Server(config).run(sockets=[sock])


def _options() -> dict[str, Any]:
    """Compression and buffering stay off; the lifespan drains; logging is `core.logs`'."""
    return {
        "loop": "auto",
        "http": "auto",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "ws_ping_interval": 25.0,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }
