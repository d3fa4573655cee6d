"""Asking for replies: send, another version, continue, stop. JSON for scripts, else a redirect."""

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from chats import queries, services, turns
from chats.models import Message, Turn
from chats.turns import TurnRequest
from core.errors import ReverieError
from core.hop import hop
from web.gate import MemberRequest, amember, wants_json

ID_CHARS = 64


@require_POST
@amember
async def send(request: MemberRequest, uid: str) -> HttpResponse:
    """Say something. The `client` id makes a double click or a retry one message."""
    content = request.POST.get("content", "").replace("\r\n", "\n")
    response = await _begin(
        request,
        TurnRequest(
            user_id=request.user.pk,
            chat_uid=uid,
            content=content,
            idempotency_key=request.POST.get("client", "")[:ID_CHARS],
        ),
        keep=content,
    )
    return response


@require_POST
@amember
async def regenerate(request: MemberRequest, uid: str) -> HttpResponse:
    """Another version of a reply, or the answer that a message still lacks."""
    return await _begin(request, _about(request, uid, Turn.Kind.REGENERATE))


@require_POST
@amember
async def go_on(request: MemberRequest, uid: str) -> HttpResponse:
    """Let a reply go on where it stopped."""
    return await _begin(request, _about(request, uid, Turn.Kind.CONTINUE))


@require_POST
@amember
async def stop(request: MemberRequest, uid: str) -> HttpResponse:
    await hop(queries.get_chat, request.user, uid)
    stopped = await turns.stop(user_id=request.user.pk, chat_uid=uid)
    if wants_json(request):
        return JsonResponse({"stopped": stopped})
    return redirect("chat", uid)


@require_POST
@amember
async def edit(request: MemberRequest, uid: str) -> HttpResponse:
    """Change a message. An own one is answered anew, on a branch of its own."""
    content = request.POST.get("content", "").replace("\r\n", "\n")
    before = await hop(queries.get_message, request.user, uid)
    after = await hop(services.edit_message, user=request.user, message_uid=uid, content=content)
    chat_uid = before.chat_id
    if before.role == Message.Role.USER and after.uid != before.uid:
        return await _begin(
            request,
            TurnRequest(
                user_id=request.user.pk,
                chat_uid=chat_uid,
                kind=Turn.Kind.REGENERATE,
                message_uid=after.uid,
            ),
        )
    return _done(request, chat_uid)


def _about(request: MemberRequest, chat_uid: str, kind: str) -> TurnRequest:
    return TurnRequest(
        user_id=request.user.pk,
        chat_uid=chat_uid,
        kind=kind,
        message_uid=request.POST.get("message", ""),
        idempotency_key=request.POST.get("client", "")[:ID_CHARS],
    )


async def _begin(request: MemberRequest, turn: TurnRequest, *, keep: str = "") -> HttpResponse:
    """Start a turn. When it is refused, the text typed is kept as the chat's draft."""
    try:
        begun = await turns.start(turn)
    except ReverieError as error:
        if error.status == 404 or wants_json(request):  # noqa: PLR2004
            raise
        if keep:
            await _save_draft(request, turn.chat_uid, keep)
        await sync_to_async(messages.error)(request, error.message)
        return redirect("chat", turn.chat_uid)
    if keep:
        await _save_draft(request, turn.chat_uid, "")
    return _done(
        request,
        begun.chat_uid,
        turn=begun.uid,
        message=begun.reply_uid,
        user_message=begun.user_message_uid,
        kind=str(begun.kind),
        model=begun.model,
    )


async def _save_draft(request: MemberRequest, chat_uid: str, text: str) -> None:
    await hop(services.save_draft, user=request.user, chat_uid=chat_uid, text=text)


def _done(request: MemberRequest, chat_uid: str, **payload: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"chat": chat_uid, **payload})
    return redirect(reverse("chat", args=[chat_uid]))
