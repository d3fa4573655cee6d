"""WebSocket addresses."""

from typing import Any

from django.urls import path

from web.consumers import ChatConsumer

_chat: Any = ChatConsumer.as_asgi()

websocket_urlpatterns: list[Any] = [path("ws/chats/<str:uid>", _chat)]
