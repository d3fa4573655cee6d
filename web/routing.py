"""WebSocket addresses."""

from typing import Any

from django.urls import path

from web.consumers import ChatConsumer

websocket_urlpatterns: list[Any] = [path("ws/chats/<str:uid>", ChatConsumer.as_asgi())]
