"""The page that shows the prompt behind a reply."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from chats import prompts, queries
from chats.models import Message
from chats.prompts import Inspection
from core.errors import NotFound
from web.gate import MemberRequest, member

BAR_WIDTH = 1000
_HUES = {
    "main prompt": 14,
    "description": 12,
    "personality": 10,
    "scenario": 8,
    "persona": 6,
    "preferences": 4,
    "memories": 20,
    "passages": 19,
    "summary": 18,
    "examples": 3,
    "history": 16,
    "author's note": 22,
    "character's note": 21,
    "post-history": 2,
    "prefill": 1,
}
_LORE_HUE = 7
_ORIGINS = {
    "memory": ("a memory", "memory-page"),
    "message": ("an earlier message", "message-show"),
    "lorebook": ("a lorebook", None),
    "summary": ("what was summed up", None),
}


@require_safe
@member
def prompt(request: MemberRequest, uid: str, message_uid: str) -> HttpResponse:
    """Everything that went into a reply, and how it differs from another reply's prompt."""
    chat = queries.get_chat(request.user, uid)
    context: dict[str, Any] = {"page": "chats", "chat": chat, "message_uid": message_uid}
    try:
        found = prompts.inspect(user=request.user, message_uid=message_uid)
    except NotFound as error:
        if error.code != "prompt_not_found":
            raise
        return render(request, "chats/prompt.html", {**context, "missing": error.message})
    if found.message.chat_id != chat.uid:
        raise NotFound("There is no such message.", code="message_not_found")
    context |= {
        "found": found,
        "bar": _bar(found),
        "blocks": [_told(block, found) for block in found.blocks if block["kept"]],
        "cut": [_told(block, found) for block in found.blocks if not block["kept"]],
        "fired": [_linked(verdict) for verdict in found.lore if verdict["activated"]],
        "silent": [_linked(verdict) for verdict in found.lore if not verdict["activated"]],
        "others": _others(found),
        **_compared(request, found),
    }
    return render(request, "chats/prompt.html", context)


def _told(block: dict[str, Any], found: Inspection) -> dict[str, Any]:
    """A block with its source in words, and where that can be read."""
    kind, _, uid = block["source"].partition(":")
    entry = next((v for v in found.lore if v["entry"] == uid), None) if kind == "lorebook" else None
    if entry is not None:
        origin = f"“{entry['title'] or uid}” · {entry['book']}"
        return {**block, "origin": origin, "href": _entry_page(uid)}
    words, page = _ORIGINS.get(kind, (block["source"], None)) if uid else (block["source"], None)
    return {**block, "origin": words, "href": reverse(page, args=[uid]) if page else ""}


def _linked(verdict: dict[str, Any]) -> dict[str, Any]:
    return {**verdict, "href": _entry_page(verdict["entry"])}


def _entry_page(key: str) -> str:
    """Where an entry of a lorebook can be read; a card's own book has no such page."""
    book, _, number = key.rpartition(".")
    return "" if book.startswith("card:") else f"{reverse('lorebook', args=[book])}?entry={number}"


def _bar(found: Inspection) -> list[dict[str, Any]]:
    """The kept blocks as slices of a bar, one for each name, in thousandths of the budget."""
    sizes: dict[str, int] = {}
    for block in found.blocks:
        if block["kept"]:
            sizes[block["name"]] = sizes.get(block["name"], 0) + block["tokens"]
    whole = max(found.budget_tokens, sum(sizes.values()), 1)
    slices, before = [], 0
    for name, tokens in sizes.items():
        left, right = (BAR_WIDTH * edge // whole for edge in (before, before + tokens))
        hue = _HUES.get(name, _LORE_HUE)
        slices.append(
            {"name": name, "tokens": tokens, "x": left, "width": max(1, right - left), "hue": hue}
        )
        before += tokens
    return slices


def _others(found: Inspection) -> list[Message]:
    """Replies of the same chat to compare with: other versions first, then the ones before."""
    replies = Message.objects.filter(
        chat_id=found.message.chat_id, role=Message.Role.ASSISTANT, trashed_at=None
    ).exclude(turn="")
    before = replies.filter(position__lte=found.message.position).exclude(uid=found.message.uid)
    return list(before.order_by("-position", "-uid")[:10])


def _compared(request: MemberRequest, found: Inspection) -> dict[str, Any]:
    other_uid = request.GET.get("with", "")
    if not other_uid:
        return {}
    try:
        other = prompts.inspect(user=request.user, message_uid=other_uid)
    except NotFound:
        return {"compare_missing": True, "with": other_uid}
    return {"other": other, "with": other_uid, "differences": prompts.compare(other, found)}
