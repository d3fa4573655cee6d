"""The live page of a chat: what happens in it, as it happens, to everybody of its owner's pages."""

from typing import Any

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.template.loader import render_to_string

from accounts.models import User
from chats import live, queries, turns
from chats.models import Chat, Message
from core.errors import NotFound
from core.hop import hop
from web.context import build_line

NOT_SIGNED_IN = 4401
NOT_FOUND = 4404


class ChatConsumer(AsyncWebsocketConsumer):
    """Sends only. `state` comes first; a page that missed something reads the log again."""

    chat_uid = ""
    user: User | None = None

    async def connect(self) -> None:
        """Accept, then say why not: a browser sees a close code only after accepting."""
        await self.accept()
        user: Any = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        uid = self.scope["url_route"]["kwargs"]["uid"]
        await self.channel_layer.group_add(live.group_of(uid), self.channel_name)
        try:
            chat = await hop(queries.get_chat, user, uid)
        except NotFound:
            await self.channel_layer.group_discard(live.group_of(uid), self.channel_name)
            await self.close(NOT_FOUND)
            return
        self.user, self.chat_uid = user, uid
        snapshot = await turns.snapshot(uid)
        await self._send({"type": "state", "version": chat.version, "snapshot": snapshot})

    async def disconnect(self, code: int) -> None:
        if self.chat_uid:
            group = live.group_of(self.chat_uid)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def chat_event(self, message: dict[str, Any]) -> None:
        """One event of the chat's group: dressed in HTML where the page needs it."""
        if not self.chat_uid or self.user is None:
            return
        event = dict(message["event"])
        event["type"] = event.pop("event")
        if event["type"] == "opened" and event["user_message"]:
            event.update(await hop(_drawn, self.user, event["user_message"]))
        elif event["type"] == "closed" and event["message"]:
            event.update(await hop(_drawn, self.user, event["message"]))
        await self._send(event)

    async def _send(self, event: dict[str, Any]) -> None:
        await self.send(text_data=orjson.dumps(event).decode())


def _drawn(user: User, message_uid: str) -> dict[str, str]:
    """A message as the page shows it, and as it was typed. Nothing if it is gone."""
    try:
        chat_uid = queries.get_message(user, message_uid).chat_id
        chat = queries.get_chat(user, chat_uid)
    except NotFound:
        return {}
    found = _on_path(chat, message_uid)
    if found is None:
        return {}
    html = render_to_string("chats/_message.html", {"line": build_line(chat, found)})
    return {"html": html, "text": found.content}


def _on_path(chat: Chat, message_uid: str) -> Message | None:
    position = Message.objects.filter(pk=message_uid).values_list("position", flat=True).first()
    if position is None:
        return None
    window = queries.window(chat, before=position + 1, limit=1)
    return window[0] if window and window[0].uid == message_uid else None
