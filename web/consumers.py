"""The live page of a chat: what happens in it, as it happens, to everybody of its owner's pages."""

from typing import Any

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.template.loader import render_to_string

from accounts.models import User
from accounts.suspension import find_suspension
from chats import live, queries, turns
from chats.models import Chat, Message
from core import orders
from core.errors import Forbidden, NotFound
from core.hop import hop
from web.context import build_line, failed_turn

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
        self.user = user
        await self.channel_layer.group_add(orders.group_of_person(user.pk), self.channel_name)
        try:
            # Asked when orders arrive already: who is shut out just now is seen, or told.
            chat = await hop(_chat_of, user, uid)
        except (NotFound, Forbidden) as error:
            await self.channel_layer.group_discard(live.group_of(uid), self.channel_name)
            await self.close(NOT_FOUND if isinstance(error, NotFound) else NOT_SIGNED_IN)
            return
        self.chat_uid = uid
        snapshot = await turns.snapshot(uid)
        failed = "" if snapshot else await hop(_drawn_failure, chat)
        state = {"type": "state", "version": chat.version, "snapshot": snapshot, "failed": failed}
        await self._send(state)

    async def disconnect(self, code: int) -> None:
        if self.chat_uid:
            group = live.group_of(self.chat_uid)
            await self.channel_layer.group_discard(group, self.channel_name)
        if self.user is not None:
            group = orders.group_of_person(self.user.pk)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def person_sign_out(self, message: dict[str, Any]) -> None:
        """This person is shut out: the page must ask again who they are."""
        await self.close(NOT_SIGNED_IN)

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


def _chat_of(user: User, uid: str) -> Chat:
    """The chat to be followed. Raises NotFound, and Forbidden for somebody suspended."""
    refused = find_suspension(user.pk, "")
    if refused is not None:
        raise refused
    return queries.get_chat(user, uid)


def _drawn_failure(chat: Chat) -> str:
    """What the page shows if the newest turn came to nothing, or nothing."""
    return render_to_string("chats/_failed.html", {"chat": chat, "turn": failed_turn(chat)}).strip()


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
