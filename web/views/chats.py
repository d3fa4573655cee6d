"""The list of chats, and a chat's page."""

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from billing.gates import usable
from characters.preferences import change_preference
from characters.queries import get_visible
from chats import queries, services, turns
from core.errors import NotFound
from core.ids import new_uid
from llm import registry
from web.context import build_chat_page, build_log
from web.gate import MemberRequest, member, wants_json

PAGE_SIZE = 24


@require_safe
@member
def index(request: MemberRequest) -> HttpResponse:
    """All chats, the latest first; words search titles, names and last lines."""
    text = request.GET.get("q", "").strip()[:100]
    rows = queries.owned_by(request.user).order_by("-active_at")
    if text:
        rows = (
            rows.filter(character__name__icontains=text)
            | rows.filter(title__icontains=text)
            | rows.filter(last_line__icontains=text)
        )
    paged = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": "chats", "chats": paged, "text": text}
    part = request.htmx and request.htmx.target == "more"
    return render(request, "chats/_rows.html" if part else "chats/index.html", context)


@require_POST
@member
def start(request: MemberRequest, character_uid: str) -> HttpResponse:
    character = get_visible(request.user, character_uid)
    scenario = None
    if uid := request.POST.get("scenario", ""):
        scenario = character.scenarios.filter(uid=uid).first()
        if scenario is None:
            raise NotFound("There is no such scenario.", code="scenario_not_found")
    chat = services.start_chat(
        user=request.user,
        character=character,
        scenario=scenario,
        in_group="group" in request.POST,
    )
    return redirect("chat", chat.uid)


@require_safe
@member
def page(request: MemberRequest, uid: str) -> HttpResponse:
    """The conversation, with a running reply's text so far."""
    chat = queries.get_chat(request.user, uid)
    before = _position(request.GET.get("before", ""))
    view = build_chat_page(
        chat, user=request.user, editing=request.GET.get("edit", ""), before=before
    )
    snapshot = async_to_sync(turns.snapshot)(chat.uid) if chat.turn and before is None else None
    context = {
        "page": "chat",
        "view": view,
        "chat": chat,
        "snapshot": snapshot,
        "client_id": new_uid(),
        "models": usable(request.user.pk, registry.list_models()),
    }
    return render(request, "chats/page.html", context)


@require_safe
@member
def log(request: MemberRequest, uid: str) -> HttpResponse:
    """A window of the conversation alone: older lines, or what changed."""
    chat = queries.get_chat(request.user, uid)
    before = _position(request.GET.get("before", ""))
    view = build_log(chat, before=before)
    response = render(request, "chats/_log.html", {"log": view, "chat": chat})
    response["X-Chat-Version"] = str(chat.version)
    return response


def _position(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None  # noqa: PLR2004


@require_POST
@member
def save_draft(request: MemberRequest, uid: str) -> HttpResponse:
    services.save_draft(user=request.user, chat_uid=uid, text=request.POST.get("content", ""))
    return HttpResponse(status=204)


@require_POST
@member
def rename(request: MemberRequest, uid: str) -> HttpResponse:
    title = request.POST.get("title", "")
    services.rename_chat(user=request.user, chat_uid=uid, title=title)
    messages.success(request, "Renamed.")
    return redirect("chat", uid)


@require_POST
@member
def choose_model(request: MemberRequest, uid: str) -> HttpResponse:
    """The model that answers this person when they talk to this character."""
    chat = queries.get_chat(request.user, uid)
    change_preference(
        user=request.user, character=chat.character, model=request.POST.get("model", "")
    )
    messages.success(request, "The next reply comes from the model you chose.")
    return redirect("chat", uid)


@require_POST
@member
def trash(request: MemberRequest, uid: str) -> HttpResponse:
    services.trash_chat(user=request.user, chat_uid=uid)
    undo = reverse("chat-restore", args=[uid])
    messages.info(request, "The chat is in the trash.", extra_tags=f"undo:{undo}")
    return redirect("chats")


@require_POST
@member
def restore(request: MemberRequest, uid: str) -> HttpResponse:
    services.restore_chat(user=request.user, chat_uid=uid)
    if wants_json(request):
        return JsonResponse({"location": reverse("chat", args=[uid])})
    return redirect("chat", uid)
