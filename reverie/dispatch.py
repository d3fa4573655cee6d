"""Which part of the application answers a connection."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from openai_compat import handler as wire
from reverie import lifespan
from web.routing import websocket_urlpatterns


def build_application(pages: Any) -> Any:
    """One ASGI application: the wire protocols, the sockets of the pages, and the pages."""
    sockets: Any = AllowedHostsOriginValidator(
        AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
    )

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            serve = wire.handle if wire.serves(scope["path"]) else pages
            await serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await sockets(scope, receive, send)
        else:
            await lifespan.handle(receive, send)

    return application
