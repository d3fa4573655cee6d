"""What can be done to one message besides asking for a reply."""

from django.contrib import messages as notices
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from chats import queries, services
from chats.models import Message
from core.errors import Invalid, NotFound
from memory import services as memories
from memory.queries import get_memory
from web.context import build_line
from web.gate import MemberRequest, member, wants_json


@require_safe
@member
def editor(request: MemberRequest, uid: str) -> HttpResponse:
    """The message as a form, to stand in its place."""
    message = queries.get_message(request.user, uid)
    chat = queries.get_chat(request.user, message.chat_id)
    context = {"line": build_line(chat, message), "chat": chat}
    return render(request, "chats/_editor.html", context)


@require_POST
@member
def step_version(request: MemberRequest, uid: str) -> HttpResponse:
    step = request.POST.get("step", "")
    if step not in {"1", "-1"}:
        raise Invalid("A step is 1 or -1.", param="step")
    message = services.step_version(user=request.user, message_uid=uid, step=int(step))
    return _done(request, message.chat_id, message=message.uid)


@require_POST
@member
def trash(request: MemberRequest, uid: str) -> HttpResponse:
    chat_uid = queries.get_message(request.user, uid).chat_id
    trashed = services.trash_from(user=request.user, message_uid=uid)
    undo = reverse("trash-restore", args=[trashed.trash_uid])
    text = "Message deleted." if trashed.count == 1 else f"{trashed.count} messages deleted."
    if not wants_json(request):
        notices.info(request, text, extra_tags=f"undo:{undo}")
    return _done(request, chat_uid, notice=text, undo=undo)


@require_POST
@member
def restore_trash(request: MemberRequest, uid: str) -> HttpResponse:
    where = Message.objects.filter(trash=uid, chat__user=request.user).exclude(trash="")
    chat_uid = where.values_list("chat_id", flat=True).first() or ""
    count = services.restore_trash(user=request.user, trash_uid=uid)
    text = "It is back." if count == 1 else f"{count} messages are back."
    return _done(request, chat_uid, notice=text)


@require_POST
@member
def unlearn(request: MemberRequest, uid: str, memory_uid: str) -> HttpResponse:
    """Take back what was remembered, corrected or forgotten while a reply was written."""
    message = queries.get_message(request.user, uid)
    memory = get_memory(request.user, memory_uid)
    if memory.notebook_id != message.chat.notebook_id:
        raise NotFound("There is no such memory.", code="memory_not_found")
    memories.take_back(memory)
    text = "Taken back."
    if not wants_json(request):
        notices.success(request, text)
    return _done(request, message.chat_id, message=uid, notice=text)


@require_POST
@member
def branch(request: MemberRequest, uid: str) -> HttpResponse:
    """A new chat that begins with everything up to this message."""
    chat = services.fork_chat(user=request.user, message_uid=uid)
    notices.success(request, "A new branch of the story. The old one is still in your chats.")
    location = reverse("chat", args=[chat.uid])
    if wants_json(request):
        return JsonResponse({"location": location})
    return redirect(location)


def _done(request: MemberRequest, chat_uid: str, **payload: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"chat": chat_uid, **payload})
    return redirect("chat", chat_uid)
